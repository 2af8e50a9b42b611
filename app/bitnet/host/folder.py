"""CPython's storage: a folder of the file system."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bitnet.errors import InUse, StorageFull
from bitnet.host import Room
from bitnet.host.memory import memory_at

HASHED_AT_ONCE_BYTES = 4 << 20
LOCK_POLL_S = 0.2
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Folder:
    """``Files`` in *path*, which is made when something is stored for the first time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def names(self) -> list[str]:
        if not self._path.is_dir():
            return []
        return sorted(file.name for file in self._path.iterdir() if not file.name.endswith((".lock", ".new")))

    async def read_text(self, name: str) -> str | None:
        try:
            return (self._path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    async def write_text(self, name: str, text: str) -> None:
        place = self._made() / name
        fresh = place.with_name(f"{name}.{os.getpid()}.new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise StorageFull(len(text)) if error.errno in FULL else error from None

    async def open(self, name: str) -> FolderFile:
        return FolderFile(self._made() / name)

    async def remove(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)

    async def room(self) -> Room:
        used = 0
        for name in await self.names():
            with suppress(FileNotFoundError):  # somebody else has deleted it meanwhile
                used += (self._path / name).stat().st_size
        there = next(place for place in (self._path, *self._path.parents) if place.is_dir())
        return Room(used, shutil.disk_usage(there).free)

    async def persist(self) -> bool:
        return True

    @asynccontextmanager
    async def lock(self, name: str, *, wait: bool = True) -> AsyncGenerator[None, None]:
        # The file stays: whoever deleted it could leave two owners, one of the old file and one of a new one.
        descriptor = os.open(self._made() / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not wait:
                        raise InUse(name) from None
                await asyncio.sleep(LOCK_POLL_S)
            yield
        finally:
            os.close(descriptor)

    async def sha256(self, name: str, on_progress: Callable[[int], object] | None = None) -> str:
        loop = asyncio.get_running_loop()
        stopped = False

        def work() -> str:
            digest, n_read = hashlib.sha256(), 0
            buffer = memoryview(bytearray(HASHED_AT_ONCE_BYTES))
            with (self._path / name).open("rb", buffering=0) as file:
                while not stopped and (n_bytes := file.readinto(buffer)):
                    digest.update(buffer[:n_bytes])
                    n_read += n_bytes
                    if on_progress:
                        loop.call_soon_threadsafe(on_progress, n_read)
            return digest.hexdigest()

        try:
            return await asyncio.to_thread(work)
        finally:
            stopped = True  # a thread that nobody waits for any more

    async def export(self, name: str, as_name: str) -> Path:
        return self._path / name

    def _made(self) -> Path:
        self._path.mkdir(parents=True, exist_ok=True)
        return self._path


class FolderFile:
    """An open file of a ``Folder``."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)

    @property
    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError("The file has been closed.")
        return self._descriptor

    @property
    def size(self) -> int:
        return os.fstat(self._open).st_size

    def read_into(self, address: int, capacity: int, begin: int) -> int:
        return os.preadv(self._open, [memory_at(address, capacity)], begin)

    def write_from(self, address: int, n_bytes: int, begin: int) -> None:
        rest = memory_at(address, n_bytes)
        try:
            while rest:
                n_written = os.pwrite(self._open, rest, begin)
                rest, begin = rest[n_written:], begin + n_written
        except OSError as error:
            raise StorageFull(n_bytes) if error.errno in FULL else error from None

    def truncate(self, size: int) -> None:
        os.ftruncate(self._open, size)

    def flush(self) -> None:
        os.fsync(self._open)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
