"""A conversation with the embedded model."""

from __future__ import annotations

import json
import re

import pytest
from conftest import PROJECT, Visit
from playwright.sync_api import expect
from visitor import ANSWER_MS, Visitor

STORY = "Tell me a short story about a rabbit named Momo who finds a shiny key."
GOLDEN = json.loads((PROJECT / "tests/golden/tiny-tales.golden.json").read_text())["prompts"]
#: Prompts of one message whose greedy answer no rounding can change.
CERTAIN = {
    entry["messages"][0]["content"]: entry["greedy_text"]
    for entry in GOLDEN
    if len(entry["messages"]) == 1 and min(entry["margins"]) > 0.5
}

# Notes, inside the page, what the answer says at the moment of the click on Stop.
NOTE_STOP = """() => {
  const answer = document.querySelector("article[aria-busy=true]");
  const note = () => (window.textAtStop = answer.innerText);
  document.getElementById("send").addEventListener("click", note, {capture: true, once: true});
}"""

# Notes, inside the page, how long the answer is whenever it grows, and whether it is marked as busy.
WATCH_GROWTH = """() => {
  window.growth = [];
  new MutationObserver(() => {
    const answer = document.querySelector("article[data-role=assistant]");
    if (answer) window.growth.push([answer.textContent.length, answer.getAttribute("aria-busy")]);
  }).observe(document.getElementById("log"), {childList: true, subtree: true});
}"""


def test_a_first_visit_ends_with_an_answer(visit: Visit) -> None:
    visitor = visit("/")
    expect(visitor.page.get_by_role("progressbar")).to_be_visible()
    visitor.wait_until("ready")
    expect(visitor.page.get_by_role("progressbar")).to_be_hidden()
    answer = visitor.ask(STORY)
    assert "Momo" in answer
    assert "key" in answer
    assert len(answer.split()) > 40
    expect(visitor.log).to_contain_text(
        re.compile(r"[\d.]+ tokens/s · \d+ tokens · prompt \d+ tokens in [\d.]+ s")
    )
    assert any(url.endswith(".gguf") for url in visitor.requests), (
        "the watch must see the worker's requests too"
    )


def test_the_page_works_from_a_folder(visit: Visit) -> None:
    visitor = visit("/deep/er/")
    visitor.wait_until("ready")
    assert visitor.ask("Why is the sky blue?")
    assert all("/deep/er/" in url for url in visitor.requests)


@pytest.mark.parametrize("prompt", CERTAIN)
def test_greedy_answers_are_those_of_the_reference(visitor: Visitor, prompt: str) -> None:
    assert visitor.ask(prompt) == CERTAIN[prompt]


def test_an_answer_streams(visitor: Visitor) -> None:
    visitor.page.evaluate(WATCH_GROWTH)
    visitor.ask(STORY)
    growth = visitor.page.evaluate("window.growth")
    lengths = [length for length, busy in growth if busy == "true"]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 10  # it is drawn once in a frame, and this model writes several words in one


def test_stop_keeps_the_text_as_it_is_at_that_moment(visitor: Visitor) -> None:
    visitor.send(STORY)
    expect(visitor.answer).to_contain_text("Once upon a time")
    visitor.page.evaluate(NOTE_STOP)
    visitor.button("Stop").click()
    kept = visitor.wait_for_answer()
    assert kept.startswith("Once upon a time")
    assert kept.strip() == visitor.page.evaluate("window.textAtStop").strip()
    expect(visitor.log).to_contain_text("· stopped")
    visitor.ask("What is 8 plus 6?")
    assert visitor.texts()[1] == kept
    assert "14" in visitor.answer.inner_text()  # its words depend on where the story was stopped


# Presses Esc while the end of the last answer seems to be still on its way to the page.
LATE_STOP = """() => {
  const answer = [...document.querySelectorAll("article[data-role=assistant]")].at(-1);
  answer.setAttribute("aria-busy", "true");
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
  answer.setAttribute("aria-busy", "false");
}"""


# Clicks Stop when the story has begun, sooner than a program beside the browser could.
STOP_ONCE = """() => {
  const looking = setInterval(() => {
    const answer = [...document.querySelectorAll("article[data-role=assistant]")].at(-1);
    if (!answer?.textContent.includes("Once")) return;
    clearInterval(looking);
    document.getElementById("send").click();
  }, 5);
}"""


def test_a_stop_that_comes_too_late_changes_nothing_and_the_next_one_works(visitor: Visitor) -> None:
    visitor.ask("What is 8 plus 6?")
    visitor.page.evaluate(LATE_STOP)
    expect(visitor.answer).to_contain_text("14")
    visitor.button("New chat").click()
    expect(visitor.articles).to_have_count(0)
    visitor.ask("What is 8 plus 6?")
    expect(visitor.answer).to_contain_text("14")
    visitor.page.evaluate(STOP_ONCE)
    visitor.send(STORY)
    expect(visitor.log).to_contain_text("· stopped", timeout=ANSWER_MS)
    visitor.wait_for_answer()


