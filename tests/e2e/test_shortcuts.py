"""The keyboard: what the help lists is what the keys do."""

from __future__ import annotations

from conftest import Visit
from playwright.sync_api import Locator, expect
from visitor import Visitor

STORY = "Tell me a short story about a rabbit named Momo who finds a shiny key."


def help_dialog(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("dialog", name="Keyboard shortcuts")


def test_a_question_mark_lists_the_keys_but_not_while_somebody_writes(visitor: Visitor) -> None:
    visitor.message.press("?")
    expect(visitor.message).to_have_value("?")
    expect(help_dialog(visitor)).to_be_hidden()
    visitor.message.fill("")
    visitor.button("Settings").focus()
    visitor.page.keyboard.press("?")
    for words in ("Send the message", "Stop the answer", "New chat", "Write a message"):
        expect(help_dialog(visitor)).to_contain_text(words)
    visitor.page.keyboard.press("Escape")
    expect(help_dialog(visitor)).to_be_hidden()
    visitor.button("Keyboard shortcuts").click()
    expect(help_dialog(visitor)).to_be_visible()


def test_keys_begin_a_chat_go_to_the_message_and_stop_the_answer(visitor: Visitor) -> None:
    visitor.button("Settings").focus()
    visitor.page.keyboard.press("/")
    expect(visitor.message).to_be_focused()
    expect(visitor.message).to_have_value("")
    visitor.send(STORY)
    visitor.page.keyboard.press("Escape")
    visitor.wait_for_answer()
    expect(visitor.log).to_contain_text("stopped")
    visitor.message.fill("What is 8 plus 6?")
    visitor.message.press("ControlOrMeta+Shift+O")
    expect(visitor.articles).to_have_count(0)
    visitor.message.press("ControlOrMeta+Enter")
    assert visitor.wait_for_answer() == "8 plus 6 is 14."


def test_plain_keys_can_be_switched_off(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    visitor.button("Keyboard shortcuts").click()
    visitor.page.get_by_label("Keys without Ctrl").uncheck()
    visitor.page.reload()
    visitor.wait_until("ready")
    visitor.button("Settings").focus()
    visitor.page.keyboard.press("/")  # Firefox searches then
    expect(visitor.message).not_to_be_focused()
    visitor.button("Settings").focus()
    visitor.page.keyboard.press("?")
    expect(help_dialog(visitor)).to_be_hidden()
