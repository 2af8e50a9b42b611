"""The space that a SentencePiece tokenizer puts before a text never shows, and every other space does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import bitnet
import pytest
from bitnet.cli import main
from hypothesis import given
from hypothesis import strategies as st
from tokenizer_model import encoded, load_tokenizer, model_file, sentence_piece
from worlds import needs_processes

SPACE = "\u2581"
# All weights are 0, so that every token is as likely as the others: the first one is the greedy choice.
TOKENS = {
    f"{SPACE}a": -1.0,
    "ab": -2.0,
    f"{SPACE}{SPACE}": -3.0,
    SPACE: -4.0,
    "a": -5.0,
    "b": -6.0,
    "é": -7.0,
}
METADATA = {**sentence_piece(TOKENS), "tokenizer.chat_template": "{{ messages[0]['content'] }}"}


@pytest.fixture(scope="module")
def model() -> Iterator[bitnet.Model]:
    model = load_tokenizer(METADATA)
    yield model
    model.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[bitnet.Model]:
    model = load_tokenizer({**METADATA, "tokenizer.ggml.add_space_prefix": False})
    yield model
    model.close()


TEXTS = st.text().filter(lambda text: SPACE not in text) | st.text(" abé€", max_size=20)


@given(TEXTS, st.booleans())
def test_text_comes_back_from_its_ids(model: bitnet.Model, text: str, add_special: bool) -> None:
    ids = model.tokenize(text, add_special=add_special, parse_special=False)
    assert model.detokenize(ids) == text


@given(TEXTS)
def test_without_a_space_before_the_text_none_is_taken_away(plain: bitnet.Model, text: str) -> None:
    assert plain.detokenize(plain.tokenize(text, parse_special=False)) == text


def answer(model: bitnet.Model) -> tuple[str, list[str]]:
    async def collect() -> tuple[str, list[str]]:
        turn = model.chat([{"role": "user", "content": "b"}], max_tokens=3, temperature=0)
        pieces = [piece async for piece in turn]
        return turn.text, pieces

    return asyncio.run(collect())


def test_a_streamed_answer_begins_without_the_space(model: bitnet.Model, plain: bitnet.Model) -> None:
    assert answer(model) == ("a a a", ["a", " a", " a"])
    assert answer(plain) == (" a a a", [" a", " a", " a"])


def test_a_generation_goes_on_where_the_prompt_ended_and_keeps_its_spaces(model: bitnet.Model) -> None:
    async def collect() -> list[str]:
        return [token.text async for token in model.generate([4], max_tokens=2, temperature=0)]

    assert asyncio.run(collect()) == [" a", " a"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    values = {key: encoded(value) for key, value in METADATA.items()}
    file = tmp_path / "model.gguf"
    file.write_bytes(model_file(values, len(METADATA["tokenizer.ggml.tokens"])))
    return file


@needs_processes
def test_inspect_names_no_rule_for_splitting_where_there_is_none(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(path)]) == 0
    assert "tokenizer     llama, ends with [9]\n" in capsys.readouterr().out


@needs_processes
def test_the_pieces_of_the_command_keep_their_spaces(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokenize", str(path), "--text", "a a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ids": [8, 0, 0], "pieces": ["<s>", " a", " a"]}
