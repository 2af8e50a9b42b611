"""Runs tokens through the core and keeps every intermediate result, by name, layer and position."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import bitnet
import numpy as np
from numpy.typing import NDArray

Key = tuple[str, int, int]  # name, layer (-1: none), position


def run(file: bytes, ids: Sequence[int], *, n_prefill: int, kv: str = "f16") -> dict[Key, NDArray[Any]]:
    """What the core computes for *ids*: the first *n_prefill* go through together, the others singly.

    Logits are those of the last token of the batch, and of all that follow.
    """
    model = asyncio.run(bitnet.load(file, kv=kv))
    session = model.engine.session
    found: dict[Key, NDArray[Any]] = {}
    begin = 0

    def keep(name: str, layer: int, token: int, values: Any) -> None:
        key = (
            name.replace("token_embd.", "output."),
            layer,
            begin + token,
        )  # a tied head has the table's name
        assert key not in found, f"{key} is shown twice"
        found[key] = np.array(values)

    try:
        with session.tap(keep):
            session.prefill(ids[:n_prefill], want_logits=True)
            for begin in range(n_prefill, len(ids)):
                session.decode(ids[begin])
    finally:
        model.close()
    return found
