"""TQ1_0 and TQ2_0, llama.cpp's ternary types, run as BitLinear: a layer's matrix in them is one in I2_S."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import bitnet
import pytest
from worlds import IN_PYODIDE

if IN_PYODIDE:
    pytest.skip("NumPy is not among the test wheels for Pyodide", allow_module_level=True)

import gguf
import numpy as np
from bits import differences
from make_tiny_model import Network, gguf_file, tiny_model
from reference_file import Ternary, read_gguf
from tiny_weights import BLOCKS

KINDS = ["TQ1_0", "TQ2_0"]
#: 32 of them go through tables, 16 at a time; the last two are run one by one.
IDS = [(7 * step * step + 3) % 320 for step in range(34)]


def story_model_in(path: Path, kind: str) -> bytes:
    """The embedded model, whose scales are half floats, with its ternary matrices in *kind*."""
    metadata, tensors = read_gguf(path.read_bytes())
    written = []
    for name, tensor in tensors.items():
        if isinstance(tensor, Ternary):
            number = gguf.GGMLQuantizationType[kind]
            floats = (tensor.weights * tensor.scales).astype(np.float32)
            data = gguf.quants.quantize(floats, number).tobytes()
            written.append((name, tensor.weights.shape[::-1], BLOCKS[kind].number, data))
        elif tensor.ndim == 2:
            written.append((name, tensor.shape[::-1], BLOCKS["F16"].number, tensor.astype("<f2").tobytes()))
        else:
            written.append((name, tensor.shape, BLOCKS["F32"].number, tensor.astype("<f4").tobytes()))
    return gguf_file(metadata, written)


def logits_of(file: bytes, **options: Any) -> bytes:
    async def run() -> bytes:
        async with await bitnet.load(file, **options) as model:
            return (await model.logits(IDS)).tobytes()

    return asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_the_embedded_model_answers_with_the_bits_that_it_has_in_i2_s(
    kind: str, tiny_tales: Path, golden: Path
) -> None:
    prompts = json.loads((golden / "tiny-tales.bits.json").read_text())["prompts"]

    async def compare() -> list[str]:
        async with await bitnet.load(story_model_in(tiny_tales, kind)) as model:
            return await differences(model, prompts)

    assert asyncio.run(compare()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"ranks": 2}, {"ranks": 3}, {"ranks": 7}, {"kernel": "scalar"}], ids=str)
def test_blocks_of_different_scales_have_the_same_bits_everywhere(kind: str, options: dict[str, Any]) -> None:
    file = tiny_model(network=Network("llama", kind, head="F16"))
    assert logits_of(file, **options) == logits_of(file)


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_keeps_its_type_and_its_matrices_are_counted_as_bit_linear(kind: str) -> None:
    model = asyncio.run(bitnet.load(tiny_model(network=Network("llama", kind, embedding=kind, head=kind))))
    info = model.info.raw
    model.close()
    assert {tensor["type"] for tensor in info["tensors"]} == {kind, "F32"}
    assert info["n_bit_linear"] == 14  # of two layers: the head is not
