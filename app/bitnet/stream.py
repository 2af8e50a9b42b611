"""An asynchronous stream that can be stopped and knows why it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, Self, TypeVar

from bitnet.records import StopReason, Timings

Item = TypeVar("Item")


class Stream(Generic[Item]):
    """What ``async for`` walks over; ``aclose`` stops the work behind it, as does cancelling the task."""

    def __init__(self) -> None:
        self.stop_reason: StopReason | None = None  # None while it runs, and after an error
        self.timings = Timings()
        self._items = self._run()

    def _run(self) -> AsyncGenerator[Item, None]:
        """The work itself; sets ``stop_reason`` before it ends."""
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            return await anext(self._items)
        except asyncio.CancelledError:
            self._cancelled()
            raise

    async def aclose(self) -> None:
        """Stop; nothing happens if it has ended already."""
        self._cancelled()
        await self._items.aclose()

    def _cancelled(self) -> None:
        self.stop_reason = self.stop_reason or "cancelled"
