"""Looking into the model in use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Visit, open_context
from playwright.sync_api import Browser, Locator, expect
from visitor import Visitor

N_TENSORS, N_LAYERS = 134, 12


def open_inspector(visitor: Visitor) -> Locator:
    visitor.button("Models").click()
    visitor.button("Inspect").click()
    dialog = visitor.page.get_by_role("dialog", name="Inside BitNet b1.58 Tiny Tales 40M")
    expect(dialog).to_be_visible()
    return dialog


def test_a_model_is_looked_into_by_keyboard(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    dialog = open_inspector(visitor)
    expect(dialog.get_by_role("img")).to_have_accessible_name(re.compile("Weights 14.8 MB, .* Vocabulary"))
    expect(dialog.get_by_role("table", name="Tensor types").get_by_role("row")).to_have_count(4)
    dialog.get_by_text("Tensors 134").focus()
    visitor.page.keyboard.press("Enter")
    rows = dialog.get_by_role("table", name="Tensors", exact=True).locator("tbody").get_by_role("row")
    expect(rows).to_have_count(N_TENSORS)
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.type("ffn_down")
    expect(rows).to_have_count(N_LAYERS)
    expect(dialog.get_by_text("Tensors 12 of 134")).to_be_visible()
    visitor.page.keyboard.press("Tab")  # the table itself, which scrolls
    visitor.page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Name")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("Enter")
    expect(dialog.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    expect(rows.first).to_contain_text("blk.11.ffn_down.weight")
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(visitor.button("Inspect")).to_be_focused()


def test_metadata_is_searched_and_the_template_read(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    dialog = open_inspector(visitor)
    dialog.get_by_text("Metadata").last.click()
    dialog.get_by_role("searchbox", name="Search the metadata").fill("rope")
    expect(dialog.locator("#inspector-metadata dt")).to_have_count(2)
    expect(dialog.locator("#inspector-metadata dd").first).to_be_visible()
    dialog.get_by_text("Chat template").first.click()
    expect(dialog.get_by_role("region", name="Chat template")).to_contain_text("add_generation_prompt")


def test_weights_are_counted_while_an_answer_is_written(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.message.fill("Tell me a short story about a fox named Pip.")
    visitor.button("Send").click()
    dialog = open_inspector(visitor)
    dialog.get_by_role("button", name="Count them").click()
    picture = dialog.get_by_role("img", name="Shares of −1, 0 and +1")
    expect(picture).to_be_visible()
    expect(picture.locator("rect")).to_have_count(3 * N_LAYERS)
    dialog.locator("summary", has_text="By layer").click()
    table = dialog.get_by_role("table", name="By layer")
    expect(table.get_by_role("row")).to_have_count(N_LAYERS + 1)
    expect(table.get_by_role("row").nth(1)).to_contain_text("3,145,728")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    visitor.page.keyboard.press("Escape")
    assert visitor.wait_for_answer()


def test_what_is_known_is_handed_out(visit: Visit, browser_name: str, tmp_path: Path) -> None:
    if browser_name == "firefox":
        pytest.skip("Playwright sees no downloads of a stock Firefox")
    visitor = visit("/")
    visitor.wait_until("ready")
    dialog = open_inspector(visitor)
    dialog.get_by_role("button", name="Count them").click()
    expect(dialog.get_by_role("img", name="Shares of −1, 0 and +1")).to_be_visible()
    with visitor.page.expect_download() as download:
        dialog.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "model.json")
    found = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert len(found["weight_counts"]) == 7 * N_LAYERS
    assert len(found["tensors"]) == N_TENSORS


def test_two_cores_say_together_what_they_hold(browser: Browser, isolated_site: str) -> None:
    visitor = Visitor(open_context(browser), isolated_site)
    visitor.open("/?ranks=2")
    visitor.wait_until("ready")
    dialog = open_inspector(visitor)
    expect(dialog.get_by_text("in all over 2 cores.")).to_be_visible()
    dialog.get_by_role("button", name="Count them").click()
    expect(dialog.get_by_role("img", name="Shares of −1, 0 and +1")).to_be_visible()
    dialog.locator("summary", has_text="By matrix").click()
    rows = dialog.get_by_role("table", name="By matrix").get_by_role("row")
    expect(rows.filter(has_text="ffn_down")).to_contain_text("9,437,184")
    visitor.leave()
