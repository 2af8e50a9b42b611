"""A host whose one file arrives as a script says, and storage that ends at any moment: no sockets."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bitnet.errors import ConnectionBroken, InUse, RangeRefused, StorageFull
from bitnet.host import File, Files, Room
from bitnet.host.memory import address_of, memory_at

URL = "https://example.org/model.gguf"


class ScriptedBody:
    """Gives *data* from *begin* on in pieces of *sizes*, and breaks off after *n_bytes*."""

    def __init__(self, host: ScriptedHost, begin: int, end: int | None, n_bytes: int | None) -> None:
        self._host, self.begin = host, begin
        self.total_bytes = len(host.data) if host.states_size else None
        self.validator, self.accepts_ranges, self.next_page = host.validator, host.has_ranges, ""
        self._position, self._end, self._left = begin, end, n_bytes

    async def read_into(self, address: int, capacity: int) -> int:
        host = self._host
        part = host.data[self._position : self._end][: min(capacity, host.next_size())]
        if self._left is not None:
            if self._left == 0:
                raise ConnectionBroken(URL, self._position, self.total_bytes)
            part = part[: self._left]
            self._left -= len(part)
        memory_at(address, len(part))[:] = part
        self._position += len(part)
        host.n_sent += len(part)
        return len(part)


@dataclass
class ScriptedHost:
    """Serves *data*.

    Attributes:
        drops: After how many bytes each connection breaks off; those behind the end of the list do not.
        sizes: Of the pieces, over and over.
        opened: Where each connection began.
        n_parts: How many of them had an end.
    """

    data: bytes
    drops: Sequence[int] = ()
    sizes: Sequence[int] = (1 << 20,)
    has_ranges: bool = True
    states_size: bool = True
    validator: str = '"one"'
    files: Files | None = None
    why_no_files: str = ""
    catalogue: Path | str = "models.json"
    opened: list[int] = field(default_factory=list)
    n_sent: int = 0
    n_parts: int = 0
    _n_pieces: int = 0

    def next_size(self) -> int:
        self._n_pieces += 1
        return self.sizes[self._n_pieces % len(self.sizes)]

    def locate(self, source: str) -> str:
        return source

    @asynccontextmanager
    async def open(
        self,
        source: Any,
        *,
        begin: int = 0,
        end: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[ScriptedBody]:
        n = len(self.opened)
        begin = begin if self.has_ranges else 0
        self.opened.append(begin)
        if begin and begin >= len(self.data):
            raise RangeRefused(source, begin)
        if end is not None:
            self.n_parts += 1
        yield ScriptedBody(self, begin, end, self.drops[n] if n < len(self.drops) else None)

    async def size_of(self, source: Any, *, headers: Mapping[str, str] | None = None) -> int | None:
        return len(self.data) if self.states_size else None


class MemoryFiles:
    """Storage in memory, which outlives what is done to it; it has room for files of *most_bytes*."""

    def __init__(self, most_bytes: int = 1 << 30) -> None:
        self.most_bytes = most_bytes
        self.texts: dict[str, str] = {}
        self.data: dict[str, bytearray] = {}
        self._owned: set[str] = set()

    async def names(self) -> list[str]:
        return [*self.texts, *self.data]

    async def read_text(self, name: str) -> str | None:
        return self.texts.get(name)

    async def write_text(self, name: str, text: str) -> None:
        self.texts[name] = text

    async def open(self, name: str) -> File:
        return MemoryFile(self.data.setdefault(name, bytearray()), self.most_bytes)

    async def remove(self, name: str) -> None:
        self.texts.pop(name, None)
        self.data.pop(name, None)

    async def room(self) -> Room:
        return Room(sum(map(len, self.data.values())), None)

    async def persist(self) -> bool:
        return True

    @asynccontextmanager
    async def lock(self, name: str, *, wait: bool = True) -> AsyncGenerator[None]:
        if name in self._owned:
            raise InUse(name)
        self._owned.add(name)
        try:
            yield
        finally:
            self._owned.remove(name)

    async def sha256(self, name: str, on_progress: Callable[[int], object] | None = None) -> str:
        return hashlib.sha256(self.data[name]).hexdigest()

    async def export(self, name: str, as_name: str) -> bytes:
        return bytes(self.data[name])


class MemoryFile:
    """An open file of ``MemoryFiles``."""

    def __init__(self, data: bytearray, most_bytes: int) -> None:
        self._data, self._most_bytes = data, most_bytes

    @property
    def size(self) -> int:
        return len(self._data)

    def read_into(self, address: int, capacity: int, begin: int) -> int:
        part = self._data[begin : begin + capacity]
        memory_at(address, len(part))[:] = part
        return len(part)

    def write_from(self, address: int, n_bytes: int, begin: int) -> None:
        part = memory_at(address, n_bytes)[: max(0, self._most_bytes - begin)]
        self._data.extend(bytes(max(0, begin - len(self._data))))
        self._data[begin : begin + len(part)] = part
        if len(part) < n_bytes:
            raise StorageFull(n_bytes)

    def truncate(self, size: int) -> None:
        del self._data[size:]

    def flush(self) -> None:
        """Memory has nothing behind it."""

    def close(self) -> None:
        """Nothing to give back."""


class Killed(BaseException):
    """The program has ended."""


class MortalFiles:
    """*files*, until *n_steps* things have been done to them: then nothing works any more.

    The thing during which it happens is done to half where that is possible.
    """

    def __init__(self, files: Files, n_steps: int) -> None:
        self._files, self._left = files, n_steps

    def step(self, half: Callable[[], object] | None = None) -> None:
        """Live a little longer, or do *half* of it and end."""
        self._left -= 1
        if self._left == 0 and half:
            half()
        if self._left <= 0:
            raise Killed

    async def names(self) -> list[str]:
        return await self._files.names()

    async def read_text(self, name: str) -> str | None:
        return await self._files.read_text(name)

    async def write_text(self, name: str, text: str) -> None:
        self.step()
        await self._files.write_text(name, text)

    async def open(self, name: str) -> File:
        self.step()
        return MortalFile(await self._files.open(name), self)

    async def remove(self, name: str) -> None:
        self.step()
        await self._files.remove(name)

    async def room(self) -> Room:
        return await self._files.room()

    async def persist(self) -> bool:
        return True

    def lock(self, name: str, *, wait: bool = True) -> AbstractAsyncContextManager[None]:
        return self._files.lock(name, wait=wait)

    async def sha256(self, name: str, on_progress: Callable[[int], object] | None = None) -> str:
        return await self._files.sha256(name, on_progress)

    async def export(self, name: str, as_name: str) -> Any:
        return await self._files.export(name, as_name)


class MortalFile:
    """An open file of ``MortalFiles``."""

    def __init__(self, file: File, life: MortalFiles) -> None:
        self._file, self._life = file, life

    @property
    def size(self) -> int:
        return self._file.size

    def read_into(self, address: int, capacity: int, begin: int) -> int:
        return self._file.read_into(address, capacity, begin)

    def write_from(self, address: int, n_bytes: int, begin: int) -> None:
        self._life.step(lambda: self._file.write_from(address, n_bytes // 2, begin))
        self._file.write_from(address, n_bytes, begin)

    def truncate(self, size: int) -> None:
        self._life.step()
        self._file.truncate(size)

    def flush(self) -> None:
        self._life.step()
        self._file.flush()

    def close(self) -> None:
        self._file.close()


async def read_all(body: Any, capacity: int = 1 << 16) -> bytes:
    """What is left of *body*, read *capacity* at a time."""
    buffer = bytearray(capacity)
    received = bytearray()
    while n_bytes := await body.read_into(address_of(buffer), capacity):
        received += buffer[:n_bytes]
    return bytes(received)
