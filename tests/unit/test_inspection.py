"""Looking into a model: what is counted is what the file holds, and memory adds up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import bitnet
import pytest
from bitnet import inspection
from bitnet.errors import BadArgument, NotReady, Unsupported
from bitnet.records import WeightCounts

CODES = 4  # of 2 bits in a byte
SCALE_BYTES = 32  # that stand after the codes


def count(model: bitnet.Model) -> list[WeightCounts]:
    async def collect() -> list[WeightCounts]:
        return [each async for each in model.count_weights()]

    return asyncio.run(collect())


def test_counted_weights_are_those_of_the_file(seeded: Path, seeded_model: bitnet.Model) -> None:
    data = seeded.read_bytes()
    expected = []
    for tensor in seeded_model.info.raw["tensors"]:
        if tensor["type"] == "I2_S":
            begin = tensor["offset"]
            codes = data[begin : begin + tensor["n_bytes"] - SCALE_BYTES]
            numbers = [0, 0, 0]
            for byte in codes:
                for place in range(CODES):
                    numbers[byte >> 2 * place & 3] += 1
            layer = int(tensor["name"].split(".")[1])
            expected.append(WeightCounts(tensor["name"], layer, *numbers))
    assert len(expected) == 21
    assert count(seeded_model) == expected


def test_blocks_of_llama_cpp_are_counted_too(golden: Path) -> None:
    model = asyncio.run(bitnet.load(golden / "dev-llama-tq1_0.gguf"))
    counts = count(model)
    assert {each.tensor for each in counts} == {
        tensor["name"] for tensor in model.info.raw["tensors"] if tensor["type"] == "TQ1_0"
    }
    assert all(each.minus and each.zero and each.plus for each in counts)
    model.close()


def test_what_is_not_ternary_is_refused(seeded_model: bitnet.Model) -> None:
    native, tensors = seeded_model.engine.model, seeded_model.info.raw["tensors"]
    table = next(n for n, tensor in enumerate(tensors) if tensor["name"] == "token_embd.weight")
    with pytest.raises(Unsupported, match=r"token_embd\.weight is not ternary"):
        native.count_weights(table)
    with pytest.raises(BadArgument, match="no tensor 9999"):
        native.count_weights(9999)


def test_a_model_without_ternary_tensors_gives_no_counts(golden: Path) -> None:
    model = asyncio.run(bitnet.load(golden / "dev-qwen2-q8_0.gguf"))
    assert count(model) == []
    model.close()
    with pytest.raises(NotReady, match="closed"):
        model.count_weights()


def test_memory_adds_up(seeded_model: bitnet.Model) -> None:
    (held,) = seeded_model.memory()
    info = seeded_model.info
    assert held["weights"] + held["screen"] == info.weights_bytes
    assert held["kv_cache"] == info.kv_cache_bytes
    assert info.n_vocab * 8 < held["vocabulary"] < info.n_vocab * 400
    assert 0 < held["header"] < 1_000_000
    session_bytes = seeded_model.engine.model.session_bytes(info.context_length, info.kv)
    assert held["kv_cache"] + held["scratch"] == session_bytes


def test_a_lean_model_has_no_screen(seeded: Path) -> None:
    model = asyncio.run(bitnet.load(seeded, profile="lean"))
    assert model.memory()[0]["screen"] == 0
    model.close()


def test_types_are_those_of_all_tensors(seeded_model: bitnet.Model) -> None:
    tensors = seeded_model.info.raw["tensors"]
    uses = inspection.type_uses(tensors)
    assert sum(use.n_tensors for use in uses) == len(tensors)
    assert sum(use.n_weights for use in uses) == seeded_model.info.n_params
    assert [use.n_bytes for use in uses] == sorted((use.n_bytes for use in uses), reverse=True)


def test_the_report_is_json(seeded_model: bitnet.Model) -> None:
    counts = count(seeded_model)
    text = json.dumps(inspection.report(seeded_model.info, seeded_model.memory(), counts))
    found = json.loads(text)
    assert found["n_tensors"] == len(found["tensors"])
    assert len(found["weight_counts"]) == 21
    assert found["memory"] == seeded_model.memory()
