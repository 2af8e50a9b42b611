"""llama.cpp, through llama-cpp-python: logits of given tokens and greedy answers, one token at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import llama_cpp
import numpy as np


def open_model(file: Path, n_ctx: int) -> llama_cpp.Llama:
    return llama_cpp.Llama(
        model_path=str(file), n_ctx=n_ctx, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False
    )


def logits(file: Path, ids: Sequence[int]) -> np.ndarray:
    """float64, shape (n_tokens, n_vocab)."""
    model = open_model(file, n_ctx=256)  # the least that it takes
    for token in ids:
        model.eval([token])
    found = np.array(model.scores[: len(ids)], dtype=np.float64)
    model.close()
    return found


def greedy(model: llama_cpp.Llama, prompt: Sequence[int], n: int) -> tuple[list[int], list[float]]:
    """Up to *n* ids after *prompt*, an end token being the last, and the margin of each over the second."""
    model.reset()
    model.eval(prompt)
    ids: list[int] = []
    margins: list[float] = []
    while len(ids) < n and model.token_eos() not in ids:
        row = np.array(model.scores[model.n_tokens - 1], dtype=np.float64)
        second, best = np.argsort(row)[-2:]
        ids.append(int(best))
        margins.append(round(float(row[best] - row[second]), 4))
        model.eval([ids[-1]])
    return ids, margins
