"""A body that gives what is stored, then goes on with a transfer and stores what that brings."""

from __future__ import annotations

import zlib

from bitnet.delivery.control import Control
from bitnet.delivery.journal import Journal, data_name, key_of, write_journal
from bitnet.delivery.transfer import Transfer
from bitnet.errors import DamagedFile, SourceChanged, StorageFull
from bitnet.host import File, Files
from bitnet.host.memory import memory_at


class KeptBody:
    """A ``Body`` over an open *file*; whoever makes it has the file's lock, and closes it.

    Args:
        transfer: The rest of the file; None where all is stored.
    """

    def __init__(
        self, files: Files, file: File, journal: Journal, transfer: Transfer | None, control: Control
    ) -> None:
        self._files, self._file, self._journal = files, file, journal
        self._transfer, self._control = transfer, control
        #: How much of it was stored before.
        self.stored_bytes = journal.received_bytes
        #: Whether what comes is stored.
        self.is_keeping = transfer is not None
        self._position = 0
        self._check = 0  # CRC-32 of the chunk so far

    @property
    def total_bytes(self) -> int | None:
        return self._transfer.total_bytes if self._transfer else self._journal.total_bytes

    async def read_into(self, address: int, capacity: int) -> int:
        """The next bytes, never of two chunks at once.

        Raises:
            DamagedFile: What is stored is not what was written.
            FetchError: As ``Transfer.read_into``; after SourceChanged nothing is stored any more.
        """
        capacity = min(capacity, self._journal.chunk_bytes - self._position % self._journal.chunk_bytes)
        if self._position < self.stored_bytes:
            return self._give(address, min(capacity, self.stored_bytes - self._position))
        if self._transfer is None:
            return 0
        try:
            n_bytes = await self._transfer.read_into(address, capacity)
        except SourceChanged:
            await self._forget()
            raise
        if self.is_keeping:
            await self._keep(address, n_bytes)
        return n_bytes

    async def release(self) -> None:
        """End the connection for a while: the next read makes another one."""
        if self._transfer:
            await self._transfer.close()

    async def close(self) -> None:
        """Note how far it has come, also within a chunk, and give back file and connection."""
        try:
            await self.release()
            if self.is_keeping and not self._journal.is_complete:
                await self._note()
        finally:
            self._file.close()

    def _give(self, address: int, capacity: int) -> int:
        n_bytes = self._file.read_into(address, capacity, self._position)
        if n_bytes == 0:
            raise self._damage()
        check = self._check_with(address, n_bytes)
        position = self._position + n_bytes
        at_end = position % self._journal.chunk_bytes == 0 or position == self.stored_bytes
        if at_end and check != self._journal.checks[self._position // self._journal.chunk_bytes]:
            raise self._damage()
        self._position, self._check = position, check
        return n_bytes

    def _check_with(self, address: int, n_bytes: int) -> int:
        """CRC-32 of the chunk up to and with the next bytes."""
        is_new = self._position % self._journal.chunk_bytes == 0
        return zlib.crc32(memory_at(address, n_bytes), 0 if is_new else self._check)

    def _damage(self) -> DamagedFile:
        begin = self._position // self._journal.chunk_bytes * self._journal.chunk_bytes
        return DamagedFile(self._journal.title, data_name(key_of(self._journal.url)), begin)

    async def _keep(self, address: int, n_bytes: int) -> None:
        """Store what has come, and write it down at the end of a chunk and at the end of all."""
        if n_bytes:
            try:
                self._file.write_from(address, n_bytes, self._position)
            except StorageFull as error:
                self._give_up(error)
                return
            self._check = self._check_with(address, n_bytes)
            self._position += n_bytes
        elif self._transfer:
            self._transfer.total_bytes = self._position  # the server has not said
        if self._position % self._journal.chunk_bytes == 0 or self._position == self.total_bytes:
            await self._note()

    async def _note(self) -> None:
        """Write down what is stored: first the bytes, then that they are there."""
        journal, transfer = self._journal, self._transfer
        if transfer is None or not self.stored_bytes <= self._position > 0:
            return
        journal.checks[(self._position - 1) // journal.chunk_bytes :] = [self._check]
        journal.received_bytes = self._position
        journal.total_bytes, journal.validator = transfer.total_bytes, transfer.validator
        try:
            self._file.flush()
            await write_journal(self._files, journal)
        except StorageFull as error:
            self._give_up(error)

    def _give_up(self, error: StorageFull) -> None:
        """Go on without storing; what was written down stays."""
        self.is_keeping = False
        self._control.say_not_stored(error)

    async def _forget(self) -> None:
        self._journal.forget()
        self._file.truncate(0)
        self.is_keeping = False
        await write_journal(self._files, self._journal)
