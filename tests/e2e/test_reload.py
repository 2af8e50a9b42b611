"""Reloads and crashes: the page works again, and the conversation is still there."""

from __future__ import annotations

from conftest import Visit
from playwright.sync_api import expect

# An event that nobody knows makes the worker's code fail in a way that it does not expect.
CRASH = """() => {
  const button = document.getElementById("new-chat");
  button.dataset.event = "burn_down";
  button.click();
}"""
STORY = "Tell me a short story about a rabbit named Momo who finds a shiny key."


def test_a_reload_keeps_the_conversation_and_its_memory(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask("My name is Anna.")
    before = visitor.texts()
    visitor.page.reload()
    visitor.wait_until("ready")
    assert visitor.texts() == before
    assert "Anna" in visitor.ask("What is my name?")
    visitor.begin_anew()
    visitor.page.reload()
    visitor.wait_until("ready")
    expect(visitor.articles).to_have_count(0)


def test_a_reload_in_the_middle_of_an_answer_keeps_the_question(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    visitor.send(STORY)
    expect(visitor.answer).to_contain_text("a")
    visitor.page.reload()
    visitor.wait_until("ready")
    assert visitor.texts()[0] == STORY
    assert visitor.ask("Why is the sky blue?")


def test_a_crash_of_the_worker_offers_a_reload_and_keeps_the_conversation(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    visitor.ask("What is 8 plus 6?")
    before = visitor.texts()
    visitor.page.evaluate(CRASH)
    expect(visitor.alert).to_contain_text("the conversation is kept")
    visitor.wait_until("error")
    visitor.button("Reload").click()
    visitor.wait_until("ready")
    assert visitor.texts() == before
    assert visitor.ask("Why is the sky blue?")
