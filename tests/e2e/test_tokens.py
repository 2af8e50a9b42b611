"""An answer as its tokens: how likely each was, and what the answer would be from another one on."""

from __future__ import annotations

from conftest import Visit
from playwright.sync_api import Locator, expect
from visitor import ANSWER_MS, Visitor

SUM, SUM_ANSWER = "What is 8 plus 6?", "8 plus 6 is 14."


def show_tokens(visitor: Visitor) -> Locator:
    """The tokens of the last answer, all of them."""
    visitor.log.get_by_role("button", name="Show tokens").last.click()
    article = visitor.log.get_by_role("article", name="Tokens of the answer")
    expect(article).to_contain_text("14.", timeout=ANSWER_MS)
    expect(article.locator(".token").last).to_have_text(".", timeout=ANSWER_MS)
    return article.locator(".token")


def test_tokens_are_reached_and_chosen_by_keyboard(visitor: Visitor) -> None:
    visitor.ask(SUM)
    tokens = show_tokens(visitor)
    assert "".join(tokens.all_text_contents()) == SUM_ANSWER
    expect(visitor.log.get_by_role("button", name="Show tokens")).to_have_attribute("aria-pressed", "true")
    shades = {each.get_attribute("data-shade") for each in tokens.all()}
    assert shades <= set("01234")
    visitor.log.get_by_role("button", name="Copy question").focus()
    for _ in range(3):  # past the other actions of the question
        visitor.page.keyboard.press("Tab")
    expect(tokens.first).to_be_focused()
    visitor.page.keyboard.press("End")
    expect(tokens.last).to_be_focused()
    visitor.page.keyboard.press("Home")
    visitor.page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    visitor.page.keyboard.press("Enter")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_role("listitem")).to_have_count(8)
    expect(dialog.get_by_role("button", name="Continue from plus")).to_have_attribute("aria-current", "true")
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(tokens.nth(1)).to_be_focused()
    visitor.log.get_by_role("button", name="Show tokens").click()
    expect(visitor.articles).to_have_text([SUM, SUM_ANSWER])


def test_an_answer_goes_on_from_another_token_and_outlives_a_reload(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask(SUM)
    visitor.page.reload()
    visitor.wait_until("ready")
    show_tokens(visitor).nth(1).click()
    other = visitor.page.get_by_role("dialog").get_by_role("button", name="Continue from").nth(1)
    chosen = (other.locator(".piece").text_content() or "").replace("␣", " ")
    other.click()
    expect(visitor.log).to_contain_text("2 of 2", timeout=ANSWER_MS)
    visitor.wait_for_answer()
    source = visitor.source()
    assert source.startswith(f"8{chosen}")
    assert len(source) > len(f"8{chosen}")
    visitor.page.reload()
    visitor.wait_until("ready")
    assert visitor.source() == source
    visitor.log.get_by_role("button", name="Earlier version").click()
    expect(visitor.answer).to_have_text(SUM_ANSWER)
