"""The progress of a download on a terminal: one line that is written over and over."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from bitnet.records import Progress

WRITE_EVERY_S = 0.2


class Meter:
    """On standard error; where that is no terminal, only what is unusual is said, a line each.

    Args:
        only_above_bytes: Models that are known to be smaller get no line.
    """

    def __init__(self, title: str, *, only_above_bytes: int = 0) -> None:
        self._title, self._only_above_bytes = title, only_above_bytes
        self._is_terminal = sys.stderr.isatty()
        self._written_at = 0.0
        self._begun: tuple[float, int] | None = None  # when, and how much was there
        self._said = ""
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._width:
            print(file=sys.stderr)

    def show(self, progress: Progress) -> None:
        """Bring the line up to date."""
        news = progress.remark or self._waiting(progress)
        if news and news != self._said:
            self._said = news
            print(f"{self._clear()}{news}", file=sys.stderr)
        now = time.monotonic()
        if self._begun is None or progress.received_bytes <= progress.from_storage_bytes:
            self._begun = now, progress.received_bytes
        is_small = progress.total_bytes is not None and progress.total_bytes < self._only_above_bytes
        if is_small or not self._is_terminal:
            return
        is_end = progress.received_bytes == progress.total_bytes
        if is_end or now - self._written_at >= WRITE_EVERY_S:
            self._written_at = now
            line = f"{self._title}: {self._line(progress, now)}"
            print(f"\r{line:{self._width}}", end="", file=sys.stderr, flush=True)
            self._width = len(line)

    def _waiting(self, progress: Progress) -> str:
        if progress.state == "waiting" and progress.retry_in_s is not None:
            return f"The connection is lost: trying again in {progress.retry_in_s:.0f} s."
        if progress.state == "elsewhere":
            return "Another program is fetching this model: waiting until it has done so."
        return ""

    def _line(self, progress: Progress, now: float) -> str:
        received, total = progress.received_bytes, progress.total_bytes
        began_at, before = self._begun or (now, received)
        per_s = (received - before) / (now - began_at) if now > began_at else 0.0
        text = f"{received / 1e6:,.0f} MB"
        if total:
            text = f"{100 * received / total:.0f} %, {received / 1e6:,.0f} of {total / 1e6:,.0f} MB"
        if per_s:
            text += f", {per_s / 1e6:,.1f} MB/s"
            if total:
                text += f", {(total - received) / per_s:,.0f} s left"
        return text

    def _clear(self) -> str:
        return f"\r{'':{self._width}}\r" if self._width else ""
