"""One model on its way: the bodies of its files, from storage or a server, and what is told of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any

from bitnet.delivery.control import Control
from bitnet.delivery.journal import key_of
from bitnet.delivery.kept import KeptBody
from bitnet.delivery.origin import Origin
from bitnet.delivery.shelf import Shelf
from bitnet.delivery.transfer import Transfer
from bitnet.errors import BadArgument, StorageFull
from bitnet.fetch import open_source, size_of
from bitnet.host import Body, Host
from bitnet.host.memory import address_of

REST_BYTES = 1 << 20  # read at once of what a model did not want


class Delivery:
    """Of *origin*, once.

    Args:
        keep: Store what is fetched. What is stored already, and whole, is used in any case.
    """

    def __init__(self, origin: Origin, host: Host, *, keep: bool, control: Control) -> None:
        self.origin, self._host, self._control = origin, host, control
        self._keeps = keep
        self._shelf = Shelf(host.files, host) if host.files and origin.is_remote else None
        self._body: Body | None = None
        self._stored_before = 0
        self._had_before = False

    @property
    def from_storage_bytes(self) -> int:
        """Of the parts so far, how much was stored before."""
        return self._stored_before + (self._body.stored_bytes if isinstance(self._body, KeptBody) else 0)

    @property
    def total_here(self) -> int | None:
        """Size of the file that is being read, None while nobody has said."""
        return self._body.total_bytes if self._body else None

    async def total_bytes(self) -> int | None:
        """Size of all parts together, None where a server does not say; for one part nobody is asked.

        Raises:
            NotFound: A part is not there.
        """
        origin = self.origin
        if len(origin.parts) == 1 or origin.size_bytes is not None:
            return origin.size_bytes
        if self._shelf and (stored := await self._shelf.find(origin)) and stored.total_bytes is not None:
            return stored.total_bytes
        sizes = [await size_of(part.source, self._host, origin.headers) for part in origin.parts]
        return None if None in sizes else sum(size or 0 for size in sizes)

    async def bodies(self) -> AsyncGenerator[Body]:
        """The parts, each opened when it is asked for and closed before the next.

        Raises:
            FetchError: As ``Transfer.open`` or ``open_source``.
        """
        for n in range(len(self.origin.parts)):
            async with AsyncExitStack() as stack:
                self._body = await self._open(n, stack)
                self._had_before |= self.from_storage_bytes > 0
                yield self._body
                self._stored_before, self._body = self.from_storage_bytes, None

    async def _open(self, n: int, stack: AsyncExitStack) -> Body:
        source: Any = self.origin.parts[n].source
        if self._shelf and (self._keeps or await self._shelf.has(source)):
            try:
                return await stack.enter_async_context(self._shelf.open(self.origin, n, self._control))
            except StorageFull as error:  # not even a file can be begun
                self._control.say_not_stored(error)
        if not self.origin.is_remote:
            return await stack.enter_async_context(open_source(source, self._host))
        transfer = Transfer(self._host, source, headers=self.origin.headers, control=self._control)
        stack.push_async_callback(transfer.close)
        await transfer.open()
        return transfer

    async def release(self) -> None:
        """End the connection for a while; the next read makes another one."""
        if isinstance(self._body, KeptBody):
            await self._body.release()
        elif isinstance(self._body, Transfer):
            await self._body.close()

    async def finish(self, n_read: int) -> None:
        """After *n_read* files have been enough for the model: have the last one stored to its end.

        Raises:
            BadArgument: More files were given than the model consists of.
        """
        if len(self.origin.parts) > n_read:
            raise BadArgument(
                f"{len(self.origin.parts)} files were given, but the model consists of {n_read}: "
                "give the files of one model only."
            )
        if isinstance(self._body, KeptBody):
            buffer = bytearray(REST_BYTES)
            while await self._body.read_into(address_of(buffer), REST_BYTES):
                pass

    async def fetch(self, report: Any) -> None:
        """Store all parts, without a model that wants them.

        Args:
            report: Called with how many bytes are there after each read.
        """
        buffer = bytearray(4 * REST_BYTES)
        received = 0
        async with aclosing(self.bodies()) as bodies:
            async for body in bodies:
                while n_bytes := await body.read_into(address_of(buffer), len(buffer)):
                    received += n_bytes
                    report(received)

    async def discard(self) -> None:
        """Remove what has been stored of a model that nobody wants, unless it was there before."""
        if self._shelf and self._keeps and not self._had_before:
            for part in self.origin.parts:
                await self._shelf.discard(part.source)

    async def mend(self) -> int:
        """Repair what is stored; returns how many bytes were fetched."""
        if self._shelf is None:
            return 0
        key = key_of(self.origin.source)
        return await self._shelf.repair(key, headers=self.origin.headers, control=self._control)
