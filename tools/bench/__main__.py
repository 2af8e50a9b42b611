"""Measures the engine beside the machine's limits and beside other engines.

    make bench [QUICK=1] [RANKS=2] [LLAMA_CPP=1] [BITNET_CPP=path/to/llama-bench] [RECORD=1]

One round asks every place in turn, and the best of all rounds counts: other work on the machine disturbs all
of them alike, and only makes things slower. A run is added to bench/results/results.jsonl, one line for each
place and model; with RECORD=1 it becomes the one that docs/speed.md shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(PROJECT / "tools")]

import alone  # noqa: E402 - found through the line above
import report  # noqa: E402
import start  # noqa: E402
from bitnet_cpp import BitnetCpp  # noqa: E402
from columns import Column, Figures, merged, say  # noqa: E402
from llama_cpp_native import LlamaCpp  # noqa: E402
from places import (  # noqa: E402
    BUILD,
    WLLAMA,
    InBrowser,
    InPython,
    Wllama,
    launch,
    model_path,
    site,
)
from playwright.sync_api import Browser, Playwright, sync_playwright  # noqa: E402
from targets import EMBEDDED, MODEL, PEERS_MODEL, SIX_BIT_HEAD  # noqa: E402

RESULTS = PROJECT / "bench/results/results.jsonl"
CONTEXT_LENGTH = 512  # where the memory of a tab is looked at
ROUND_CONTEXT_LENGTH = 1024  # so that something can be said after a prompt of 512 tokens
DECODE_TOKENS = 24
PEERS_TOKENS = 8
READS = 10

Engine = InPython | InBrowser


class Bench:
    """The columns of one run, each with what it needs open."""

    def __init__(self, stack: ExitStack, address: str) -> None:
        self._stack, self._address = stack, address
        self._patient: list[tuple[Column, Engine]] = []  # of which longer contexts are asked as well
        self.columns: list[Column] = []

    def _open(self, browser: Browser | None) -> Engine:
        return self._stack.enter_context(
            closing(InBrowser(browser, self._address) if browser else InPython())
        )

    def add(self, place: str, version: str, model: str | None, measure: Callable[[], Figures]) -> Column:
        self.columns.append(column := Column(place, version, model, measure))
        return column

    def add_machine(self, place: str, browser: Browser | None) -> None:
        """The limits of *place*, in a page of its own: its memory must not count as the engine's."""
        engine = self._open(browser)
        engine.ask("open_machine", place=engine.address(BUILD / ("probes.wasm" if browser else "probes.so")))
        self.add(place, version_of(browser), None, lambda: engine.ask("measure", n_times=READS))

    def add_engine(
        self,
        place: str,
        browser: Browser | None,
        model: str,
        *,
        ranks: int = 1,
        prompts: Sequence[int] = (128, 512),
    ) -> tuple[Column, Engine]:
        """The engine with *model*; each round runs *prompts* of so many tokens, and decodes at 512."""
        engine = self._open(browser)

        def measure() -> Figures:
            figures = engine.ask("layers") if ranks == 1 else {}
            for n_tokens in prompts:
                figures |= engine.ask("first_token", n_tokens=n_tokens)
            return figures | engine.ask("decode", n_positions=512, n_tokens=DECODE_TOKENS)

        name = f"{place}, {ranks} ranks" if ranks > 1 else place
        column = self.add(name, version_of(browser), model, measure)
        say(f"{name}: loading {model}")
        source = engine.address(model_path(model))
        column.take(engine.ask("load", source=source, context_length=CONTEXT_LENGTH, ranks=ranks))
        engine.ask("resize", context_length=ROUND_CONTEXT_LENGTH)
        return column, engine

    def add_wllama(self, browser: Browser) -> None:
        peer = self._stack.enter_context(closing(Wllama(browser, self._address)))
        package = json.loads((WLLAMA / "package.json").read_text())
        column = self.add("wllama", package["version"], PEERS_MODEL, lambda: peer.measure(PEERS_TOKENS))
        say(f"wllama: loading {PEERS_MODEL}")
        column.take(peer.load(model_path(PEERS_MODEL)))

    def add_llama_cpp(self, python: str) -> None:
        peer = LlamaCpp(python, model_path(PEERS_MODEL))
        self.add("llama.cpp", "", PEERS_MODEL, lambda: peer.measure(PEERS_TOKENS))

    def add_bitnet_cpp(self, program: str) -> None:
        for model in (MODEL, SIX_BIT_HEAD):
            peer = BitnetCpp(program, model_path(model))
            self.add("bitnet.cpp", "", model, lambda peer=peer: peer.measure(DECODE_TOKENS))

    def add_embedded(self, browsers: dict[str, Browser | None], n_ranks: int) -> None:
        for place, browser in browsers.items():
            self.add_machine(place, browser)
            for ranks in sorted({1, n_ranks}):
                self.add_engine(place, browser, EMBEDDED, ranks=ranks)

    def add_full_size(self, browsers: dict[str, Browser | None], arguments: argparse.Namespace) -> None:
        for place, browser in browsers.items():
            self.add_machine(place, browser)
            self._patient.append(self.add_engine(place, browser, MODEL))
            self.add_engine(place, browser, EMBEDDED)
        chromium = browsers["chromium"]
        assert chromium
        self.add_engine("chromium", chromium, SIX_BIT_HEAD, prompts=())
        if arguments.ranks > 1:
            self.add_engine("chromium", chromium, MODEL, ranks=arguments.ranks)
        self.add_wllama(chromium)
        if arguments.llama_cpp:
            self.add_llama_cpp(arguments.llama_cpp)
        if arguments.bitnet_cpp:
            self.add_bitnet_cpp(arguments.bitnet_cpp)

    def lengthen(self, contexts: list[int]) -> None:
        """Decode at positions that take minutes to reach: once, and in browsers only."""
        for column, engine in self._patient:
            for n_positions in contexts if isinstance(engine, InBrowser) else ():
                say(f"{column.place}: {n_positions} positions")
                engine.ask("resize", context_length=n_positions)
                column.take(engine.ask("decode", n_positions=n_positions, n_tokens=DECODE_TOKENS))


