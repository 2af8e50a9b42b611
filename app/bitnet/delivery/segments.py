"""What comes next of a file, fetched ahead in parts over several connections, and given in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from bitnet.delivery.growth import Plan
from bitnet.errors import Busy, FetchError
from bitnet.host import Response
from bitnet.host.memory import address_of, memory_at

READ_BYTES = 1 << 20  # at most per read: a browser has a buffer of that size for each connection


@dataclass(slots=True, eq=False)
class Segment:
    """One part and, in *buffer*, what has come of it."""

    begin: int
    buffer: bytearray
    task: asyncio.Task[None]
    n_bytes: int = 0


class Segments:
    """The bytes [*begin*, *end*) of a file, up to the first that cannot be had this way.

    Args:
        open_part: Opens the bytes from one offset to another, of the right file.
        on_bytes: Called with how many have come, in whatever order.
    """

    def __init__(
        self,
        open_part: Callable[[int, int], AbstractAsyncContextManager[Response]],
        begin: int,
        end: int,
        *,
        plan: Plan,
        on_bytes: Callable[[int], object],
    ) -> None:
        self.position = begin
        self._open_part, self._end, self._plan, self._on_bytes = open_part, end, plan, on_bytes
        self._asked = begin  # the first byte that no segment is for
        self._segments: deque[Segment] = deque()
        self._n_connections = 0
        self._tasks: set[asyncio.Task[None]] = set()  # one for each connection
        self._news = asyncio.Event()
        self._has_failed = False
        #: So long after now the server wants no more of this, as far as it has said.
        self.retry_after_s = 0.0

    @property
    def has_next(self) -> bool:
        """Whether the next byte is here."""
        return bool(self._segments) and self._n_ready(self._segments[0]) > 0

    @property
    def has_failed(self) -> bool:
        """Whether a part could not be had; those that are asked for already still come."""
        return self._has_failed

    def use(self, n_connections: int) -> None:
        """Have so many, as soon as those above that have ended."""
        self._n_connections = n_connections
        self._ask()

    async def read_into(self, address: int, capacity: int) -> int:
        """Write the next bytes, as ``Body.read_into``; 0 where none come this way any more."""
        while self._segments:
            segment = self._segments[0]
            if n_bytes := min(capacity, self._n_ready(segment)):
                offset = self.position - segment.begin
                memory_at(address, n_bytes)[:] = memoryview(segment.buffer)[offset : offset + n_bytes]
                self.position += n_bytes
                if offset + n_bytes == len(segment.buffer):
                    self._segments.popleft()
                    self._ask()
                return n_bytes
            if segment.task.done():
                segment.task.result()  # what is no failure of the connection goes on
                break
            self._news.clear()
            await self._news.wait()
        return 0

    async def close(self) -> None:
        """End all connections, and drop what has come."""
        self._has_failed = True
        self._segments.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _n_ready(self, segment: Segment) -> int:
        return segment.begin + segment.n_bytes - self.position

    def _ask(self) -> None:
        """Begin as many segments as there may be."""
        while (
            not self._has_failed
            and self._asked < self._end
            and len(self._tasks) < self._n_connections
            and len(self._segments) < self._plan.most_segments
        ):
            try:
                buffer = bytearray(min(self._plan.segment_bytes, self._end - self._asked))
            except MemoryError:  # one connection needs none
                self._has_failed = True
                return
            self._segments.append(self._begin(self._asked, buffer))
            self._asked += len(buffer)

    def _begin(self, begin: int, buffer: bytearray) -> Segment:
        async def fetch() -> None:
            try:
                await self._fill(segment)
            except FetchError as error:
                self.retry_after_s = (isinstance(error, Busy) and error.retry_after_s) or 0.0
            self._has_failed |= segment.n_bytes < len(buffer)

        segment = Segment(begin, buffer, asyncio.create_task(fetch()))
        self._tasks.add(segment.task)
        segment.task.add_done_callback(self._ended)
        return segment

    async def _fill(self, segment: Segment) -> None:
        """Fetch a segment, as far as it comes."""
        size, address = len(segment.buffer), address_of(segment.buffer)
        async with self._open_part(segment.begin, segment.begin + size) as response:
            while segment.n_bytes < size:
                room = min(size - segment.n_bytes, READ_BYTES)
                n_bytes = await response.read_into(address + segment.n_bytes, room)
                if n_bytes == 0:
                    return
                segment.n_bytes += n_bytes
                self._on_bytes(n_bytes)
                self._news.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ask()
        self._news.set()
