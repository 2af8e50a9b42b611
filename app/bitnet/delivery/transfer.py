"""A URL as one body that outlives its connections: it goes on where the one before broke off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TypeVar

from bitnet.delivery.control import Control
from bitnet.delivery.growth import Growth
from bitnet.delivery.segments import Segments
from bitnet.delivery.watchdog import Watchdog
from bitnet.errors import (
    Blocked,
    Busy,
    ConnectionBroken,
    FetchError,
    RangeRefused,
    SourceChanged,
    Unreachable,
)
from bitnet.host import Host, Response
from bitnet.host.memory import address_of

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
LONGEST_OBEYED_S = 600.0  # what a server may ask for with Retry-After
MOST_TRIES = 6  # in a row, without a byte
SKIP_BYTES = 1 << 20  # read at once and dropped, where a server begins before the place that is wanted
#: What may be over in a moment. A browser does not tell a site that is out of reach from one that it blocks.
PASSING = (Busy, ConnectionBroken, Unreachable, Blocked)

Value = TypeVar("Value")


class Transfer:
    """A ``Body`` from *begin* to the end of the file, over one connection, or several where they are faster.

    Args:
        begin: How much is there already. *validator* and *total_bytes* say of which file that is; "" and
            None where nobody knows.
        end: Nobody wants what comes behind; None for the end of the file.
        control: What a person does to it, and what it says.
    """

    def __init__(
        self,
        host: Host,
        url: str,
        *,
        headers: Mapping[str, str],
        control: Control,
        begin: int = 0,
        end: int | None = None,
        validator: str = "",
        total_bytes: int | None = None,
    ) -> None:
        self.position, self.validator, self.total_bytes = begin, validator, total_bytes
        self._host, self._url, self._headers, self._end = host, url, headers, end
        self._control = control
        self._connection: AsyncExitStack | None = None
        self._response: Response | None = None
        self._has_ranges = True  # until the server proves the opposite
        self._n_failed = 0
        self._has_answered = False
        self._watchdog = Watchdog(control.silence_s)
        self._growth = Growth(control.plan)
        self._ahead: Segments | None = None

    async def open(self) -> None:
        """Connect, so that ``total_bytes`` and ``validator`` are known as far as the server says them.

        Raises:
            FetchError: As ``read_into``.
        """
        await self._persist(self._connect)

    async def close(self) -> None:
        """End all connections; ``read_into`` would begin another one."""
        self._watchdog.close()
        await self._drop_ahead()
        await self._disconnect()

    async def read_into(self, address: int, capacity: int) -> int:
        """The next bytes; waits, and connects again, as long as there is hope.

        Raises:
            NotFound, Refused: The server does not give it (any more).
            SourceChanged: It is another file than before.
            Unreachable, Blocked: The server has never answered, or does not any more after several tries.
            Busy, ConnectionBroken: Even after several tries.
        """
        if self.position == self.total_bytes:
            return 0
        n_bytes = await self._persist(lambda: self._read(address, capacity))
        self._n_failed = 0
        self.position += n_bytes
        self._look_ahead()
        return n_bytes

    async def _persist(self, step: Callable[[], Awaitable[Value]]) -> Value:
        """Do *step*, again if need be: after a pause, or when what failed may be over in a moment."""
        while True:
            if self._control.is_paused:
                await self.close()
                await self._control.may_go_on()
            try:
                result = await self._unless_paused(step(), self._watchdog)
            except _Paused:
                continue
            except PASSING as error:
                await self.close()
                self._n_failed += 1
                is_first = isinstance(error, Unreachable | Blocked) and not self._has_answered
                if is_first or self._n_failed >= MOST_TRIES:
                    raise
                await self._wait(error)
                continue
            self._control.say("receiving")
            return result

    async def _unless_paused(self, work: Awaitable[Value], watchdog: Watchdog | None = None) -> Value:
        """*work*, which a pause or a long silence interrupts: then its connection is of no use any more."""
        task = asyncio.ensure_future(work)
        self._control.interrupt_with(task.cancel)
        if watchdog:
            watchdog.watch(task)
        try:
            await asyncio.wait([task])
        finally:
            self._control.interrupt_with(None)
            if watchdog:
                watchdog.leave()
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if task.cancelled():
            is_silent = watchdog is not None and watchdog.has_ended_it
            if is_silent and self._ahead and self._connection is None:
                self._growth.refuse()
            await self.close()
            if is_silent:
                raise ConnectionBroken(self._url, self.position, self.total_bytes)
            raise _Paused
        return task.result()

    async def _wait(self, error: FetchError) -> None:
        """Until it makes sense to try again, or a person wants it now."""
        delay = min(FIRST_WAIT_S * 2 ** (self._n_failed - 1), LONGEST_WAIT_S)
        asked = error.retry_after_s if isinstance(error, Busy) else None
        if asked is not None:
            delay = min(asked, LONGEST_OBEYED_S)
        else:
            delay *= 0.75 + random.random() / 2  # not everybody at the same moment
        delay *= self._control.pace
        self._control.say("waiting", retry_in_s=delay)
        with suppress(_Paused):
            await self._unless_paused(asyncio.sleep(delay))

    async def _connect(self) -> Response:
        begin = self.position if self._has_ranges else 0
        connection = AsyncExitStack()
        try:
            try:
                response = await connection.enter_async_context(
                    self._host.open(self._url, begin=begin, headers=self._headers)
                )
            except RangeRefused:
                if not begin:
                    raise
                self._has_ranges = False
                response = await connection.enter_async_context(
                    self._host.open(self._url, begin=0, headers=self._headers)
                )
            self._has_answered = True
            self._check(response)
            if response.begin > self.position:  # a part that nobody has asked for
                raise RangeRefused(self._url, self.position)
            await self._skip(response, self.position - response.begin)
        except BaseException:
            await connection.aclose()
            raise
        self._connection, self._response = connection, response
        self._growth.begin()
        return response

    def _check(self, response: Response) -> None:
        """Take note of what the server says of the file, and see whether it is the one that has begun."""
        known, stated = self.total_bytes, response.total_bytes
        if (
            (self.position and known is not None and stated is not None and known != stated)
            or (self.position and differ(self.validator, response.validator))
            or (stated is not None and stated < self.position)
        ):
            raise SourceChanged(self._url)
        if stated is not None:
            self.total_bytes = stated
        self.validator = self.validator or response.validator

    async def _skip(self, response: Response, n_bytes: int) -> None:
        """Drop what is there already: a server without ranges begins anew each time."""
        if not n_bytes:
            return
        self._has_ranges = response.begin > 0
        buffer = bytearray(SKIP_BYTES)
        while n_bytes:
            n_read = await response.read_into(address_of(buffer), min(n_bytes, SKIP_BYTES))
            if not n_read:
                raise SourceChanged(self._url)
            self._watchdog.heard()
            n_bytes -= n_read

    async def _read(self, address: int, capacity: int) -> int:
        if self._ahead:
            if self._ahead.position == self.position:
                if n_bytes := await self._read_ahead(self._ahead, address, capacity):
                    return n_bytes
            else:
                capacity = min(capacity, self._ahead.position - self.position)
        response = self._response or await self._connect()
        n_bytes = await response.read_into(address, capacity)
        if n_bytes == 0 and self.total_bytes is not None and self.position < self.total_bytes:
            raise ConnectionBroken(self._url, self.position, self.total_bytes)
        self._growth.count(n_bytes)
        return n_bytes

    # ---- Several connections ----

    def _look_ahead(self) -> None:
        """Have as many connections as are worth it; the first one ends where the others have begun."""
        if self.total_bytes is None:
            return
        end = min(self._end or self.total_bytes, self.total_bytes)
        self._growth.look(end - self.position)
        n_connections = self._growth.n_connections
        if n_connections > 1 and self._ahead is None and self._response and self._response.accepts_ranges:
            plan = self._control.plan
            begin = self.position + max(plan.segment_bytes, int(plan.lead_s * self._growth.rate))
            self._ahead = Segments(self._open_part, begin, end, plan=plan, on_bytes=self._growth.count)
        if self._ahead:
            is_first_needed = self._connection is not None or n_connections == 1
            self._ahead.use(n_connections - is_first_needed)

    @asynccontextmanager
    async def _open_part(self, begin: int, end: int) -> AsyncGenerator[Response]:
        async with self._host.open(self._url, begin=begin, end=end, headers=self._headers) as response:
            if response.begin != begin:
                raise RangeRefused(self._url, begin)
            self._check(response)
            yield response

    async def _read_ahead(self, ahead: Segments, address: int, capacity: int) -> int:
        """The next bytes of what was fetched ahead; 0 if there are none, so that one connection goes on."""
        if ahead.has_next or self._connection is None:
            await self._disconnect()
            if n_bytes := await ahead.read_into(address, capacity):
                return n_bytes
        if ahead.has_failed or self._connection:
            self._growth.refuse(ahead.retry_after_s)
        await self._drop_ahead()
        return 0

    async def _drop_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead:
            await ahead.close()

    async def _disconnect(self) -> None:
        connection, self._connection, self._response = self._connection, None, None
        if connection:
            await connection.aclose()


class _Paused(Exception):
    """What was being done has been interrupted on purpose."""


def differ(one: str, other: str) -> bool:
    """Whether two validators are of different files; a missing one, or one of another kind, says nothing."""
    return bool(one and other) and one.startswith('"') == other.startswith('"') and one != other
