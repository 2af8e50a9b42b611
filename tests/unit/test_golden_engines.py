"""Seeded tiny models against what bitnet.cpp and llama.cpp say of them: see tests/golden/README.md."""

import array
import asyncio
import base64
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bitnet
import pytest

CLEAR_MARGIN = 1.2  # beyond the robust tokens, ids of two right engines agree only above it
MAX_RELATIVE_RMS = 0.08

#: Tokens are robust if the other engine agrees with exact arithmetic on them. In TQ1_0 neither of the two
#: rounds activations as the core does (docs/decisions/0043-ternary-blocks.md): only clear margins count.
NONE_IS_ROBUST = "dev-llama-tq1_0"

#: Positions compared, of 72 each: fewer where the margins of a random model are small.
COMPARED = {
    "dev-bitnet158-i2s": 63,
    "dev-bitnet-silu-i2s": 71,
    "dev-llama-i2s": 58,
    "dev-llama-tq1_0": 56,
    "dev-qwen2-q8_0": 72,
    "dev-qwen3-q8_0": 72,
}


def floats(text: str) -> list[float]:
    return list(array.array("f", base64.b64decode(text)))


def relative_rms(mine: list[float], theirs: list[float], std: float) -> float:
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(mine, theirs, strict=True)) / len(mine)) / std


def rows_of(model: bitnet.Model, ids: list[int]) -> list[list[float]]:
    flat = asyncio.run(model.logits(ids)).cast("B").cast("f").tolist()
    n_vocab = model.info.n_vocab
    return [flat[begin : begin + n_vocab] for begin in range(0, len(flat), n_vocab)]


def prompts_of(golden: Path, name: str) -> list[dict[str, Any]]:
    prompts: list[dict[str, Any]] = json.loads((golden / f"{name}.golden.json").read_text())["prompts"]
    return prompts


def test_every_fixture_is_compared(golden: Path) -> None:
    assert {path.stem for path in golden.glob("*.gguf")} == COMPARED.keys()


@pytest.mark.parametrize("name", COMPARED)
def test_logits_are_near_the_other_engine_and_clear_ids_are_its_own(
    name: str, golden: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    model = asyncio.run(bitnet.load(golden / f"{name}.gguf"))
    compared = 0
    for entry in prompts_of(golden, name):
        assert model.tokenize(entry["text"]) == entry["ids"]
        greedy, margins = entry["native_greedy"], entry["native_margins"]
        rows = rows_of(model, entry["ids"] + greedy[:-1])
        last = rows[len(entry["ids"]) - 1]
        others = ("native_last_logits_f32_b64", "exact_f32_last_logits_b64")
        assert min(relative_rms(last, floats(entry[key]), entry["std"]) for key in others) <= MAX_RELATIVE_RMS
        first = floats(entry["native_first_logits_f32_b64"])
        assert relative_rms(rows[0], first, entry["std"]) <= MAX_RELATIVE_RMS
        n_robust = 0 if name == NONE_IS_ROBUST else entry["robust_len"]
        steps = [step for step, margin in enumerate(margins) if step < n_robust or margin > CLEAR_MARGIN]
        assert steps, f"nothing to compare in {entry['text']!r}"
        for step in steps:
            row = rows[len(entry["ids"]) - 1 + step]
            assert row.index(max(row)) == greedy[step], (entry["text"], step)
        compared += len(steps)
    model.close()
    record_testsuite_property(f"positions compared, {name}", compared)
    assert compared == COMPARED[name]
