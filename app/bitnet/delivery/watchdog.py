"""Ends what has been silent for too long."""

from __future__ import annotations

import asyncio
import time
from typing import Any


class Watchdog:
    """Watches one task after the other, with one timer for all of them: reads of a download are many."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._heard_at = 0.0
        self._task: asyncio.Future[Any] | None = None
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        #: Whether the task that was watched last has been ended.
        self.has_ended_it = False

    def watch(self, task: asyncio.Future[Any]) -> None:
        """Cancel *task* if nothing is heard for long, until it is left alone."""
        self._task, self.has_ended_it = task, False
        self.heard()
        if self._timer is None:
            self._set_timer(self._silence_s)

    def heard(self) -> None:
        """Something has come."""
        self._heard_at = time.monotonic()

    def leave(self) -> None:
        """The task is done."""
        self._task = None

    def close(self) -> None:
        """Nothing will be watched for a while."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._task is None:
            return
        left_s = self._heard_at + self._silence_s - time.monotonic()
        if left_s > 0:
            self._set_timer(left_s)
        else:
            self.has_ended_it = True
            self._task.cancel()
