"""A browser's storage: a folder of the origin private file system, which only this site's pages see."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import js
import pyodide_js
from pyodide.ffi import JsException, create_proxy, to_js

from bitnet.errors import InUse, StorageFull
from bitnet.host import Room
from bitnet.host.answers import Answer
from bitnet.host.memory import address_of
from bitnet.host.streams import StreamBody

FOLDER = "bitnet-tab"
FULL = "QuotaExceededError"
#: A tab that was just closed may hold its files for a moment.
OPEN_TRIES, OPEN_EVERY_S = 15, 0.2
#: What reading a File says when another one has taken its place, or none; how often that is tried again.
REPLACED, READ_TRIES = ("AbortError", "NotFoundError", "NotReadableError"), 10
HASHED_AT_ONCE_BYTES = 1 << 20


def obstacle() -> str:
    """Why files cannot be stored here, "" if they can: what can be told without waiting."""
    handle = getattr(js, "FileSystemFileHandle", None)
    if handle is None or not getattr(js.navigator.storage, "getDirectory", None):
        return "this browser gives the page no storage for files"
    if not hasattr(handle.prototype, "createSyncAccessHandle"):
        return "Python does not run in a worker, or the browser is too old"
    return ""


class Opfs:
    """``Files`` in one folder for all pages of this site.

    Args:
        page: What ``storageFrom`` of web/storage.js gave: the page helps to hash, and to be granted storage
            that stays. Without it hashing is slower, and nothing is granted.
    """

    def __init__(self, page: Any = None) -> None:
        self._page = page
        self._folder: Any = None

    async def names(self) -> list[str]:
        return sorted([name async for name in (await self._opened()).keys()])  # noqa: SIM118 - not a dict

    async def read_text(self, name: str) -> str | None:
        for _ in range(READ_TRIES):
            if (file := await self._file(name)) is None:
                return None
            try:
                return str(await file.text())
            except JsException as error:
                if error.name not in REPLACED:
                    raise
        raise InUse(name)

    async def write_text(self, name: str, text: str) -> None:
        handle = await self._made(name, len(text))
        # It writes to a file of its own, which takes the place of the other one when it is closed.
        stream = await _call(len(text), handle, "createWritable")
        await _call(len(text), stream, "write", text)
        await _call(len(text), stream, "close")

    async def open(self, name: str) -> OpfsFile:
        handle = await self._made(name, 1)
        for _ in range(OPEN_TRIES):
            try:
                return OpfsFile(await handle.createSyncAccessHandle())
            except JsException as error:
                if error.name != "NoModificationAllowedError":
                    raise
            await asyncio.sleep(OPEN_EVERY_S)
        raise InUse(name)

    async def remove(self, name: str) -> None:
        try:
            await (await self._opened()).removeEntry(name)
        except JsException as error:
            if error.name == "NoModificationAllowedError":
                raise InUse(name) from None
            if error.name != "NotFoundError":
                raise

    async def room(self) -> Room:
        used = 0
        for name in await self.names():
            file = await self._file(name)
            used += 0 if file is None else int(file.size)
        estimate = await js.navigator.storage.estimate()
        return Room(used, max(0, int(estimate.quota) - int(estimate.usage)))

    async def persist(self) -> bool:
        if await js.navigator.storage.persisted():
            return True
        return bool(self._page and await self._page.persist())

    @asynccontextmanager
    async def lock(self, name: str, *, wait: bool = True) -> AsyncGenerator[None, None]:
        loop = asyncio.get_running_loop()
        granted: asyncio.Future[bool] = loop.create_future()
        left: asyncio.Future[None] = loop.create_future()

        async def own(lock: Any) -> None:
            """The lock is held until this returns; null stands for a refusal."""
            if not granted.done():
                granted.set_result(bool(lock))
                await left

        proxy = create_proxy(own)
        abort = js.AbortController.new()
        options = _object(signal=abort.signal) if wait else _object(ifAvailable=True)
        request = asyncio.ensure_future(js.navigator.locks.request(f"{FOLDER} {name}", options, proxy))
        try:
            if not await granted:
                raise InUse(name)
            yield
        finally:
            left.set_result(None)
            if granted.cancelled() or not granted.done():
                abort.abort()  # the wait for it
            await asyncio.wait([request])
            request.exception()  # of a request that was given up
            proxy.destroy()

    async def sha256(self, name: str, on_progress: Callable[[int], object] | None = None) -> str:
        file = await self._file(name)
        if file is None:
            raise FileNotFoundError(name)
        tell = on_progress or (lambda _: None)
        if self._page is None:
            return await _sha256_here(file, tell)
        proxy = create_proxy(tell)
        work = self._page.digest(file, proxy)
        try:
            return str(await work.hash)
        finally:
            work.end()
            proxy.destroy()

    async def export(self, name: str, as_name: str) -> Any:
        return js.File.new(to_js([await self._file(name)]), as_name)

    async def _opened(self) -> Any:
        if self._folder is None:
            root = await js.navigator.storage.getDirectory()
            self._folder = await root.getDirectoryHandle(FOLDER, _object(create=True))
        return self._folder

    async def _made(self, name: str, n_bytes: int) -> Any:
        """The handle of a file that is there from now on, and is to get *n_bytes*."""
        return await _call(n_bytes, await self._opened(), "getFileHandle", name, _object(create=True))

    async def _file(self, name: str) -> Any:
        """The browser's File of this name: what it holds now; None where there is none."""
        try:
            return await (await (await self._opened()).getFileHandle(name)).getFile()
        except JsException as error:
            if error.name == "NotFoundError":
                return None
            raise


