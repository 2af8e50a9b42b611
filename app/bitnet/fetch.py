"""Any source of a model as one body of bytes: a URL, a path, bytes in memory, or an object of the host."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from bitnet.errors import FetchError, NotFound
from bitnet.host import Body, Host
from bitnet.host.memory import address_of, memory_at

SMALL_BYTES = 1 << 20  # the most that read_small takes


class FileBody:
    """A file of the file system, read straight into place."""

    def __init__(self, file: BinaryIO) -> None:
        self.total_bytes: int | None = os.fstat(file.fileno()).st_size
        self._file = file

    async def read_into(self, address: int, capacity: int) -> int:
        return self._file.readinto(memory_at(address, capacity))  # type: ignore[attr-defined, no-any-return]


class BytesBody:
    """Bytes that are already in memory: anything with the buffer protocol."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._rest = memoryview(data).cast("B")
        self.total_bytes: int | None = len(self._rest)

    async def read_into(self, address: int, capacity: int) -> int:
        part, self._rest = self._rest[:capacity], self._rest[capacity:]
        if part:
            memory_at(address, len(part))[:] = part
        return len(part)


@asynccontextmanager
async def open_source(source: Any, host: Host) -> AsyncGenerator[Body, None]:
    """Open *source* for reading; leaving the block ends a transfer.

    Raises:
        FetchError: Nothing is there, it cannot be read, or the host's own reason.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        yield BytesBody(source)
        return
    place = host.locate(source) if isinstance(source, str) else source
    if isinstance(place, os.PathLike):
        with _open_file(Path(place)) as file:
            yield FileBody(file)
    else:
        async with host.open(place) as body:
            yield body


async def size_of(source: Any, host: Host, headers: Mapping[str, str] = MappingProxyType({})) -> int | None:
    """Size of *source* without reading it, None if a server does not say.

    Raises:
        NotFound, FetchError: Nothing is there, or it cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return BytesBody(source).total_bytes
    place = host.locate(source) if isinstance(source, str) else source
    if isinstance(place, os.PathLike):
        with _open_file(Path(place)) as file:
            return FileBody(file).total_bytes
    return await host.size_of(place, headers=headers)


async def read_small(source: Any, host: Host) -> bytes:
    """All bytes of a small text such as the catalogue.

    Raises:
        FetchError: As ``open_source``, or more than a mebibyte.
    """
    async with open_source(source, host) as body:
        return await _read_small(body, source)


async def read_page(url: str, host: Host, headers: Mapping[str, str]) -> tuple[bytes, str]:
    """One page of a list that a server gives, and where the next page is ("" after the last one).

    Raises:
        FetchError: As ``read_small``.
    """
    async with host.open(url, headers=headers) as response:
        return await _read_small(response, url), response.next_page


async def _read_small(body: Body, source: Any) -> bytes:
    buffer = bytearray(SMALL_BYTES + 1)
    received, address = 0, address_of(buffer)
    while n_bytes := await body.read_into(address + received, len(buffer) - received):
        received += n_bytes
        if received > SMALL_BYTES:
            raise FetchError(f"{source} has more than {SMALL_BYTES:,} bytes: it is not a catalogue.")
    return bytes(buffer[:received])


def _open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        raise NotFound(str(path)) from None
    except OSError as error:
        raise FetchError(
            f"{path} cannot be read ({error.strerror}): give the path of a model file."
        ) from None
