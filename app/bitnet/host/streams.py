"""A browser's ReadableStream as a body."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import js
import pyodide_js
from pyodide.ffi import JsException, JsProxy, to_js

from bitnet.errors import ConnectionBroken
from bitnet.host.answers import Answer

#: A byte stream that knows the option returns not before so much has come. Every read leaves objects behind
#: that add up to tens of megabytes before they are collected: the faster it comes, the more at once.
LEAST_READ_BYTES, MOST_READ_BYTES = 1 << 16, 1 << 22
QUICK_S, SLOW_S = 0.1, 0.4


class StreamBody:
    """A ReadableStream whose bytes go into wasm memory with one copy, never through Python objects.

    Pyodide's own buffer conversions fail for addresses of 2 GiB and above; ``HEAPU8.set`` does not.
    """

    def __init__(self, stream: JsProxy, name: str, facts: Answer) -> None:
        self.total_bytes, self.begin = facts.total_bytes, facts.begin
        self.validator, self.accepts_ranges = facts.validator, facts.accepts_ranges
        self.next_page = facts.next_page
        self._name, self._received = name, facts.begin
        self._rest: Any = None  # of a chunk that was larger than the room for it
        self._buffer: Any = None
        self._read_bytes = LEAST_READ_BYTES
        try:
            self._reader: Any = stream.getReader(_object(mode="byob"))
            self._own_buffer = True
        except JsException:  # not a byte stream: chunks come as large as they are
            self._reader, self._own_buffer = stream.getReader(), False

    async def read_into(self, address: int, capacity: int) -> int:
        if self._rest is None:
            self._rest = await self._next(capacity)
            if self._rest is None:
                return 0
        part = self._rest.subarray(0, capacity)
        n_bytes = int(part.length)
        # Read anew each time: growth of the memory replaces HEAPU8.
        pyodide_js._module.HEAPU8.set(part, address)
        self._rest = self._rest.subarray(n_bytes) if n_bytes < self._rest.length else None
        self._received += n_bytes
        return n_bytes

    async def close(self) -> None:
        with suppress(JsException):  # a stream that has failed says so again
            await self._reader.cancel()

    async def _next(self, capacity: int) -> Any:
        """The next bytes as a Uint8Array, None at the end."""
        try:
            chunk = await (self._read_own_buffer(capacity) if self._own_buffer else self._reader.read())
        except JsException:
            raise ConnectionBroken(self._name, self._received, self.total_bytes) from None
        # The end may come together with the last bytes, where fewer were left than asked for.
        if chunk.value and chunk.value.byteLength:
            return chunk.value
        if self.total_bytes is not None and self._received < self.total_bytes:
            raise ConnectionBroken(self._name, self._received, self.total_bytes)
        return None

    async def _read_own_buffer(self, capacity: int) -> Any:
        if self._buffer is None or self._buffer.byteLength < capacity:
            self._buffer = js.ArrayBuffer.new(capacity)
        view = js.Uint8Array.new(self._buffer, 0, capacity)
        clock = time.monotonic()
        chunk = await self._reader.read(view, _object(min=min(capacity, self._read_bytes)))
        duration = time.monotonic() - clock
        if duration < QUICK_S:
            self._read_bytes = min(2 * self._read_bytes, MOST_READ_BYTES)
        elif duration > SLOW_S:
            self._read_bytes = max(self._read_bytes // 2, LEAST_READ_BYTES)
        if chunk.value:
            self._buffer = chunk.value.buffer  # the stream has given the memory back under a new name
        return chunk


def _object(**fields: Any) -> JsProxy:
    return to_js(fields, dict_converter=js.Object.fromEntries)
