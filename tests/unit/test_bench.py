"""What the benchmark makes of its figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tools/bench"))

from bitnet_cpp import speeds_of_bench, speeds_of_log  # noqa: E402 - found through the line above
from columns import Column, merged  # noqa: E402
from picture import bars  # noqa: E402
from report import MARKED, PAGE, changes, number, report  # noqa: E402
from targets import (  # noqa: E402
    MODEL,
    RECORDED_G_PRODUCTS_PER_S,
    RECORDED_READ_GB_PER_S,
    SIX_BIT_HEAD,
    TARGETS,
    Run,
    Target,
)

LINE = {"time": "t", "commit": "c", "cpu": "a CPU", "cores": 2, "load_average": 0.5, "version": "1"}


def test_a_target_says_which_level_a_value_reaches() -> None:
    more, less = Target("more", 1, 2, 3, len), Target("less", 26, 16, 11, len)
    assert [more.reached(value) for value in (0.9, 1, 2.5, 3)] == ["missed", "must", "good", "wish"]
    assert [less.reached(value) for value in (27, 26, 12, 11)] == ["missed", "must", "good", "wish"]


def test_every_target_is_a_way_from_must_to_wish() -> None:
    for target in TARGETS:
        assert sorted([target.must, target.good, target.wish]) in (
            [target.must, target.good, target.wish],
            [target.wish, target.good, target.must],
        )


def test_the_best_of_all_rounds_counts() -> None:
    rounds = iter(
        [
            {"token_ms": 5.0, "read_gb_per_s": 9.0, "n_bytes": 1},
            {"token_ms": 7.0, "read_gb_per_s": 11.0, "n_bytes": 2},
        ]
    )
    column = Column("native", "", MODEL, lambda: next(rounds))
    column.run()
    column.run()
    assert column.figures == {"token_ms": 5.0, "read_gb_per_s": 11.0, "n_bytes": 2}
    page = Column("native", "", MODEL)
    page.take({"ready_ms": 1.0})
    assert [found.figures for found in merged([column, page])] == [column.figures | {"ready_ms": 1.0}]


def test_speeds_are_computed_from_the_times_of_one_run() -> None:
    figures = {
        "token_at_512_ms": 50.0,
        "kernels_at_512_ms": 40.0,
        "prefill_128_ms": 2000.0,
        "matrices_ms": 20.0,
        "layers_ms": 25.0,
        "layers_and_head_ms": 40.0,
        "matrices_bytes": 500_000_000,
    }
    run = Run({("chromium", MODEL): figures})
    assert run.decode("chromium") == 20
    assert run.prefill("chromium") == 64
    assert run.kernels_share("chromium", MODEL) == 0.8
    assert run.head_ms("chromium", MODEL) == 15
    assert run.matrices_gb_per_s("chromium") == 25
    assert run.matrices_g_products_per_s("chromium") == 100
    assert number(run.decode, "chromium", MODEL, 4096) == "-"


def test_without_bitnet_cpp_the_recorded_figures_are_scaled_by_what_binds() -> None:
    machine = {
        ("native", None): {"read_one_stream_gb_per_s": 2 * RECORDED_READ_GB_PER_S},
        ("chromium", None): {"relaxed_dot_g_products_per_s": 3 * RECORDED_G_PRODUCTS_PER_S},
    }
    assert Run(machine).bitnet_cpp("decode") == pytest.approx(12.8)
    assert Run(machine).bitnet_cpp("prefill") == pytest.approx(84)
    figures = {"decode_tokens_per_s": 7.0, "prefill_tokens_per_s": 30.0}
    measured = Run(machine | {("bitnet.cpp", model): figures for model in (MODEL, SIX_BIT_HEAD)})
    assert measured.bitnet_cpp("decode") == 7
    assert measured.bitnet_cpp("prefill") == 30


def test_the_output_of_llama_bench_and_of_llama_cli_is_understood() -> None:
    tests = [{"n_prompt": 128, "n_gen": 0, "avg_ts": 28.5}, {"n_prompt": 0, "n_gen": 24, "avg_ts": 6.25}]
    expected = {"prefill_tokens_per_s": 28.5, "decode_tokens_per_s": 6.25}
    assert speeds_of_bench(json.dumps(tests)) == expected
    log = """
llama_perf: prompt eval time =  4491.23 ms / 128 tokens ( 35.09 ms per token,  28.50 tokens per second)
llama_perf:        eval time =  3680.00 ms /  23 runs   (160.00 ms per token,   6.25 tokens per second)
"""
    assert speeds_of_log(log) == expected
    assert speeds_of_bench("error: no such file") == speeds_of_log("no such file") == {}


def test_a_report_shows_what_was_measured_and_leaves_the_rest_open() -> None:
    page = {
        "ready_ms": 1500.0,
        "first_token_ms": 1750.0,
        "shipped_bytes": 5_500_000,
        "shipped_bytes_by_part": {"Pyodide": 3_000_000, "the page": 2_500_000},
    }
    text = report([LINE | {"place": "chromium", "model": "tiny-tales", "figures": page}])
    assert "| page open to first token, everything cached, s | 1.75 | good | 4 | 2.5 | 1.5 |" in text
    assert "| decode at 512 positions, tokens/s | - | - | 8 | 10 | 12.6 |" in text
    assert "| Pyodide | 3.00 |" in text


def test_the_page_has_a_place_for_the_report() -> None:
    assert len(MARKED.findall(PAGE.read_text(encoding="utf-8"))) == 1


def test_changes_are_ratios_of_times_that_both_runs_have() -> None:
    before, after = (
        [LINE | {"place": "native", "model": MODEL, "figures": {"layers_ms": value, "matrices_bytes": 1}}]
        for value in (40.0, 30.0)
    )
    assert f"| native, {MODEL}: layers_ms | 30 | 0.750 |" in changes(before, after)
    assert changes([], after) == ""


def test_bars_are_as_long_as_their_numbers() -> None:
    svg = bars("Speeds", ["decode"], [["fast <one>", "20"], ["slow", "5"], ["not measured", "-"]])
    assert 'width="320.0"' in svg
    assert 'width="80.0"' in svg
    assert "fast &lt;one&gt;" in svg
    assert "not measured" not in svg
