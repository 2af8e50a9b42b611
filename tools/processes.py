"""The memory of the tabs of browsers that this process has started, as the kernel counts it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

#: What the command line of a process says that runs a page: Chromium's, then Firefox's.
TAB = re.compile(rb"--type=renderer|-contentproc.*\btab\b", re.DOTALL)
EVERY_S = 0.2


def descendants(pid: int) -> set[int]:
    """All processes below *pid*."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found, left = set(), [pid]
    while left:
        for child in children.get(left.pop(), []):
            found.add(child)
            left.append(child)
    return found


def tabs() -> Iterator[int]:
    for pid in descendants(os.getpid()):
        try:
            if TAB.search(Path(f"/proc/{pid}/cmdline").read_bytes()):
                yield pid
        except OSError:
            continue


def proportional_bytes(pid: int) -> int:
    """The process's memory, of what it shares only its part (PSS); 0 if it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    match = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def tab_bytes() -> dict[int, int]:
    """The memory of each tab, by process."""
    return {pid: proportional_bytes(pid) for pid in tabs()}


class PeakMemory:
    """Looks at every tab now and then, from ``with`` on.

    Attributes:
        n_bytes: The most that the tab which has grown most has had.
        growth: By how much it has grown.
    """

    def __init__(self) -> None:
        self.n_bytes = self.growth = 0
        self._before: dict[int, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._before = tab_bytes()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            for pid, n_bytes in tab_bytes().items():
                growth = n_bytes - self._before.get(pid, 0)
                if growth > self.growth:
                    self.growth, self.n_bytes = growth, n_bytes
