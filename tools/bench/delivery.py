"""What storing and verifying a model of full size costs in browsers, and what going on and reading back take.

    .venv/bin/python tools/bench/delivery.py [BROWSER ...]       prints a table (Markdown); needs `make dist`

The server is on the same machine and does not hold back: a network would hide what is measured here.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

import places
from processes import PeakMemory

MODEL = "bitnet-2b"
ROUNDS = 2
STOP_AT = 0.4  # of the file

#: Runs in the page's worker. Each step gives milliseconds.
STEPS = """
import bitnet, json, time
from bitnet.delivery.journal import data_name
from bitnet.host.browser import BrowserHost
from bitnet.host.memory import address_of
given = json.loads(data)
url, host = given["url"], BrowserHost(None, None, storage)
shelf = bitnet.Shelf(host.files, host)

async def empty():
    for stored in await shelf.stored():
        await shelf.remove(stored.key)

async def fetch():
    buffer = bytearray(4 << 20)
    async with host.open(url) as response:
        while await response.read_into(address_of(buffer), len(buffer)):
            pass

async def load(keep=False, on_progress=None):
    model = await bitnet.load(
        url, context_length=512, ranks=1, keep=keep, on_progress=on_progress, host=host
    )
    model.close()

class Stop(Exception):
    pass

async def stop_early():
    def look(progress):
        if progress.received_bytes > given["stop_at"] * progress.total_bytes:
            raise Stop
    try:
        await load(keep=True, on_progress=look)
    except Stop:
        return
    raise AssertionError("it was not stopped")

async def go_on():
    clock, first = time.perf_counter(), []
    def look(progress):
        if progress.received_bytes > progress.from_storage_bytes:
            first.append(time.perf_counter() - clock)
    await load(keep=True, on_progress=look)
    return {"first_new_bytes": 1000 * first[0], "rest": 1000 * (time.perf_counter() - clock)}

async def timed(work):
    clock = time.perf_counter()
    await work
    return 1000 * (time.perf_counter() - clock)

step = given["step"]
if step == "fetch":
    figures = {"fetch": await timed(fetch())}
elif step == "load":
    figures = {"load": await timed(load())}
elif step == "keep":
    await empty()
    figures = {"keep": await timed(load(keep=True))}
elif step == "verify":
    [stored] = await shelf.stored()
    figures = {"verify": await timed(host.files.sha256(data_name(stored.key)))}
elif step == "read_back":
    figures = {"read_back": await timed(load())}
elif step == "go_on":
    await empty()
    await stop_early()
    figures = await go_on()
json.dumps(figures)
"""

Figures = dict[str, float]


def measure(browser: BrowserContext, address: str) -> Figures:
    """The least milliseconds of each step, and the least of the tab's greatest memory in it, in bytes.

    *STEP_bytes* is that memory, *STEP_growth* what of it has come during the step.
    """
    best: Figures = {}
    for _ in range(ROUNDS):
        for step in ("fetch", "load", "keep", "verify", "read_back", "go_on"):
            with closing(places.InBrowser(browser, address)) as page, PeakMemory() as peak:
                url = page.address(places.model_path(MODEL))
                figures: dict[str, Any] = page.run(STEPS, {"url": url, "step": step, "stop_at": STOP_AT})
            figures |= {f"{step}_bytes": peak.n_bytes, f"{step}_growth": peak.growth}
            for name, value in figures.items():
                best[name] = min(value, best.get(name, value))
            print(step, figures, file=sys.stderr)
    return best


def table(found: dict[str, Figures]) -> str:
    n_megabytes = places.model_path(MODEL).stat().st_size / 1e6

    def seconds(name: str) -> list[str]:
        return [f"{figures[name] / 1000:.1f}" if name in figures else "-" for figures in found.values()]

    def speed(name: str) -> list[str]:
        return [f"{n_megabytes / figures[name] * 1000:.0f}" for figures in found.values()]

    def more(name: str, base: str) -> list[str]:
        return [f"{(figures[name] / figures[base] - 1) * 100:.0f}" for figures in found.values()]

    def megabytes(name: str) -> list[str]:
        return [
            f"{(figures[f'{name}_bytes'] - figures['load_bytes']) / 1e6:.0f}" for figures in found.values()
        ]

    def growth(step: str) -> list[str]:
        return [f"{figures[f'{step}_growth'] / 1e6:.0f}" for figures in found.values()]

    rows = [
        ("plain fetch, every byte dropped, s", seconds("fetch")),
        ("load without storing, s", seconds("load")),
        ("load and store, s", seconds("keep")),
        ("what storing adds to a load, %", more("keep", "load")),
        ("SHA-256 afterwards, in a worker of its own, s", seconds("verify")),
        (f"stopped at {STOP_AT:.0%}: until new bytes come, s", seconds("first_new_bytes")),
        (f"stopped at {STOP_AT:.0%}: until it is loaded, s", seconds("rest")),
        ("load from storage, s", seconds("read_back")),
        ("load from storage, MB/s", speed("read_back")),
        ("greatest memory of the tab, more than without storing, MB", megabytes("keep")),
        ("the same, from storage", megabytes("read_back")),
        ("memory that the SHA-256 takes, worker included, MB", growth("verify")),
    ]
    lines = [["", *found], ["---", *("---:" for _ in found)], *([name, *cells] for name, cells in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main(names: list[str]) -> None:
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        address, _ = stack.enter_context(places.site())
        found = {}
        for name in names:
            # A profile on the disk: what pages of another kind store is kept in memory.
            profile = stack.enter_context(tempfile.TemporaryDirectory())
            browser = places.launch_with_profile(playwright, name, profile)
            found[name] = measure(stack.enter_context(closing(browser)), address)
        print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:] or ["chromium", "firefox"])
