"""CPython: files of the machine, and http through the standard library in a thread."""

from __future__ import annotations

import asyncio
import http.client
import os
import platform
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any
from urllib.parse import urlsplit

from bitnet.errors import BadArgument, Busy, ConnectionBroken, Refused, Unreachable
from bitnet.host import Files, answers
from bitnet.host.folder import Folder
from bitnet.host.memory import memory_at
from bitnet.native.threads import ThreadRanks
from bitnet.ranks import Cores, Ranks

TIMEOUT_S = 60.0
MOST_RANKS = 64  # more than that wait for each other rather than compute
CHECKOUT = Path(__file__).resolve().parents[3]


class CPythonHost:
    """The host of the command line and of plain Python programs.

    Models are stored in ``$BITNET_CACHE``, else in ``~/.cache/bitnet``.
    """

    def __init__(self) -> None:
        folder = os.environ.get("BITNET_MODELS")
        self.catalogue: Path | str = (Path(folder) if folder else CHECKOUT / "models") / "models.json"
        cache = os.environ.get("BITNET_CACHE")
        self.files: Files | None = Folder(Path(cache) if cache else Path.home() / ".cache" / "bitnet")
        self.why_no_files = ""

    def core_name(self) -> str:
        return "libbitnet.so"

    def cores(self) -> Cores:
        return Cores(most=MOST_RANKS)  # a program may have other plans with this machine: one, unless it asks

    def heap_bytes(self) -> None:
        return None

    def conditions(self) -> dict[str, Any]:
        return {"platform": platform.platform(), "hardware_threads": os.cpu_count(), "isolated": False}

    async def start_ranks(self, n_ranks: int, kernel: str | None) -> Ranks:
        return ThreadRanks(self.core_name(), n_ranks, kernel)

    def locate(self, source: str) -> Path | str:
        return source if source.startswith(("http://", "https://")) else Path(source)

    @asynccontextmanager
    async def open(
        self,
        source: Any,
        *,
        begin: int = 0,
        end: int | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> AsyncGenerator[HttpBody, None]:
        fields = {**headers, **answers.range_field(begin, end)}
        response = await _ask("GET", _checked(source), fields, begin)
        try:
            yield HttpBody(source, response, begin, end)
        finally:
            _end(response)

    async def size_of(self, source: Any, *, headers: Mapping[str, str] = MappingProxyType({})) -> int | None:
        try:
            response = await _ask("HEAD", _checked(source), headers)
        except (Refused, Busy):
            return None  # some servers answer GET only
        total_bytes = answers.answer(200, response.headers.get, 0).total_bytes
        _end(response)
        return total_bytes


def _checked(source: Any) -> str:
    if isinstance(source, str):
        return source
    raise BadArgument(f"A model cannot be read from {type(source).__name__}: give a URL, a path or bytes.")


async def _ask(method: str, url: str, fields: Mapping[str, str], begin: int = 0) -> http.client.HTTPResponse:
    """The answer to a request, made in a thread: one that nobody waits for any more is closed there."""
    asked = asyncio.get_running_loop().run_in_executor(None, _answer_to, method, url, fields, begin)
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        asked.add_done_callback(_end_unwanted)
        raise


def _answer_to(method: str, url: str, fields: Mapping[str, str], begin: int) -> http.client.HTTPResponse:
    try:
        request = urllib.request.Request(url, method=method)  # noqa: S310 - locate() lets http(s) through only
        for name, value in fields.items():
            request.add_unredirected_header(name, value)
        response = _OPENER.open(request, timeout=TIMEOUT_S)
        status, header = response.status, response.headers.get
    except urllib.error.HTTPError as error:
        response, status, header = error, error.code, error.headers.get
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unreachable(url, str(getattr(error, "reason", error))) from error
    if failure := answers.failure(url, status, header, begin):
        response.close()
        raise failure
    return response  # type: ignore[no-any-return]


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Other origins get to know which bytes are wanted, but no other field of a request, least a token."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following:
            same = urlsplit(newurl)[:2] == urlsplit(req.full_url)[:2]
            for name, value in req.unredirected_hdrs.items():
                if name == "Range" or (same and name != "Host"):
                    following.add_unredirected_header(name, value)
        return following


_OPENER = urllib.request.build_opener(_Redirects)


def _end(response: http.client.HTTPResponse) -> None:
    """Close a response, from which a thread may be reading: closing alone would wait for that."""
    with (
        suppress(OSError, ValueError, AttributeError),  # it has ended by itself
        socket.socket(fileno=os.dup(response.fileno())) as connection,
    ):
        connection.shutdown(socket.SHUT_RDWR)
    response.close()


def _end_unwanted(asked: asyncio.Future[http.client.HTTPResponse]) -> None:
    if asked.exception() is None:
        _end(asked.result())


class HttpBody:
    """The body of a response.

    A thread reads it, which a cancelled load does not stop: into memory of its own, and only then, here, into
    that of the core, which may be gone by then.
    """

    MOST_AT_ONCE_BYTES = 1 << 20

    def __init__(
        self, url: str, response: http.client.HTTPResponse, asked: int, end: int | None = None
    ) -> None:
        facts = answers.answer(response.status, response.headers.get, asked, end)
        self.total_bytes, self.begin = facts.total_bytes, facts.begin
        self.validator, self.accepts_ranges = facts.validator, facts.accepts_ranges
        self.next_page = facts.next_page
        self._url, self._response, self._position = url, response, facts.begin

    async def read_into(self, address: int, capacity: int) -> int:
        try:
            # read1 gives what has come; other ways of reading wait until all that was asked for is there.
            part = await asyncio.to_thread(self._response.read1, min(capacity, self.MOST_AT_ONCE_BYTES))
        except (OSError, ValueError, http.client.HTTPException):
            raise ConnectionBroken(self._url, self._position, self.total_bytes) from None
        memory_at(address, len(part))[:] = part
        self._position += len(part)
        if not part and self.total_bytes is not None and self._position < self.total_bytes:
            raise ConnectionBroken(self._url, self._position, self.total_bytes)
        return len(part)
