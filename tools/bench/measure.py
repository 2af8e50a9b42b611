"""What is measured, the same in CPython and inside a browser's Pyodide. It needs nothing but the package.

Times are the least of several rounds, and what is compared is measured in turn within one round: machines are
shared, and what disturbs one disturbs the other.
"""

import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import bitnet
from bitnet.prompt import encode_chat
from bitnet.records import Message

QUESTION = "Tell me a short story about a rabbit named Momo who finds a shiny key."
PREFILL_TOKENS = 256
DECODE_TOKENS = 64
ROUNDS = 5


def heap_bytes() -> int | None:
    """The size of Pyodide's memory; None in CPython, whose memory holds more than the model."""
    if sys.platform != "emscripten":
        return None
    import pyodide_js

    return int(pyodide_js._module.HEAPU8.length)


def milliseconds(work: Callable[[], object]) -> float:
    clock = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - clock)


async def measure(source: str, file_bytes: int) -> dict[str, Any]:
    """Load *source*, whose size is *file_bytes*, and time what a visitor waits for."""
    heap_before = heap_bytes()
    clock = time.perf_counter()
    model = await bitnet.load(source)
    load_ms = 1000 * (time.perf_counter() - clock)
    heap_after = heap_bytes()

    prompt = encode_chat([Message("user", QUESTION)], model.template, model)
    clock = time.perf_counter()
    async with aclosing(model.generate(prompt, max_tokens=1, temperature=0.0)) as tokens:
        async for _ in tokens:
            first_token_ms = 1000 * (time.perf_counter() - clock)

    session = model.engine.session
    long_prompt = (prompt * PREFILL_TOKENS)[:PREFILL_TOKENS]
    prefill_ms, token_ms, kernels_ms = [], [], []
    for _ in range(ROUNDS):
        model.engine.rewind(0)
        model.engine.claim(session)
        clock = time.perf_counter()
        n_run = await model.engine.prefill(long_prompt, user=session)
        assert n_run == model.position == PREFILL_TOKENS
        prefill_ms.append(1000 * (time.perf_counter() - clock))
        # Whole tokens, as the chat makes them: sampling, text and the event loop's turn included.
        stream = model.generate(prompt, max_tokens=DECODE_TOKENS, temperature=0.7, top_p=0.95, seed=7)
        async with aclosing(stream) as tokens:
            async for _ in tokens:
                pass
        assert stream.timings is not None
        token_ms.append(stream.timings.decode_ms / stream.timings.decode_tokens)
        kernels_ms.append(milliseconds(lambda: [session.run_kernels() for _ in range(20)]) / 20)

    weights_and_cache = file_bytes + model.info.kv_cache_bytes
    return {
        "kernel": model.info.kernel,
        "load_ms": load_ms,
        "first_token_ms": first_token_ms,
        "first_token_prompt_tokens": len(prompt),
        "prefill_tokens_per_s": 1000 * PREFILL_TOKENS / min(prefill_ms),
        "decode_tokens_per_s": 1000 / min(token_ms),
        "kernels_share_of_token": min(kernels_ms) / min(token_ms),
        "heap_growth_of_file_and_cache": (heap_after - heap_before) / weights_and_cache
        if heap_before is not None and heap_after is not None
        else None,
    }
