"""All that ends a model's life, again and again: whatever is left behind must not grow.

The same cycle runs in CPython (unit/test_soak.py) and in a browser's Pyodide (e2e/test_soak.py); `make soak`
runs 100 of them.

    python tests/soak.py SERVER FOLDER N_CYCLES      prints the resident memory after each cycle as JSON
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bitnet
from bitnet import Control, Origin, Shelf
from bitnet.delivery import Part
from bitnet.errors import BadArgument, BadFile, ConnectionBroken, OutOfMemory, Unreachable, Unsupported
from bitnet.host import Host

N_CYCLES = int(os.environ.get("SOAK_CYCLES", "6"))
#: Caches fill: of imports, of compiled regular expressions, of the allocator.
WARM_UP = 2
CANCEL_AT_BYTES = 4_000_000


def files(project: Path) -> dict[str, bytes]:
    """What the server has to give: 15 MB, 1.7 MB, and two that are no models."""
    first = (project / "models/tiny-tales/bitnet-tiny-i2_s.gguf").read_bytes()
    second = (project / "tests/golden/dev-bitnet158-i2s.gguf").read_bytes()
    strange = second.replace(b"bitnet-b1.58", b"mystery-arch")
    return {
        "first.gguf": first,
        "second.gguf": second,
        "strange.gguf": strange,
        "short.gguf": second[: len(second) // 2],
    }


async def cycle(server: str, n: int, sha256: str, host: Host, n_ranks: int) -> None:
    """Load, answer, switch, be refused, broken off and cancelled; in the end nothing is stored or open.

    Args:
        sha256: Of the first model.
        n_ranks: Of the second one.
    """
    place = f"{server}/cycle={n}"
    origin = Origin("first", (Part(f"{place}/first.gguf", None, sha256),))
    first = await bitnet.load(origin, host=host, keep=True)
    await answer(first)
    assert first.verification
    assert await first.verification
    second = await bitnet.load(f"{place}/second.gguf", host=host, keep=True, ranks=n_ranks)
    await answer(first)
    first.close()
    await answer(second)
    second.close()

    await fails(f"{place}/short.gguf", host, BadFile)
    await fails(f"{place}/strange.gguf", host, Unsupported)
    await fails(origin, host, OutOfMemory, BadArgument, context_length=1 << 30)
    dropped = f"{place}/drop=1000000,0,*/first.gguf"  # no bytes at all are no answer to Firefox
    await fails(dropped, host, ConnectionBroken, Unreachable, control=Control(pace=0))
    await cancelled(f"{place}/rate=20000000/first.gguf", host)
    await empty(host)


async def answer(model: bitnet.Model) -> None:
    async for _ in model.generate([1, 2, 3], max_tokens=4, temperature=0):
        pass


async def fails(source: Any, host: Host, *errors: type[Exception], **options: Any) -> None:
    try:
        await bitnet.load(source, host=host, keep=True, **options)
    except errors:
        return
    raise AssertionError(f"{source} was loaded")


async def cancelled(source: str, host: Host) -> None:
    def look(progress: bitnet.Progress) -> None:
        if progress.received_bytes >= CANCEL_AT_BYTES:
            loading.cancel()

    loading = asyncio.create_task(bitnet.load(source, host=host, keep=True, on_progress=look))
    await asyncio.wait([loading])
    assert loading.cancelled()


async def empty(host: Host) -> None:
    """Every file can be opened and removed, so nobody has kept one open."""
    assert host.files
    shelf = Shelf(host.files, host)
    for name in await host.files.names():
        if name.endswith(".gguf"):
            (await host.files.open(name)).close()
    for stored in await shelf.stored():
        await shelf.remove(stored.key)
    assert await host.files.names() == []


def growth(seen: Sequence[float]) -> float:
    """By how much the last third of what was *seen* is above the third after the warm-up, as means."""
    steady = seen[WARM_UP:]
    n = max(1, len(steady) // 3)
    return sum(steady[-n:]) / n - sum(steady[:n]) / n


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def run(server: str, sha256: str, folder: Path, n_cycles: int) -> list[int]:
    from bitnet.host.cpython import CPythonHost
    from bitnet.host.folder import Folder

    host = CPythonHost()
    host.files = Folder(folder)
    seen = []
    for n in range(n_cycles):
        await cycle(server, n, sha256, host, 2)
        seen.append(resident_bytes())
    return seen


if __name__ == "__main__":
    server, sha256, folder, n_cycles = sys.argv[1:]
    print(json.dumps(asyncio.run(run(server, sha256, Path(folder), int(n_cycles)))))
