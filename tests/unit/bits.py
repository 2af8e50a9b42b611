"""Whole generations as bytes: what every kernel, on every machine and in every browser, must repeat exactly.

``tools/make_bits.py`` measures once with the scalar native kernel; ``differences`` compares a model with it.
This file needs nothing but the package, so that CPython, Pyodide and a page can all run it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

import bitnet

SEED = 20_261_123


async def measure(model: bitnet.Model, prompt_ids: Sequence[int], *, max_tokens: int) -> dict[str, Any]:
    """Greedy and sampled ids after *prompt_ids*, and a hash of the bytes of all their logits."""
    greedy = await _run(model, prompt_ids, max_tokens=max_tokens, temperature=0.0)
    sampled = await _run(model, prompt_ids, max_tokens=max_tokens, temperature=0.7, top_p=0.95, seed=SEED)
    return {"prompt_ids": list(prompt_ids), "max_tokens": max_tokens, "greedy": greedy, "sampled": sampled}


async def _run(model: bitnet.Model, prompt_ids: Sequence[int], **settings: Any) -> dict[str, Any]:
    ids, hashed = [], hashlib.sha256()
    async with aclosing(model.generate(prompt_ids, **settings)) as tokens:
        async for token in tokens:
            ids.append(token.id)
            hashed.update(model.engine.session.logits())  # those that this token was chosen from
    return {"ids": ids, "logits_sha256": hashed.hexdigest()}


async def differences(model: bitnet.Model, expected: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each generation that is not the very same; [] when all bits agree.

    Args:
        expected: What ``measure`` gave, for one or more prompts.
    """
    if not expected:
        return ["There is nothing to compare with."]
    found = []
    for number, entry in enumerate(expected):
        actual = await measure(model, entry["prompt_ids"], max_tokens=entry["max_tokens"])
        for how in ("greedy", "sampled"):
            mine, theirs = actual[how], entry[how]
            where = f"{model.info.kernel}: prompt {number}, {how}"
            if mine["ids"] != theirs["ids"]:
                pairs = zip(mine["ids"], theirs["ids"], strict=False)
                first = next((i for i, (a, b) in enumerate(pairs) if a != b), "the end")
                found.append(f"{where}: other ids from position {first} on.")
            elif mine["logits_sha256"] != theirs["logits_sha256"]:
                found.append(f"{where}: the same ids, but other bytes of logits.")
    return found
