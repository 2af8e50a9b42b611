"""Every state of the page against the rules of WCAG 2.2 AA that a program can check, with axe-core."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from conftest import PROJECT, Visit
from playwright.sync_api import expect
from test_layout import PHONE
from visitor import ANSWER_MS, Visitor

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => {
  const {violations} = await axe.run(document, {runOnly: tags});
  return violations.map(({id, help, nodes}) => `${id}: ${help}: ${nodes.map(({html}) => html).join(" ")}`);
}"""


@cache
def axe() -> str:
    return (PROJECT / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def violations(visitor: Visitor) -> list[str]:
    visitor.page.evaluate(f"() => {{ {axe()} }}")
    found: list[str] = visitor.page.evaluate(RUN, TAGS)
    return found


def nothing(visitor: Visitor) -> None:
    """The page as it is when the model is ready."""


def answered(visitor: Visitor) -> None:
    visitor.ask("What is 8 plus 6?")
    visitor.log.get_by_role("button", name="Answer again").click()
    expect(visitor.log).to_contain_text("2 of 2")


def edited(visitor: Visitor) -> None:
    visitor.ask("What is 8 plus 6?")
    visitor.log.get_by_role("button", name="Edit question").click()
    expect(visitor.page.get_by_role("textbox", name="Edit the question")).to_be_focused()


def tokens(visitor: Visitor) -> None:
    answered(visitor)
    visitor.log.get_by_role("button", name="Show tokens").click()
    expect(visitor.page.locator(".tokens > .muted")).to_be_empty()


def alternatives(visitor: Visitor) -> None:
    tokens(visitor)
    visitor.page.locator(".token").first.click()
    expect(visitor.page.get_by_role("dialog").get_by_role("listitem")).to_have_count(8)


def models(visitor: Visitor) -> None:
    visitor.button("Models").click()


def inspected(visitor: Visitor) -> None:
    models(visitor)
    visitor.button("Inspect").click()
    dialog = visitor.page.locator("#inspector")
    dialog.get_by_role("button", name="Count them").click()
    expect(dialog.locator("#weights-figure")).to_be_visible()
    for folded in dialog.locator("summary").all():
        folded.click()


def benchmarked(visitor: Visitor) -> None:
    models(visitor)
    visitor.button("Benchmark").click()
    dialog = visitor.page.locator("#benchmark")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog.get_by_role("button", name="Run again")).to_be_visible(timeout=ANSWER_MS)
    dialog.locator("summary").click()


def settings(visitor: Visitor) -> None:
    visitor.button("Settings").click()


def shortcuts(visitor: Visitor) -> None:
    visitor.button("Keyboard shortcuts").click()


def conversations(visitor: Visitor) -> None:
    visitor.ask("What is 8 plus 6?")
    visitor.page.get_by_role("button", name="Conversations").click()


def deleted(visitor: Visitor) -> None:
    visitor.ask("What is 8 plus 6?")
    visitor.log.get_by_role("button", name="Delete question").click()


STATES = (
    nothing,
    answered,
    edited,
    tokens,
    alternatives,
    models,
    inspected,
    benchmarked,
    settings,
    shortcuts,
    conversations,
    deleted,
)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_no_rule_is_broken(visit: Visit, state: Callable[[Visitor], None], size: str) -> None:
    visitor = visit("/?temperature=0")
    if size == "phone":
        visitor.page.set_viewport_size(PHONE)
    visitor.wait_until("ready")
    state(visitor)
    assert violations(visitor) == []
