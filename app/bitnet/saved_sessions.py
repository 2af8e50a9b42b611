"""Saved sessions in the host's storage: each is there as a whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from dataclasses import asdict, dataclass

from bitnet.errors import BadArgument, InUse
from bitnet.host import Files
from bitnet.host.memory import address_of

READ_BYTES = 1 << 20
DATA, NOTE = ".session", ".saved"  # the note is written last: without it there is no saved session


@dataclass(frozen=True, slots=True)
class SavedSession:
    """A saved session; *saved_at* in seconds since 1970."""

    name: str
    n_bytes: int
    saved_at: float


class SavedSessions:
    """Every method reads the storage anew: other tabs and programs work with it too."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def write(self, name: str, pieces: AsyncIterable[bytes]) -> SavedSession:
        """Store *pieces* as *name*, in place of what is there.

        Raises:
            StorageFull: There is no room. Then, as after any other failure, nothing is stored as *name*.
        """
        key = _key(name)
        async with self._files.lock(key):
            await self._files.remove(key + NOTE)
            try:
                n_bytes = await self._write_data(key + DATA, pieces)
                saved = SavedSession(name, n_bytes, time.time())
                await self._files.write_text(key + NOTE, json.dumps(asdict(saved)))
            except BaseException:
                await self._files.remove(key + DATA)
                raise
        return saved

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """Yield what is stored as *name*, in pieces of 1 MiB; until this is closed, nobody else can open it.

        Raises:
            BadArgument: There is no such session.
        """
        key = _key(name)
        async with self._files.lock(key):
            if await self._note(key) is None:
                raise BadArgument(f"There is no saved session {name!r}: it was never complete, or is gone.")
            file = await self._files.open(key + DATA)
            try:
                buffer, begin = bytearray(READ_BYTES), 0
                while n_bytes := file.read_into(address_of(buffer), READ_BYTES, begin):
                    yield bytes(buffer[:n_bytes])
                    begin += n_bytes
            finally:
                file.close()

    async def remove(self, name: str) -> None:
        """Delete a session, if there is one."""
        key = _key(name)
        async with self._files.lock(key):
            await self._files.remove(key + NOTE)
            await self._files.remove(key + DATA)

    async def stored(self) -> list[SavedSession]:
        """What is stored, saved last first."""
        names = await self._files.names()
        keys = [name.removesuffix(DATA) for name in names if name.endswith(DATA)]
        found = [await self._note(key) or await self._drop_remains(key) for key in keys]
        return sorted((saved for saved in found if saved), key=lambda saved: -saved.saved_at)

    async def _write_data(self, file_name: str, pieces: AsyncIterable[bytes]) -> int:
        file = await self._files.open(file_name)
        try:
            file.truncate(0)
            n_bytes = 0
            async for piece in pieces:
                if buffer := bytearray(piece):
                    file.write_from(address_of(buffer), len(buffer), n_bytes)
                    n_bytes += len(buffer)
            file.flush()
        finally:
            file.close()
        return n_bytes

    async def _note(self, key: str) -> SavedSession | None:
        try:
            return SavedSession(**json.loads(await self._files.read_text(key + NOTE) or ""))
        except (ValueError, TypeError):
            return None

    async def _drop_remains(self, key: str) -> SavedSession | None:
        """Delete what a program that ended while it wrote has left; unless somebody still writes."""
        with suppress(InUse):
            async with self._files.lock(key, wait=False):
                saved = await self._note(key)
                if saved is None:
                    await self._files.remove(key + DATA)
                return saved
        return None


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:24]
