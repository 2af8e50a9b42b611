"""CPython: files of the machine, and http through the standard library in a thread."""

from __future__ import annotations

import asyncio
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bitnet.errors import BadArgument, ConnectionBroken, NotFound, Refused, Unreachable
from bitnet.host.memory import memory_at
from bitnet.native.threads import ThreadRanks
from bitnet.ranks import Cores, Ranks

TIMEOUT_S = 60.0
MOST_RANKS = 64  # more than that wait for each other rather than compute
CHECKOUT = Path(__file__).resolve().parents[3]


class CPythonHost:
    """The host of the command line and of plain Python programs."""

    def __init__(self) -> None:
        folder = os.environ.get("BITNET_MODELS")
        self.catalogue: Path | str = (Path(folder) if folder else CHECKOUT / "models") / "models.json"

    def core_name(self) -> str:
        return "libbitnet.so"

    def cores(self) -> Cores:
        return Cores(most=MOST_RANKS)  # a program may have other plans with this machine: one, unless it asks

    async def start_ranks(self, n_ranks: int, kernel: str | None) -> Ranks:
        return ThreadRanks(self.core_name(), n_ranks, kernel)

    def locate(self, source: str) -> Path | str:
        return source if source.startswith(("http://", "https://")) else Path(source)

    @asynccontextmanager
    async def open(self, source: Any) -> AsyncGenerator[HttpBody, None]:
        url = _checked(source)
        try:
            response = await asyncio.to_thread(urllib.request.urlopen, url, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()
            raise (NotFound(source) if error.code in (404, 410) else Refused(source, error.code)) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unreachable(source, str(getattr(error, "reason", error))) from error
        with response:
            yield HttpBody(source, response)

    async def size_of(self, source: Any) -> int | None:
        url = _checked(source)
        try:
            request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - locate() lets http(s) through only
            response = await asyncio.to_thread(urllib.request.urlopen, request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                raise NotFound(source) from None
            return None  # some servers answer GET only
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unreachable(source, str(getattr(error, "reason", error))) from error
        with response:
            length = response.headers.get("Content-Length")
            return int(length) if length else None


def _checked(source: Any) -> str:
    if isinstance(source, str):
        return source
    raise BadArgument(f"A model cannot be read from {type(source).__name__}: give a URL, a path or bytes.")


class HttpBody:
    """The body of a response.

    A thread reads it, which a cancelled load does not stop: into memory of this object, and only then into
    that of the core, which may be gone by then.
    """

    BUFFER_BYTES = 1 << 20

    def __init__(self, url: str, response: http.client.HTTPResponse) -> None:
        self.total_bytes = response.length
        self._url, self._response, self._received = url, response, 0
        self._buffer = memoryview(bytearray(self.BUFFER_BYTES))

    async def read_into(self, address: int, capacity: int) -> int:
        try:
            n_bytes = await asyncio.to_thread(self._response.readinto, self._buffer[:capacity])
        except (OSError, http.client.HTTPException):
            raise ConnectionBroken(self._url, self._received, self.total_bytes) from None
        memory_at(address, n_bytes)[:] = self._buffer[:n_bytes]
        self._received += n_bytes
        if n_bytes == 0 and self.total_bytes is not None and self._received < self.total_bytes:
            raise ConnectionBroken(self._url, self._received, self.total_bytes)
        return n_bytes
