"""One piece of work at a time, of several that would get in each other's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bitnet.ui import state as states
from bitnet.ui.screen import Screen

logger = logging.getLogger("bitnet")


class Work:
    """What is begun ends what was begun before.

    Args:
        screen: Where a failure is shown that nobody has foreseen.
        stopped: Called when a piece of work was stopped, perhaps before its first step.
    """

    def __init__(self, screen: Screen, stopped: Callable[[], object] = lambda: None) -> None:
        self._screen, self._stopped = screen, stopped
        self._task: asyncio.Task[None] | None = None

    def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Stop what runs, then do *work*."""
        before = self._task
        if before:
            before.cancel()
        self._task = asyncio.create_task(self._after(before, work))
        self._task.add_done_callback(self._settle)

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    async def idle(self) -> None:
        """Wait until nothing runs."""
        while self._task and not self._task.done():
            await asyncio.wait([self._task])

    async def _after(self, before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
        if before:
            await asyncio.wait([before])
        try:
            await work()
        except Exception as error:
            logger.exception("The page's work failed")
            self._screen.show(states.work_failed(self._screen.state, repr(error)))

    def _settle(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._stopped()
