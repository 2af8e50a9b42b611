"""How fast a loaded model is here: prompts and answers at several lengths of the context, several times each.

A session of its own is used, so that the conversation stays as it is. Other work shows as spread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bitnet.engine import MOST_SLICE_TOKENS, Engine
from bitnet.errors import BadArgument

CONTEXTS = (128, 512, 2048)
REPEATS = 3
DECODE_TOKENS = 16
TEXT = (
    "The history of the lighthouse begins long before electricity. Sailors who came home at night needed a "
    "sign that the rocks were near, and so the people of the coast lit fires on the hills. "
)


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second of each repeat: of a prompt of *context* tokens, and of the tokens that follow it."""

    n_ranks: int
    context: int
    prefill: tuple[float, ...]
    decode: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """With the median, the least and the most of both."""
        both = {"prefill_tokens_per_s": self.prefill, "decode_tokens_per_s": self.decode}
        figures = {
            name: {"median": median(each), "least": min(each), "most": max(each), "all": list(each)}
            for name, each in both.items()
        }
        return {"ranks": self.n_ranks, "context": self.context, **figures}


def fitting(n_ctx_train: int, contexts: Sequence[int] = CONTEXTS) -> list[int]:
    """Those of *contexts* after which the model can still say something."""
    return sorted({each for each in contexts if 0 < each <= n_ctx_train - DECODE_TOKENS})


async def measure(
    engine: Engine,
    *,
    contexts: Sequence[int] = CONTEXTS,
    repeats: int = REPEATS,
    on_progress: Callable[[int, int], object] = lambda *_: None,
) -> AsyncGenerator[list[Speed]]:
    """After each repeat, the speed at every context.

    Args:
        on_progress: Called now and then, with how many tokens have been run, and how many there are to run.
    Raises:
        BadArgument: No context fits.
        OutOfMemory: There is no memory for a second session.
    """
    info = engine.model.info()
    lengths = fitting(info["n_ctx_train"], contexts)
    if not lengths or repeats < 1:
        raise BadArgument(
            f"None of the contexts {', '.join(map(str, contexts))} fits into the model's "
            f"{info['n_ctx_train']} positions with {DECODE_TOKENS} tokens to follow: give shorter ones."
        )
    words = engine.model.tokenize(TEXT, add_special=True, parse_special=False)
    ids = (words * (lengths[-1] // len(words) + 1))[: lengths[-1]]
    per_repeat = lengths[-1] + DECODE_TOKENS * len(lengths)
    prefill: dict[int, list[float]] = {length: [] for length in lengths}
    decode: dict[int, list[float]] = {length: [] for length in lengths}
    session = engine.second_session(lengths[-1] + DECODE_TOKENS)
    try:
        session.set_sampling(0.0, 0, 1.0, 0.0, 1.0, 0, 0)
        for repeat in range(repeats):
            prompt_s, n_run = 0.0, repeat * per_repeat
            session.rewind(0)
            for length in lengths:
                while (position := session.position) < length:
                    part = ids[position : min(length, position + MOST_SLICE_TOKENS)]
                    is_last = position + len(part) == length
                    clock = time.perf_counter()
                    session.prefill(part, want_logits=is_last)
                    prompt_s += time.perf_counter() - clock
                    n_run += len(part)
                    on_progress(n_run, repeats * per_repeat)
                    await asyncio.sleep(0)
                prefill[length].append(length / max(prompt_s, 1e-6))
                answer_s = 0.0
                for _ in range(DECODE_TOKENS):
                    clock = time.perf_counter()
                    session.decode(session.sample())
                    answer_s += time.perf_counter() - clock
                    await asyncio.sleep(0)
                decode[length].append(DECODE_TOKENS / max(answer_s, 1e-6))
                n_run += DECODE_TOKENS
                on_progress(n_run, repeats * per_repeat)
                session.rewind(length)
            yield [
                Speed(engine.model.n_ranks, length, tuple(prefill[length]), tuple(decode[length]))
                for length in lengths
            ]
    finally:
        session.close()
