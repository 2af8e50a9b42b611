"""The benchmark of the model in use, in the tab."""

from __future__ import annotations

import json

from conftest import Visit
from playwright.sync_api import Locator, expect
from visitor import ANSWER_MS, Visitor


def open_benchmark(visitor: Visitor) -> Locator:
    visitor.button("Models").click()
    visitor.page.get_by_role("dialog").get_by_role("button", name="Benchmark").click()
    dialog = visitor.page.get_by_role("dialog", name="Benchmark")
    expect(dialog).to_be_visible()
    return dialog


def test_speeds_are_measured_and_the_conversation_goes_on(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask("What is 8 plus 6?")
    used = visitor.page.locator("#context").inner_text()
    dialog = open_benchmark(visitor)
    dialog.get_by_role("button", name="Run").click()
    again = dialog.get_by_role("button", name="Run again")
    expect(again).to_be_visible(timeout=ANSWER_MS)
    rows = dialog.get_by_role("table", name="Speeds").locator("tbody").get_by_role("row")
    expect(rows).to_have_count(2)  # the small model has a context of 1,024
    expect(dialog.get_by_role("img")).to_have_count(2)
    dialog.locator("summary").click()
    found = json.loads(dialog.locator("#benchmark-json").inner_text())
    assert [each["context"] for each in found["speeds"]] == [128, 512]
    assert all(len(each["decode_tokens_per_s"]["all"]) == 3 for each in found["speeds"])
    assert "Mozilla" in found["platform"]
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    visitor.page.keyboard.press("Escape")
    assert visitor.page.locator("#context").inner_text() == used
    visitor.ask("What is 2 plus 2?")


def test_a_run_is_stopped(visit: Visit) -> None:
    visitor = visit("/?kernel=scalar")
    visitor.wait_until("ready")
    dialog = open_benchmark(visitor)
    dialog.get_by_role("button", name="Run").click()
    dialog.get_by_role("button", name="Stop").click()
    expect(dialog.get_by_role("button", name="Run")).to_be_visible()
    expect(dialog.get_by_role("progressbar")).to_be_hidden()
