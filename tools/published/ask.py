"""Fixed questions to a model, the same in CPython and inside Pyodide. It needs nothing but the package."""

import sys
import time
from typing import Any

import bitnet

CONTEXT_LENGTH = 512


async def ask(source: str, questions: list[str], max_tokens: int) -> dict[str, Any]:
    """Load *source* and put each question to it, greedily and as a conversation of its own."""
    clock = time.perf_counter()
    async with await bitnet.load(source, context_length=CONTEXT_LENGTH) as model:
        load_s = time.perf_counter() - clock
        answers, prefilled, prefill_ms, decoded, decode_ms = [], 0, 0.0, 0, 0.0
        for question in questions:
            turn = model.chat([{"role": "user", "content": question}], temperature=0, max_tokens=max_tokens)
            text = "".join([piece async for piece in turn])
            answers.append({"text": text, "stop_reason": turn.stop_reason})
            if timings := turn.timings:
                prefilled, prefill_ms = prefilled + timings.prefill_tokens, prefill_ms + timings.prefill_ms
                decoded, decode_ms = decoded + timings.decode_tokens, decode_ms + timings.decode_ms
        return {
            "kernel": model.info.kernel,
            "platform": sys.platform,
            "load_s": load_s,
            "prefill_tokens_per_s": 1000 * prefilled / prefill_ms if prefill_ms else 0.0,
            "decode_tokens_per_s": 1000 * decoded / decode_ms if decode_ms else 0.0,
            "answers": answers,
        }
