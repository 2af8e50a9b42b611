"""The benchmark: a picture of what was measured, the numbers beside it, and under which conditions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from statistics import median

from bitnet.bench import REPEATS, Speed
from bitnet.ui import figures
from bitnet.ui.benchmark import Benchmark
from bitnet.ui.node import Node, View, hidden
from bitnet.ui.state import State
from bitnet.ui.table import table

KINDS: dict[str, tuple[str, Callable[[Speed], tuple[float, ...]]]] = {
    "decode": ("Answer, tokens per second", lambda each: each.decode),
    "prefill": ("Prompt, tokens per second", lambda each: each.prefill),
}


def benchmark(state: State) -> View:
    """The dialog: its contents before it is opened."""
    seen = state.benchmark
    if seen is None or not seen.is_open:
        return (Node("", "benchmark", {"data-open": None}),)
    running = seen.running
    done, total = running or (0, 1)
    return (
        Node("", "benchmark-model", text=seen.model),
        _run(seen),
        Node("", "benchmark-progress", {**hidden(running is None), "max": str(total), "value": str(done)}),
        Node("", "benchmark-problem", text=seen.problem),
        Node("", "benchmark-results", children=_results(seen.speeds)),
        Node("", "benchmark-conditions", text=_conditions(seen) if seen.speeds else ""),
        Node("", "benchmark-share", hidden(not seen.speeds or running is not None)),
        Node("", "benchmark-json", text=seen.to_json() if seen.speeds and not running else ""),
        Node("", "benchmark", {"data-open": ""}),
    )


def _run(seen: Benchmark) -> Node:
    if seen.running:
        return Node("", "benchmark-run", {"data-event": "stop_benchmark"}, "Stop")
    return Node("", "benchmark-run", {"data-event": "run_benchmark"}, "Run again" if seen.speeds else "Run")


def _conditions(seen: Benchmark) -> str:
    found = seen.conditions
    isolated = "isolated" if found["isolated"] else "not isolated"
    return (
        f"Median of up to {REPEATS} repeats, with the least and the most; a wide spread means other work "
        f"went on. Kernel {found['kernel']}, KV cache {found['kv']}, {found['hardware_threads']} hardware "
        f"threads, page {isolated}. {found['platform']}"
    )


@lru_cache(maxsize=2)
def _results(speeds: tuple[Speed, ...]) -> tuple[Node, ...]:
    if not speeds:
        return ()
    rows = [
        (f"{each.context:,}", str(each.n_ranks), _spread(each.prefill), _spread(each.decode))
        for each in speeds
    ]
    headings = ("Context", "Cores", "Prompt, tokens/s", "Answer, tokens/s")
    numbers = table("speeds", "Speeds", headings, rows)
    scrolls = {"class": "sideways", "role": "region", "aria-label": "Speeds", "tabindex": "0"}
    pictures = (picture(kind, speeds) for kind in KINDS)
    return (*pictures, Node("div", "speeds-all", scrolls, children=(numbers,)))


def picture(kind: str, speeds: tuple[Speed, ...]) -> Node:
    title, values_of = KINDS[kind]
    lines = {
        f"{n} core" + ("" if n == 1 else "s"): [
            (str(each.context), min(values_of(each)), median(values_of(each)), max(values_of(each)))
            for each in speeds
            if each.n_ranks == n
        ]
        for n in sorted({each.n_ranks for each in speeds})
    }
    return figures.lines(f"benchmark-{kind}", title, "tokens of context", lines)


def _spread(values: tuple[float, ...]) -> str:
    return f"{median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"