def test_escape_stops_too(visitor: Visitor) -> None:
    visitor.send(STORY)
    expect(visitor.answer).to_contain_text("Once")
    visitor.page.keyboard.press("Escape")
    visitor.wait_for_answer()
    expect(visitor.log).to_contain_text("· stopped")


def test_a_second_turn_remembers_the_first(visitor: Visitor) -> None:
    visitor.ask("My name is Anna.")
    assert "Anna" in visitor.ask("What is my name?")


# As in a page that is neither https nor of this machine, and in one whose visitor has said no.
NO_CLIPBOARD = {
    "absent": "Object.defineProperty(navigator, 'clipboard', {value: undefined});",
    "refused": """Object.defineProperty(navigator, "clipboard", {
      value: {writeText: () => Promise.reject(new DOMException("", "NotAllowedError"))},
    });""",
}


@pytest.mark.parametrize("before", ["", *NO_CLIPBOARD.values()], ids=["there", *NO_CLIPBOARD])
def test_an_answer_is_copied(visit: Visit, before: str) -> None:
    visitor = visit("/?temperature=0", before=before)
    visitor.wait_until("ready")
    answer = visitor.ask("My name is Anna.")
    copy = visitor.button("Copy answer")
    copy.click()
    expect(copy).to_have_text("Copied")
    visitor.message.press("ControlOrMeta+v")
    expect(visitor.message).to_have_value(answer)
    expect(copy).to_have_text("")


def test_a_new_chat_forgets(visitor: Visitor) -> None:
    visitor.ask("My name is Anna.")
    visitor.begin_anew()
    assert "Anna" not in visitor.ask("What is my name?")


def test_a_sample_prompt_is_one_click(visitor: Visitor) -> None:
    samples = visitor.page.get_by_role("list", name="Sample prompts").get_by_role("button")
    expect(samples).to_have_count(4)
    prompt = samples.first.inner_text()
    samples.first.click()
    assert visitor.wait_for_answer()
    assert visitor.texts()[0] == prompt
    expect(samples.first).to_be_hidden()


def test_the_keyboard_is_enough(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    keyboard = visitor.page.keyboard
    for _ in range(12):
        keyboard.press("Tab")
        if visitor.message.evaluate("element => element === document.activeElement"):
            break
    keyboard.type("Why is the")
    keyboard.press("Shift+Enter")
    keyboard.type("sky blue?")
    expect(visitor.articles).to_have_count(0)
    assert visitor.message.input_value() == "Why is the\nsky blue?"
    keyboard.press("Enter")
    assert visitor.wait_for_answer()
    assert visitor.texts()[0] == "Why is the\nsky blue?"
    expect(visitor.message).to_be_focused()
    assert visitor.message.input_value() == ""


def test_a_composing_enter_sends_nothing(visitor: Visitor) -> None:
    visitor.message.fill("にほん")
    visitor.message.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    visitor.message.press("End")
    expect(visitor.articles).to_have_count(0)
    assert visitor.message.input_value() == "にほん"


def test_nothing_is_sent_for_blanks(visitor: Visitor) -> None:
    visitor.message.fill("   ")
    visitor.message.press("Enter")
    assert visitor.ask("Why is the sky blue?")
    expect(visitor.articles).to_have_count(2)


def test_what_people_and_models_write_is_text_never_markup(visitor: Visitor) -> None:
    visitor.ask('<img src="x" onerror="alert(1)"><b>bold</b>')
    assert visitor.texts()[0] == '<img src="x" onerror="alert(1)"><b>bold</b>'
    expect(visitor.log.locator("img, b")).to_have_count(0)


def test_the_page_follows_the_answer_only_at_the_end(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 600, "height": 420})
    try:
        visitor.ask(STORY)
        scroller = visitor.page.locator("main")
        at_end = "element => element.scrollHeight - element.scrollTop - element.clientHeight"
        assert scroller.evaluate(at_end) < 2
        visitor.send(STORY)
        scroller.evaluate("element => { element.scrollTop = 0 }")
        expect(visitor.answer).to_contain_text("Once upon a time")
        visitor.wait_for_answer()
        assert scroller.evaluate("element => element.scrollTop") == 0
    finally:
        visitor.page.set_viewport_size({"width": 1100, "height": 760})


def test_the_same_seed_gives_the_same_answer(visit: Visit) -> None:
    visitor = visit("/?seed=7&temperature=0.9")
    visitor.wait_until("ready")
    first = visitor.ask("Tell me a joke.")
    visitor.begin_anew()
    assert visitor.ask("Tell me a joke.") == first
