"""A model in several files: by the first one's address, chosen, or dropped."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
from conftest import DIST, PROJECT, Visit
from playwright.sync_api import Route, expect
from test_models import facts
from visitor import Visitor

sys.path.insert(0, str(PROJECT / "tests/unit"))

from splitting import split

N_PARTS = 3


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The embedded model in three files."""
    folder = tmp_path_factory.mktemp("parts")
    data = (DIST / "models/tiny-tales/bitnet-tiny-i2_s.gguf").read_bytes()
    paths = [folder / f"tiny-{number:05}-of-{N_PARTS:05}.gguf" for number in range(1, N_PARTS + 1)]
    for path, part in zip(paths, split(data, N_PARTS), strict=True):
        path.write_bytes(part)
    return paths


def serve(visitor: Visitor, paths: list[Path]) -> None:
    """Let the site have these files at /parts/."""
    for path in paths:
        visitor.context.route(f"**/parts/{path.name}", partial(fulfill, path=path))


def fulfill(route: Route, path: Path) -> None:
    route.fulfill(path=path, headers={"content-length": str(path.stat().st_size)})


def test_the_address_of_the_first_part_is_enough(visit: Visit, parts: list[Path]) -> None:
    visitor = visit("/?temperature=0")
    serve(visitor, parts)
    visitor.wait_until("ready")
    visitor.load_url(f"parts/{parts[0].name}")
    visitor.wait_until("ready")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    total = sum(path.stat().st_size for path in parts)
    assert facts(visitor.page)["Size"] == f"{total / 1e6:.1f} MB"
    read = [url.rsplit("/", 1)[-1] for url in visitor.requests if "/parts/" in url]
    assert set(read) == {path.name for path in parts}


def test_a_missing_part_is_named_and_the_model_before_stays(visit: Visit, parts: list[Path]) -> None:
    visitor = visit("/?temperature=0")
    visitor.allow("404")
    serve(visitor, parts[:2])
    visitor.wait_until("ready")
    visitor.load_url(f"parts/{parts[0].name}")
    expect(visitor.alert).to_contain_text(parts[2].name)
    expect(visitor.alert).to_contain_text("is still in use")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."


def test_all_parts_are_chosen_together_in_any_order(visit: Visit, parts: list[Path]) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.button("Models").click()
    picker = visitor.page.get_by_label("Open a file")
    picker.set_input_files([parts[2], parts[0], parts[1]])
    visitor.wait_until("ready")
    expect(visitor.alert).to_have_count(0)
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    visitor.button("Models").click()
    picker.set_input_files([parts[0], parts[1]])
    expect(visitor.alert).to_contain_text("Part 3 of 3 is missing")
    visitor.button("Models").click()
    picker.set_input_files(parts[1])
    expect(visitor.alert).to_contain_text("open the first one")


def test_dropped_parts_become_the_model(visit: Visit, parts: list[Path]) -> None:
    visitor = visit("/?temperature=0")
    serve(visitor, parts)
    visitor.wait_until("ready")
    visitor.page.evaluate(
        """async (names) => {
          const dataTransfer = new DataTransfer();
          for (const name of names) {
            const bytes = await (await fetch(`parts/${name}`)).arrayBuffer();
            dataTransfer.items.add(new File([bytes], name));
          }
          document.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
        }""",
        [path.name for path in reversed(parts)],
    )
    expect(visitor.page.locator("#loading-text")).to_contain_text(parts[0].name)
    visitor.wait_until("ready")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
