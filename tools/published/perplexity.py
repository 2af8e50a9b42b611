"""Perplexity over windows of a text, as llama.cpp's tool of that name defines it.

A window begins with BOS where the model asks for it. Only its second half
is scored, so every scored token has at least half a window before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import bitnet
import numpy as np
import numpy.typing as npt

SLICE_ROWS = 32  # of logits turned into float64 at a time: 33 MB for a vocabulary of 128,256


def log_probabilities(logits: npt.NDArray[np.float32], targets: Sequence[int]) -> float:
    """Sum of the targets' natural logarithms of probability; *logits* has shape [n_targets, n_vocab]."""
    total = 0.0
    for begin in range(0, len(targets), SLICE_ROWS):
        rows = logits[begin : begin + SLICE_ROWS].astype(np.float64)
        wanted = rows[np.arange(len(rows)), targets[begin : begin + SLICE_ROWS]]
        highest = rows.max(axis=1)
        total += float((wanted - highest - np.log(np.exp(rows - highest[:, None]).sum(axis=1))).sum())
    return total


async def perplexity(
    model: bitnet.Model, text: str, *, window_tokens: int = 512, most_windows: int = 0
) -> tuple[float, int]:
    """The perplexity of the first *most_windows* windows of *text* (0: all), and how many tokens were scored.

    Raises:
        ValueError: The text has not even one window.
    """
    ids = model.tokenize(text, parse_special=False)
    bos = ids[0] if ids[:1] != model.tokenize(text, add_special=False, parse_special=False)[:1] else None
    n_windows = len(ids) // window_tokens
    if n_windows == 0:
        raise ValueError(
            f"The text has {len(ids)} tokens, but one window needs {window_tokens}: give a longer one."
        )
    half, total, scored = window_tokens // 2, 0.0, 0
    for number in range(min(n_windows, most_windows or n_windows)):
        window = ids[number * window_tokens : (number + 1) * window_tokens]
        if bos is not None:
            window[0] = bos
        rows = np.asarray(await model.logits(window[:-1]))
        targets = window[half + 1 :]
        total += log_probabilities(rows[half:], targets)
        scored += len(targets)
    return math.exp(-total / scored), scored
