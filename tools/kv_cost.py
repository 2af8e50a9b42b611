"""What 8 bits in the KV cache cost: logits over a text, compared with those of half floats.

.venv/bin/python tools/kv_cost.py MODEL.gguf TEXT [N]        the first N tokens of the text (default 512)
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import bitnet
import numpy as np
from numpy.typing import NDArray


async def log_probabilities(path: str, text: str, n_tokens: int, kv: str) -> NDArray[np.float64]:
    """float64, shape (n_tokens, n_vocab)."""
    async with await bitnet.load(path, context_length=n_tokens, kv=kv) as model:
        logits = np.array(await model.logits(model.tokenize(text)[:n_tokens]), dtype=np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


async def main(path: str, text: str, n_tokens: int) -> None:
    exact, coarse = [await log_probabilities(path, text, n_tokens, kv) for kv in bitnet.KV_PRECISIONS]
    divergence = np.sum(np.exp(exact) * (exact - coarse), axis=1)
    same = exact.argmax(axis=1) == coarse.argmax(axis=1)
    print(f"{len(exact)} positions; most probable token the same at {100 * same.mean():.2f} %")
    print(f"KL divergence: mean {divergence.mean():.2e}, largest {divergence.max():.2e} nats")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_text(), int((*sys.argv[3:], 512)[0])))
