"""Prompts and ids that other engines and the embedded model's training wrote down; text there and back."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bitnet
import pytest
from hypothesis import given
from hypothesis import strategies as st

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = REPOSITORY / "tests" / "golden"
TINY_TALES = REPOSITORY / "models" / "tiny-tales" / "bitnet-tiny-i2_s.gguf"
FIXTURES = sorted(path.name for path in GOLDEN.glob("*.gguf"))


def load(path: Path) -> bitnet.Model:
    return asyncio.run(bitnet.load(path.read_bytes(), context_length=16))


def prompts(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((GOLDEN / name).read_text(encoding="utf-8"))["prompts"]
    return found


@pytest.fixture(scope="module")
def tiny_tales() -> Iterator[bitnet.Model]:
    model = load(TINY_TALES)
    yield model
    model.close()


@pytest.mark.parametrize("fixture", FIXTURES)
def test_a_prompt_has_the_ids_that_the_other_engine_gave(fixture: str) -> None:
    model = load(GOLDEN / fixture)
    found = prompts(fixture.replace(".gguf", ".golden.json"))
    assert [model.tokenize(prompt["text"]) for prompt in found] == [prompt["ids"] for prompt in found]
    model.close()


def test_there_are_fixtures() -> None:
    assert len(FIXTURES) == 6


def test_a_rendered_conversation_has_the_ids_of_the_training_and_one_bos(tiny_tales: bitnet.Model) -> None:
    found = prompts("tiny-tales.golden.json")
    assert [tiny_tales.tokenize(prompt["prompt"]) for prompt in found] == [
        prompt["prompt_ids"] for prompt in found
    ]


def test_the_embedded_model_ends_at_the_turn_and_at_the_text(tiny_tales: bitnet.Model) -> None:
    tokenizer = tiny_tales.info.raw["tokenizer"]
    assert (tokenizer["pre"], tokenizer["eot"], tokenizer["end_ids"]) == ("llama-bpe", 5116, [5113, 5116])


@given(st.text())
def test_text_comes_back_from_its_ids(tiny_tales: bitnet.Model, text: str) -> None:
    ids = tiny_tales.tokenize(text, add_special=False, parse_special=False)
    assert tiny_tales.detokenize(ids) == text


@given(st.lists(st.sampled_from(["<|eot_id|>", "<|begin_of_text|>", "<|", "|>", "eot_id", " ", "a"])))
def test_text_never_becomes_a_control_token_by_itself(tiny_tales: bitnet.Model, parts: list[str]) -> None:
    text = "".join(parts)
    ids = tiny_tales.tokenize(text, add_special=False, parse_special=False)
    assert all(token < 5112 for token in ids)  # the control tokens are the last eight
    assert tiny_tales.detokenize(ids) == text