def version_of(browser: Browser | None) -> str:
    return browser.version if browser else ""


def about() -> Figures:
    """What the figures belong to."""
    git = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or None
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        cpu = next((line.split(":")[1].strip() for line in info.open() if line.startswith("model name")), cpu)
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
    }


def measure_start(playwright: Playwright, name: str, address: str, asked: list[str]) -> Figures:
    say(f"{name}: opening the page, once anew and {start.N_VISITS} times cached")
    return start.measure(playwright, name, address, asked)


def measure_memory(name: str, address: str, asked: list[str]) -> Figures:
    say(f"{name}: the memory of a tab with {MODEL}")
    return alone.measure(name, address, asked, MODEL, CONTEXT_LENGTH)


def measure_all(arguments: argparse.Namespace) -> list[Column]:
    names = ["chromium", *(["firefox"] if arguments.firefox else [])]
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        address, asked = stack.enter_context(site())
        starts = {name: measure_start(playwright, name, address, asked) for name in names}
        memories = {} if arguments.quick else {name: measure_memory(name, address, asked) for name in names}
        browsers: dict[str, Browser | None] = {"native": None}
        for name in names:
            browsers[name] = stack.enter_context(closing(launch(playwright, name)))
        bench = Bench(stack, address)
        if arguments.quick:
            bench.add_embedded(browsers, arguments.ranks)
        else:
            bench.add_full_size(browsers, arguments)
        for n_round in range(arguments.rounds):
            say(f"round {n_round + 1} of {arguments.rounds}")
            for column in bench.columns:
                column.run()
        bench.lengthen(arguments.contexts)
        for name, figures in starts.items():
            bench.columns.append(column := Column(name, version_of(browsers[name]), EMBEDDED))
            column.take(figures)
        for name, figures in memories.items():
            bench.columns.append(column := Column(name, version_of(browsers[name]), MODEL))
            column.take(figures)
    return merged(bench.columns)


def save(path: Path, lines: list[Figures]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the embedded model only")
    parser.add_argument("--firefox", action="store_true", help="measure in Firefox too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ranks", type=int, default=1, help="measure with so many workers beside one")
    parser.add_argument("--contexts", type=int, nargs="*", default=[2048, 4096], help="besides 512 positions")
    parser.add_argument("--llama-cpp", default="", help="a Python that has llama-cpp-python")
    parser.add_argument("--bitnet-cpp", default="", help="a llama-bench or llama-cli of bitnet.cpp")
    parser.add_argument("--record", action="store_true", help="show this run in docs/speed.md")
    arguments = parser.parse_args()
    known = about()
    columns = measure_all(arguments)
    lines = [
        known
        | {"place": column.place, "version": column.version, "model": column.model, "figures": column.figures}
        for column in columns
    ]
    before = report.last_run(RESULTS)
    save(RESULTS, lines)
    print(report.report(lines))
    print(report.changes(before, lines))
    if arguments.record:
        save(report.RECORDED, lines)
        report.main()


if __name__ == "__main__":
    main()
