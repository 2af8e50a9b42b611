"""An asynchronous stream that can be stopped and knows why it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, Self, TypeVar

from bitnet.records import StopReason, Timings

Item = TypeVar("Item")


class Stream(Generic[Item]):
    """What ``async for`` walks over; ``aclose`` stops the work behind it, as does cancelling the task.

    Attributes:
        stop_reason: Why it ended; None while it runs, and after an error.
        timings: So far.
    """

    def __init__(self) -> None:
        self.stop_reason: StopReason | None = None
        self.timings = Timings()
        self._items = self._run()
        self._failed = False

    def _run(self) -> AsyncGenerator[Item, None]:
        """The work itself; sets ``stop_reason`` before it ends."""
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            return await anext(self._items)
        except StopAsyncIteration:
            raise
        except asyncio.CancelledError:
            self._cancel()
            raise
        except BaseException:
            self._failed = True
            raise

    async def aclose(self) -> None:
        """Stop; nothing happens if it has ended already."""
        self._cancel()
        await self._items.aclose()

    def _cancel(self) -> None:
        if self.stop_reason is None and not self._failed:
            self.stop_reason = "cancelled"
