"""Pyodide's host: bytes from ``fetch`` or a File, and the build of the core that this browser accepts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import js
import pyodide_js
from pyodide.ffi import JsException, JsProxy, to_js

from bitnet.errors import BadArgument, NotFound, Refused
from bitnet.host import Files, Response, answers, blocked, opfs
from bitnet.host.streams import StreamBody
from bitnet.host.workers import WorkerRanks, worker_cores
from bitnet.ranks import Cores, Ranks

# A module whose one function needs relaxed SIMD: twice i32.const 0 and i8x16.splat, then
# i16x8.relaxed_dot_i8x16_i7x16_s and drop. An engine without it refuses the whole module.
RELAXED_SIMD_PROBE = bytes.fromhex(
    "0061736d01000000"  # magic and version
    "010401600000"  # types: () -> ()
    "03020100"  # functions: one of that type
    "0a10010e00"  # code: one body of 14 bytes, no locals
    "4100fd0f4100fd0ffd92021a0b"
)

#: The build for a set of instructions, which is called like the kernel set that only this build holds.
CORES = {"simd128": "core-simd128.wasm", "relaxed": "core-relaxed.wasm"}


class BrowserHost:
    """What a tab, a worker or a notebook in a browser gives.

    Args:
        kernel: A kernel set that has been asked for; it decides which build of the core has to be opened.
        ranks: What ``ranksFrom`` of web/ranks.js gave, for models that several cores share.
        storage: What ``storageFrom`` of web/storage.js gave, for stored models.
        no_storage: Its obstacle: why nothing can be stored, "" if it can.
    """

    def __init__(
        self, kernel: str | None = None, ranks: Any = None, storage: Any = None, no_storage: str = ""
    ) -> None:
        self._kernel, self._ranks = kernel, ranks
        why = no_storage or opfs.obstacle()
        self.files: Files | None = None if why else opfs.Opfs(storage)
        self.why_no_files = f"Models cannot be kept here ({why}): they are fetched again each time." * bool(
            why
        )
        self.catalogue: Path | str = self._absolute("models/models.json") or "models/models.json"

    def core_name(self) -> str:
        return CORES[self._instructions()]

    def _instructions(self) -> str:
        if self._kernel in CORES:
            return self._kernel
        return "relaxed" if js.WebAssembly.validate(to_js(RELAXED_SIMD_PROBE)) else "simd128"

    def cores(self) -> Cores:
        return worker_cores(self._ranks)

    def heap_bytes(self) -> int:
        return int(pyodide_js._module.HEAPU8.length)

    def conditions(self) -> dict[str, Any]:
        return {
            "platform": str(js.navigator.userAgent),
            "hardware_threads": int(js.navigator.hardwareConcurrency),
            "isolated": bool(getattr(js, "crossOriginIsolated", False)),
        }

    async def start_ranks(self, n_ranks: int, kernel: str | None) -> Ranks:
        return await WorkerRanks.start(self._ranks, n_ranks, self._instructions(), kernel)

    def locate(self, source: str) -> Path | str:
        if Path(source).is_file():  # Pyodide's own file system
            return Path(source)
        url = self._absolute(source)
        if url is None or url.split(":")[0] not in ("http", "https", "blob", "data"):
            raise BadArgument(
                f"{source!r} is not an address that a browser can fetch: give one that begins with https:// "
                "or a path on this site."
            )
        return url

    def open(
        self,
        source: Any,
        *,
        begin: int = 0,
        end: int | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> AbstractAsyncContextManager[Response]:
        if isinstance(source, str):
            return _open_url(source, begin, end, headers)
        return _open_file(source, begin, end)

    async def size_of(self, source: Any, *, headers: Mapping[str, str] = MappingProxyType({})) -> int | None:
        if not isinstance(source, str):
            return int(source.size)
        try:
            response = await js.fetch(source, _object(method="HEAD", headers=_object(**headers)))
        except JsException:
            return None  # reading it will tell what is wrong, if anything is
        if response.status in (404, 410):
            raise NotFound(source)
        if not response.ok:  # some servers answer GET only
            return None
        return answers.answer(200, _header(response), 0).total_bytes

    @staticmethod
    def _absolute(url: str) -> str | None:
        try:
            return str(js.URL.new(url, js.location.href).href)
        except JsException:
            return None


@asynccontextmanager
async def _open_url(
    url: str, begin: int, end: int | None, headers: Mapping[str, str]
) -> AsyncGenerator[Response]:
    fields = {**headers, **answers.range_field(begin, end)}
    # A browser's cache lets one request for a URL wait for the end of another one.
    cache = "default" if end is None else "no-store"
    abort = js.AbortController.new()
    try:
        with blocked.watched_policy() as seen:
            try:
                response = await js.fetch(
                    url, _object(signal=abort.signal, cache=cache, headers=_object(**fields))
                )
            except JsException as error:
                raise await blocked.failure(url, error, seen) from None
        if failure := answers.failure(url, response.status, _header(response), begin):
            raise failure
        if not response.body:
            raise Refused(url, response.status)
        yield StreamBody(response.body, url, answers.answer(response.status, _header(response), begin, end))
    finally:
        abort.abort()


def _header(response: Any) -> Callable[[str], str | None]:
    return lambda name: response.headers.get(name) or None


@asynccontextmanager
async def _open_file(file: Any, begin: int, end: int | None) -> AsyncGenerator[Response]:
    facts = answers.Answer(int(file.size), begin, validator="", accepts_ranges=True)
    body = StreamBody(file.slice(begin, end).stream() if begin else file.stream(), file.name, facts)
    try:
        yield body
    finally:
        await body.close()


def _object(**fields: Any) -> JsProxy:
    return to_js(fields, dict_converter=js.Object.fromEntries)
