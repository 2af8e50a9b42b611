"""What is timed of the engine, the same in CPython and in a browser's Pyodide; it needs the package alone.

Requests come one at a time, as JSON: {"call": the name of a method, and its arguments}. Natively this is a
program that reads one from each line. What ends in _ms is the least that was seen: machines are shared, and
nothing makes work faster than it is.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import bitnet
from bitnet.host import Host
from bitnet.native import NativeSession, Parts

TEXT = (
    "The history of the lighthouse begins long before electricity. Sailors who came home at night needed a "
    "sign that the rocks were near, and so the people of the coast lit fires on the hills. "
)
SHORT_POSITIONS = 16  # where attention costs nothing
WINDOW_TOKENS = (
    4  # of which the mean is taken: one token alone may fall between two ticks of a browser's clock
)


def heap_bytes() -> int:
    """The size of Pyodide's memory, 0 in CPython, whose memory holds more than the model."""
    if sys.platform != "emscripten":
        return 0
    import pyodide_js

    return int(pyodide_js._module.HEAPU8.length)


def least_ms(work: Callable[[], object], n_times: int) -> float:
    times = []
    for _ in range(n_times):
        clock = time.perf_counter()
        work()
        times.append(time.perf_counter() - clock)
    return 1000 * min(times)


class Subject:
    """One loaded model and the figures that it gives."""

    def __init__(self, host: Host | None) -> None:
        self._host = host
        self._model: bitnet.Model
        self._short: NativeSession

    async def load(self, source: str, context_length: int, ranks: int) -> dict[str, Any]:
        before = heap_bytes()
        clock = time.perf_counter()
        self._model = model = await bitnet.load(
            source, context_length=context_length, ranks=ranks, host=self._host
        )
        load_ms = 1000 * (time.perf_counter() - clock)
        await self.first_token(SHORT_POSITIONS)  # memory that only running takes
        return {
            "kernel": model.info.kernel,
            "load_ms": load_ms,
            "weights_bytes": model.info.weights_bytes,
            "kv_cache_bytes": model.info.kv_cache_bytes,
            "heap_growth_bytes": heap_bytes() - before,
        }

    def _prompt(self, n_tokens: int) -> list[int]:
        ids = self._model.tokenize(TEXT)
        return (ids * (n_tokens // len(ids) + 1))[:n_tokens]

    def resize(self, context_length: int) -> dict[str, Any]:
        """Another context, and a short session beside it."""
        self._model.resize(context_length)
        self._short = NativeSession(self._model.engine.model, SHORT_POSITIONS)
        return {}

    async def first_token(self, n_tokens: int) -> dict[str, Any]:
        """A prompt of *n_tokens* that the KV cache knows nothing of, as far as its first token."""
        self._model.engine.rewind(0)
        clock = time.perf_counter()
        stream = self._model.generate(self._prompt(n_tokens), max_tokens=1)
        async with aclosing(stream) as tokens:
            async for _ in tokens:
                first_token_ms = 1000 * (time.perf_counter() - clock)
        assert stream.timings is not None
        assert stream.timings.prefill_tokens == n_tokens
        return {
            f"first_token_after_{n_tokens}_ms": first_token_ms,
            f"prefill_{n_tokens}_ms": stream.timings.prefill_ms,
        }

    async def decode(self, n_positions: int, n_tokens: int) -> dict[str, Any]:
        """*n_tokens* whole tokens, as the chat makes them, with sampling, text and event loop.

        The last one fills position *n_positions*. What the KV cache holds of the prompt is kept. The kernels
        alone are timed at the same position.
        """
        stream = self._model.generate(self._prompt(n_positions - n_tokens - 1), max_tokens=n_tokens + 1)
        times = []
        async with aclosing(stream) as tokens:
            async for _ in tokens:
                times.append(time.perf_counter())
                stream.stop_reason = None  # an end token ends nothing here
        windows = zip(times, times[WINDOW_TOKENS:], strict=False)
        token_ms = [1000 * (end - begin) / WINDOW_TOKENS for begin, end in windows]
        assert len(token_ms) == n_tokens + 1 - WINDOW_TOKENS
        return {
            f"token_at_{n_positions}_ms": min(token_ms),
            f"kernels_at_{n_positions}_ms": self._kernels_ms(Parts.ALL),
            f"attention_at_{n_positions}_ms": self._kernels_ms(Parts.ATTENTION),
        }

    def _kernels_ms(self, parts: Parts) -> float:
        return least_ms(lambda: self._model.engine.session.run_kernels(parts), 6)

    def layers(self) -> dict[str, Any]:
        """The matrices of the layers, whose bytes are given; all that layers do; and a token with its choice.

        For one token, at positions near 0. The head belongs to the choice: of its rows only those are scored
        that can win.
        """
        session, ids = self._short, self._prompt(2)

        def run_layers() -> None:
            session.rewind(1)
            session.prefill(ids[1:], want_logits=False)

        def run_all() -> None:
            session.rewind(1)
            session.decode(ids[1])
            session.sample()

        session.rewind(0)
        session.prefill(ids, want_logits=False)
        matrices = [
            tensor
            for tensor in self._model.info.raw["tensors"]
            if tensor["name"].startswith("blk.") and len(tensor["shape"]) == 2
        ]
        return {
            "matrices_ms": self._kernels_ms(Parts.LAYER_MATRICES),
            "layers_ms": least_ms(run_layers, 6),
            "layers_and_head_ms": least_ms(run_all, 6),
            "matrices_bytes": sum(tensor["n_bytes"] for tensor in matrices),
        }

    def close(self) -> dict[str, Any]:
        self._short.close()
        self._model.close()
        return {}


class Machine:
    """The limits of the place that this runs in: *probes* are the functions of probes.cpp."""

    def __init__(self, probes: Any) -> None:
        self._probes = probes
        self._n_bytes = probes.probe_fill()

    def measure(self, n_times: int) -> dict[str, Any]:
        probes, n_rounds = self._probes, 4_000_000
        figures = {
            f"read_{streams}_gb_per_s": self._n_bytes / 1e6 / least_ms(read, n_times)
            for streams, read in (
                ("one_stream", probes.probe_read_one_stream),
                ("four_streams", probes.probe_read_four_streams),
            )
        }
        if sys.platform == "emscripten":
            milliseconds = least_ms(lambda: probes.probe_relaxed_dot(n_rounds), n_times)
            figures["relaxed_dot_g_products_per_s"] = 10 * 16 * n_rounds / 1e6 / milliseconds
        return figures


class Desk:
    """Takes requests and hands them to the one they are for; *host* is the platform, None for this one."""

    def __init__(self, host: Host | None = None) -> None:
        self._subject = Subject(host)
        self._machine: Machine | None = None

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        name, arguments = request.pop("call"), request
        if name == "open_machine":
            self._machine = Machine(await open_probes(**arguments))
            return {}
        method = getattr(self._machine if name == "measure" else self._subject, name)
        found = method(**arguments)
        result: dict[str, Any] = await found if asyncio.iscoroutine(found) else found
        return result


async def open_probes(place: str) -> Any:
    """The functions of probes.cpp: *place* is a URL in a browser, else the path of a library."""
    if sys.platform == "emscripten":
        import js

        loaded = await js.WebAssembly.instantiateStreaming(js.fetch(place))
        probes = loaded.instance.exports
        probes._initialize()
        return probes
    import ctypes

    library = ctypes.CDLL(place)
    library.probe_fill.restype = ctypes.c_size_t
    return library


async def serve() -> None:
    desk = Desk()
    for line in sys.stdin:
        print(json.dumps(await desk.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
