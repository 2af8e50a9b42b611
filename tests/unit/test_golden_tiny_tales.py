"""The embedded model against its NumPy reference, and against the bits of the scalar kernel."""

import asyncio
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bitnet
import pytest
from bitnet.prompt import encode_chat
from bitnet.records import Message
from bits import differences

CLEAR_MARGIN = 0.5  # of the best logit over the second: below it int8 rounding may decide
MAX_RELATIVE_RMS = 0.08  # right engines differ by 1 to 3.5 %, wrong ones by 30 % and more


@pytest.fixture(scope="module")
def reference(golden: Path) -> list[dict[str, Any]]:
    prompts: list[dict[str, Any]] = json.loads((golden / "tiny-tales.golden.json").read_text())["prompts"]
    return prompts


@pytest.fixture(scope="module")
def bits(golden: Path) -> list[dict[str, Any]]:
    prompts: list[dict[str, Any]] = json.loads((golden / "tiny-tales.bits.json").read_text())["prompts"]
    return prompts


def test_the_prompt_format_gives_the_text_and_the_ids_of_the_reference(
    story_model: bitnet.Model, reference: list[dict[str, Any]]
) -> None:
    for entry in reference:
        messages = [Message(**message) for message in entry["messages"]]
        assert story_model.template.render(messages) == entry["prompt"]
        assert encode_chat(messages, story_model.template, story_model) == entry["prompt_ids"]
        assert story_model.detokenize(entry["prompt_ids"], special=True) == entry["prompt"]
        assert story_model.detokenize(entry["greedy_ids"]) == entry["greedy_text"]
    assert story_model.template.warnings == ()
    assert story_model.info.warnings == ()


def test_teacher_forced_the_best_token_is_that_of_the_reference_at_226_positions(
    story_model: bitnet.Model,
    reference: list[dict[str, Any]],
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    compared, n_vocab = 0, story_model.info.n_vocab
    for entry in reference:
        prompt, answer = entry["prompt_ids"], entry["greedy_ids"]
        flat = asyncio.run(story_model.logits(prompt + answer[:-1])).cast("B").cast("f")
        clear = [step for step, margin in enumerate(entry["margins"]) if margin > CLEAR_MARGIN]
        assert clear, f"nothing to compare in {entry['prompt']!r}"
        for step in clear:
            begin = (len(prompt) - 1 + step) * n_vocab
            row = flat[begin : begin + n_vocab].tolist()
            assert row.index(max(row)) == answer[step], (entry["prompt"], step)
        compared += len(clear)
    record_testsuite_property("positions compared, tiny-tales", compared)
    assert compared == 226


def test_the_first_logits_are_near_those_of_the_reference(
    story_model: bitnet.Model, reference: list[dict[str, Any]]
) -> None:
    for entry in reference:
        n_vocab, std = story_model.info.n_vocab, entry["first_logits_std"]
        flat = asyncio.run(story_model.logits(entry["prompt_ids"])).cast("B").cast("f")
        row = flat[-n_vocab:].tolist()
        top = entry["first_top5"]
        rms = math.sqrt(sum((row[token] - logit) ** 2 for token, logit in top) / len(top))
        mean = sum(row) / n_vocab
        my_std = math.sqrt(sum((logit - mean) ** 2 for logit in row) / n_vocab)
        assert rms / std <= MAX_RELATIVE_RMS, entry["prompt"]
        assert abs(mean - entry["first_logits_mean"]) / std <= MAX_RELATIVE_RMS, entry["prompt"]
        assert abs(my_std / std - 1) <= MAX_RELATIVE_RMS, entry["prompt"]


def test_whole_generations_have_the_bits_of_the_scalar_kernel(
    story_model: bitnet.Model, bits: list[dict[str, Any]]
) -> None:
    assert len(bits) == 11
    assert asyncio.run(differences(story_model, bits)) == []


def test_every_other_kernel_has_the_same_bits(
    story_model: bitnet.Model, tiny_tales: Path, bits: list[dict[str, Any]]
) -> None:
    kernels = [name for name in story_model.engine.model.library.kernels() if name != story_model.info.kernel]
    assert "scalar" in kernels
    short = bits[:1]  # the scalar kernel is some forty times slower
    for kernel in kernels:
        model = asyncio.run(bitnet.load(tiny_tales, kernel=kernel))
        assert model.info.kernel == kernel
        assert asyncio.run(differences(model, short)) == []
        model.close()


def test_a_difference_would_be_found(story_model: bitnet.Model, bits: list[dict[str, Any]]) -> None:
    first = bits[0]
    other_ids = first | {"greedy": first["greedy"] | {"ids": [*first["greedy"]["ids"][:-1], 1]}}
    other_bytes = first | {"sampled": first["sampled"] | {"logits_sha256": "0" * 64}}
    found = asyncio.run(differences(story_model, [other_ids, other_bytes]))
    assert len(found) == 2
    assert "greedy: other ids from position" in found[0]
    assert "sampled: the same ids, but other bytes" in found[1]
    assert asyncio.run(differences(story_model, [])) != []
