"""Conversations: versions of messages, and the list of what was said before, which outlives the tab."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import DIST, Visit
from playwright.sync_api import Locator, expect
from visitor import ANSWER_MS, Visitor

TINY = "models/tiny-tales/bitnet-tiny-i2_s.gguf"
SUM, SUM_ANSWER = "What is 8 plus 6?", "8 plus 6 is 14."


def last(visitor: Visitor, name: str) -> Locator:
    """The button of this name under the last message that has one."""
    return visitor.log.get_by_role("button", name=name).last


def open_list(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("complementary", name="Conversations")


def titles(visitor: Visitor) -> list[str]:
    return open_list(visitor).get_by_role("listitem").all_inner_texts()


def chat(visitor: Visitor, title: str) -> Locator:
    return open_list(visitor).get_by_role("button", name=title, exact=True)


# ---- Messages and their versions ----


def test_another_answer_is_kept_beside_the_first(visitor: Visitor) -> None:
    visitor.ask(SUM)
    last(visitor, "Answer again").click()
    expect(visitor.log).to_contain_text("2 of 2", timeout=ANSWER_MS)
    assert visitor.wait_for_answer() == SUM_ANSWER
    last(visitor, "Earlier version").click()
    expect(visitor.log).to_contain_text("1 of 2")
    expect(last(visitor, "Earlier version")).to_be_disabled()
    assert visitor.texts() == [SUM, SUM_ANSWER]


def test_an_edited_question_is_answered_and_the_one_before_can_be_had_back(visitor: Visitor) -> None:
    visitor.ask(SUM)
    visitor.ask("My name is Anna.")
    visitor.log.get_by_role("button", name="Edit question").first.click()
    field = visitor.page.get_by_role("textbox", name="Edit the question")
    expect(field).to_be_focused()
    expect(field).to_have_value(SUM)
    expect(field).to_be_in_viewport()
    field.fill("What is 2 plus 2?")
    field.press("Control+Enter")
    expect(visitor.articles.first).to_have_text("What is 2 plus 2?")
    assert "4" in visitor.wait_for_answer()
    visitor.log.get_by_role("button", name="Earlier version").first.click()
    expect(visitor.articles).to_have_text([SUM, SUM_ANSWER, "My name is Anna.", re.compile("Anna")])


def test_escape_leaves_a_question_as_it_was(visitor: Visitor) -> None:
    visitor.ask(SUM)
    last(visitor, "Edit question").click()
    field = visitor.page.get_by_role("textbox", name="Edit the question")
    field.fill("Something else")
    field.press("Escape")
    expect(visitor.articles.first).to_have_text(SUM)


def test_an_answer_that_a_person_has_begun_is_written_on(visitor: Visitor) -> None:
    visitor.ask(SUM)
    last(visitor, "Edit answer").click()
    visitor.page.get_by_role("textbox", name="Edit the answer").fill("8 plus 6")
    visitor.button("Save").click()
    expect(visitor.answer).to_have_text("8 plus 6")
    last(visitor, "Continue the answer").click()
    expect(visitor.answer).to_have_text(SUM_ANSWER, timeout=ANSWER_MS)
    visitor.wait_for_answer()
    visitor.log.get_by_role("button", name="Earlier version").click()
    expect(visitor.answer).to_have_text(SUM_ANSWER)


def test_a_deleted_message_can_be_had_back(visitor: Visitor) -> None:
    visitor.ask(SUM)
    visitor.ask("My name is Anna.")
    visitor.log.get_by_role("button", name="Delete question").last.click()
    expect(visitor.articles).to_have_count(2)
    expect(visitor.page.locator("#notices")).to_contain_text("2 messages are deleted.")
    visitor.button("Undo").click()
    expect(visitor.articles).to_have_count(4)
    expect(visitor.page.locator("#notices")).to_be_empty()


# ---- The list ----


def test_conversations_are_listed_opened_and_found(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    expect(open_list(visitor)).to_be_hidden()
    visitor.ask(SUM)
    expect(chat(visitor, SUM)).to_be_visible()
    visitor.begin_anew()
    visitor.ask("My name is Anna.")
    assert [title.strip() for title in titles(visitor)] == ["My name is Anna.", SUM]
    search = open_list(visitor).get_by_role("searchbox", name="Search conversations")
    search.fill("14")
    expect(open_list(visitor).get_by_role("listitem")).to_have_text([SUM])
    search.fill("nothing like this")
    expect(open_list(visitor)).to_contain_text("Nothing with “nothing like this”.")
    search.fill("")
    chat(visitor, SUM).click()
    expect(visitor.articles).to_have_text([SUM, SUM_ANSWER])
    expect(chat(visitor, SUM)).to_have_attribute("aria-current", "true")
    assert "Anna" not in visitor.ask("What is my name?")
    chat(visitor, "My name is Anna.").click()
    expect(visitor.articles.first).to_have_text("My name is Anna.")
    assert "Anna" in visitor.ask("What is my name?")


def test_a_new_tab_finds_what_was_said_in_another(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask(SUM)
    other = Visitor(visitor.context, visitor.site)
    other.open("/?temperature=0")
    other.wait_until("ready")
    expect(other.articles).to_have_count(0)
    chat(other, SUM).click()
    expect(other.articles).to_have_count(2)
    assert "My name is" not in other.ask("My name is Anna.")
    visitor.page.reload()
    visitor.wait_until("ready")
    expect(visitor.articles).to_have_count(2)  # this tab goes on where it was
    other.check()


def test_a_conversation_gets_a_title_a_pin_and_is_deleted(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask(SUM)
    visitor.begin_anew()
    visitor.ask("My name is Anna.")
    chat(visitor, SUM).click()
    expect(visitor.articles.first).to_have_text(SUM)
    visitor.button("Rename conversation").click()
    field = visitor.page.get_by_role("textbox", name="Title of the conversation")
    expect(field).to_be_focused()
    field.fill("Sums")
    field.press("Enter")
    expect(chat(visitor, "Sums")).to_be_visible()
    visitor.button("Pin conversation").click()
    expect(visitor.button("Unpin conversation")).to_be_visible()
    expect(open_list(visitor).get_by_role("listitem").first).to_contain_text("Sums")
    visitor.page.reload()
    visitor.wait_until("ready")
    expect(open_list(visitor).get_by_role("listitem").first).to_contain_text("Sums")
    visitor.button("Delete conversation").click()
    expect(chat(visitor, "Sums")).to_have_count(0)
    expect(visitor.articles).to_have_count(0)
    visitor.button("Undo").click()
    expect(chat(visitor, "Sums")).to_be_visible()
    expect(visitor.articles).to_have_count(2)


def test_a_conversation_keeps_its_own_settings(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask(SUM)
    visitor.begin_anew()
    visitor.button("Settings").click()
    visitor.page.get_by_label("System prompt").fill("Be kind.")
    visitor.page.keyboard.press("Escape")
    visitor.ask("My name is Anna.")
    chat(visitor, SUM).click()
    expect(visitor.articles.first).to_have_text(SUM)
    expect(visitor.page.locator("#setting-system")).to_have_value("")
    chat(visitor, "My name is Anna.").click()
    expect(visitor.page.locator("#setting-system")).to_have_value("Be kind.")


def test_a_conversation_says_that_another_model_will_continue_it(visit: Visit, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes((DIST / TINY).read_bytes().replace(b"Tiny Tales", b"Tall Tales"))
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask(SUM)
    handover = visitor.page.locator("#handover")
    expect(handover).to_be_empty()
    visitor.load_file(str(other))
    expect(handover).to_have_text(
        "Answered by BitNet b1.58 Tiny Tales 40M; BitNet b1.58 Tall Tales 40M will continue."
    )
    visitor.begin_anew()
    expect(handover).to_be_empty()
    chat(visitor, SUM).click()
    expect(handover).to_contain_text("Tall Tales 40M will continue.")
    visitor.ask("My name is Anna.")
    expect(handover).to_be_empty()


def test_conversations_go_into_a_file_and_come_back(visit: Visit, tmp_path: Path, browser_name: str) -> None:
    if browser_name == "firefox":
        pytest.skip("Playwright sees no downloads of a stock Firefox")
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask(SUM)
    with visitor.page.expect_download() as markdown:
        visitor.button("Export as Markdown").click()
    assert markdown.value.suggested_filename == "What is 8 plus 6.md"
    text = markdown.value.path().read_text()
    assert text.startswith(f"# {SUM}\n\n**You**\n\n{SUM}\n\n**")
    assert SUM_ANSWER in text
    with visitor.page.expect_download() as download:
        visitor.button("Export as JSON").click()
    file = tmp_path / "one.json"
    download.value.save_as(file)

    other = visit("/?temperature=0")
    other.wait_until("ready")
    other.page.get_by_role("button", name="Conversations").click()
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps([{"version": 1, "chat": {}}]))
    other.page.get_by_label("Import").set_input_files(broken)
    expect(other.alert).to_contain_text("choose a JSON file that was exported here")
    other.button("Dismiss").click()
    other.page.get_by_label("Import").set_input_files(file)
    expect(other.articles).to_have_count(2)
    assert other.texts() == [SUM, SUM_ANSWER]
    expect(chat(other, SUM)).to_be_visible()


def test_on_a_phone_the_list_lies_over_the_conversation(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.page.set_viewport_size({"width": 360, "height": 700})
    visitor.wait_until("ready")
    visitor.ask(SUM)
    expect(open_list(visitor)).to_be_hidden()
    toggle = visitor.page.get_by_role("button", name="Conversations")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    toggle.click()
    expect(open_list(visitor)).to_be_visible()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    visitor.page.keyboard.press("Escape")
    expect(open_list(visitor)).to_be_hidden()
    toggle.click()
    chat(visitor, SUM).click()
    expect(open_list(visitor)).to_be_hidden()