class OpfsFile:
    """An open file, of which the browser allows one at a time.

    Bytes go to and from wasm memory without Python objects, which fail for addresses of 2 GiB and above.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @property
    def size(self) -> int:
        return int(self._handle.getSize())

    def read_into(self, address: int, capacity: int, begin: int) -> int:
        return int(self._handle.read(_heap(address, capacity), _object(at=begin)))

    def write_from(self, address: int, n_bytes: int, begin: int) -> None:
        n_written = 0
        while n_written < n_bytes:
            rest = _heap(address + n_written, n_bytes - n_written)
            try:
                n_more = int(self._handle.write(rest, _object(at=begin + n_written)))
            except JsException as error:
                raise StorageFull(n_bytes) if _is_full(error) else error from None
            if n_more == 0:
                raise StorageFull(n_bytes)
            n_written += n_more

    def truncate(self, size: int) -> None:
        self._handle.truncate(size)

    def flush(self) -> None:
        self._handle.flush()

    def close(self) -> None:
        self._handle.close()


async def _sha256_here(file: Any, tell: Callable[[int], object]) -> str:
    """The hash by this interpreter, in pieces, so that other work goes on between them."""
    digest, n_read = hashlib.sha256(), 0
    buffer = bytearray(HASHED_AT_ONCE_BYTES)
    body = StreamBody(file.stream(), file.name, Answer(int(file.size), 0, validator="", accepts_ranges=True))
    try:
        while n_bytes := await body.read_into(address_of(buffer), len(buffer)):
            digest.update(memoryview(buffer)[:n_bytes])
            n_read += n_bytes
            tell(n_read)
            await asyncio.sleep(0)
    finally:
        await body.close()
    return digest.hexdigest()


async def _call(n_bytes: int, target: Any, method: str, *arguments: Any) -> Any:
    """Await a *method* that may find no room for *n_bytes*.

    Chromium's QuotaExceededError has no stack, so Pyodide (314) takes it for no exception, and whoever
    awaits a promise that is rejected with it waits for ever. Here Array.from makes the call, and Python gets
    no promise but one that is never rejected.

    Raises:
        StorageFull: There is none.
        JsException: Anything else.
    """
    call = getattr(target, method).bind(target, *arguments)
    promises = getattr(js.Array, "from")(to_js([None]), call)
    outcome = (await js.Promise.allSettled(promises))[0]
    if outcome.status == "fulfilled":
        return outcome.value
    if outcome.reason.name == FULL:
        raise StorageFull(n_bytes)
    raise outcome.reason


def _heap(address: int, n_bytes: int) -> Any:
    return pyodide_js._module.HEAPU8.subarray(address, address + n_bytes)  # anew: growth replaces HEAPU8


def _is_full(error: JsException) -> bool:
    return bool(error.name == FULL)


def _object(**fields: Any) -> Any:
    return to_js(fields, dict_converter=js.Object.fromEntries)
