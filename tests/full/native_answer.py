"""What the native core says of a model, as one JSON object: the standard for the browsers.

    python tests/full/native_answer.py MODEL CONTEXT_LENGTH N_TOKENS PROMPT

A program of its own, so that its memory is free again before a browser starts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

import bitnet
import bits


async def ask(path: str, context_length: int, n_tokens: int, prompt: str) -> dict[str, Any]:
    async with await bitnet.load(path, context_length=context_length) as model:
        measured = await bits.measure(model, model.tokenize(prompt), max_tokens=n_tokens)
        turn = model.chat([{"role": "user", "content": prompt}], temperature=0, max_tokens=n_tokens)
        answer = "".join([piece async for piece in turn])
        assert turn.timings is not None
        return {
            "bits": measured,
            "answer": answer,
            "decode_tokens_per_s": turn.timings.decode_tokens_per_s,
        }


if __name__ == "__main__":
    path, context_length, n_tokens, prompt = sys.argv[1:]
    print(json.dumps(asyncio.run(ask(path, int(context_length), int(n_tokens), prompt))))
