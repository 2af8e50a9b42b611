"""What the page shows and hands out of a benchmark."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from xml.dom import minidom

import pytest
from bitnet.bench import Speed
from bitnet.ui import figures
from bitnet.ui.benchmark import Benchmark
from bitnet.ui.benchmark_view import picture
from test_page import open_page
from test_view import READY, shown

PLATFORM = {"platform": "Somewhere", "hardware_threads": 2, "isolated": False}
CONDITIONS = {"kernel": "scalar", "kv": "f16", **PLATFORM}
SPEEDS = (Speed(1, 128, (10.0, 30.0, 20.0), (5.0, 6.0, 7.0)), Speed(1, 512, (8.0,), (4.0,)))


def test_runs_with_other_numbers_of_cores_stand_side_by_side() -> None:
    seen = (
        Benchmark("Tiny Model", CONDITIONS).with_speeds(SPEEDS).with_speeds([Speed(2, 128, (40.0,), (9.0,))])
    )
    seen = seen.with_speeds([Speed(1, 128, (11.0,), (5.5,))])
    assert [(each.n_ranks, each.context) for each in seen.speeds] == [(1, 128), (2, 128)]
    assert json.loads(seen.to_json())["kernel"] == "scalar"


def test_numbers_have_their_spread_and_conditions() -> None:
    seen = Benchmark("Tiny Model", CONDITIONS).with_speeds(SPEEDS)
    nodes = shown(replace(READY, benchmark=seen))
    assert nodes["speeds-0-2"].text == "20.0 (10.0 to 30.0)"
    assert nodes["benchmark-run"].text == "Run again"
    assert "page not isolated. Somewhere" in nodes["benchmark-conditions"].text
    assert nodes["benchmark-decode"].attributes["aria-label"] == (
        "Answer, tokens per second, by tokens of context. 1 core: 6.0 at 128, 4.0 at 512"
    )
    assert nodes["benchmark"].attributes == {"data-open": ""}


@pytest.mark.parametrize(
    ("fastest", "ticks"), [(903.4, "0 500 1,000"), (20.0, "0 10 20"), (0.07, "0 0.04 0.08"), (3.0, "0 2 4")]
)
def test_an_axis_ends_at_a_round_number(fastest: float, ticks: str) -> None:
    drawn = picture("decode", (Speed(1, 128, (1.0,), (fastest,)),))
    assert " ".join(node.text for node in drawn.children if "tick" in node.id) == ticks


def test_the_picture_is_an_svg_file() -> None:
    text = figures.as_file(picture("prefill", SPEEDS), 'A "tiny" <model>')
    root = minidom.parseString(text).documentElement
    assert root is not None
    assert root.tagName == "svg"
    assert len(root.getElementsByTagName("polyline")) == 1


def test_a_run_can_be_stopped_and_leaves_the_page_ready(tiny_tales: Path) -> None:
    async def run() -> None:
        sheet = await open_page(model=tiny_tales)
        for number, event in enumerate(("open_benchmark", "run_benchmark")):
            sheet.page.receive(number, event, {}, [])
        await sheet.wait_for('benchmark-progress", "value"')
        sheet.page.receive(3, "stop_benchmark", {}, [])
        await sheet.wait_for('["attribute", "benchmark-run", "data-event", "run_benchmark"]')

    asyncio.run(run())
