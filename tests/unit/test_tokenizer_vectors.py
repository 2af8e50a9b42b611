"""llama.cpp's own vocabularies: its test texts have the ids that it wrote down for them.

Each vocabulary file has no weights, so its tokenizer is put into the smallest model that loads.
"""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import bitnet
import pytest
from tokenizer_model import model_file

FOLDER = Path(__file__).resolve().parents[2] / "build" / "vocabularies"
if not FOLDER.is_dir():
    pytest.skip(
        "llama.cpp's vocabularies are not here: make vocabularies fetches them", allow_module_level=True
    )

SEPARATOR = "\n__ggml_vocab_test__\n"  # after every text
N_TEXTS = 40  # at least, in each file
SUPPORTED = [
    *["llama-spm", "phi-3"],
    *["llama-bpe", "qwen2", "qwen35", "gpt-2", "mpt", "falcon", "starcoder", "refact", "command-r"],
]
# What the sentence of the refusal names.
REFUSED = {
    "bert-bge": '"bert"',
    "deepseek-coder": '"deepseek-coder"',
    "deepseek-llm": '"deepseek-llm"',
    "gemma-4": '"gemma4"',
}
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


def value_end(data: bytes, begin: int, kind: int) -> int:
    """Where the metadata value of type *kind* that begins at *begin* ends."""
    if kind == STRING:
        return begin + 8 + int.from_bytes(data[begin : begin + 8], "little")
    if kind != ARRAY:
        return begin + SCALAR_BYTES[kind]
    element, count = struct.unpack_from("<IQ", data, begin)
    end = begin + 12
    if element != STRING:
        return int(end + count * SCALAR_BYTES[element])
    for _ in range(count):
        end = value_end(data, end, STRING)
    return end


def tokenizer_of(data: bytes) -> dict[str, bytes]:
    """The encoded values of a GGUF file whose keys belong to the tokenizer."""
    (n_values,) = struct.unpack_from("<Q", data, 16)
    found, at = {}, 24
    for _ in range(n_values):
        key_end = value_end(data, at, STRING)
        key = data[at + 8 : key_end].decode()
        at = value_end(data, key_end + 4, int.from_bytes(data[key_end : key_end + 4], "little"))
        if key.startswith("tokenizer.ggml."):
            found[key] = data[key_end:at]
    return found


def load(name: str) -> bitnet.Model:
    tokenizer = tokenizer_of((FOLDER / f"ggml-vocab-{name}.gguf").read_bytes())
    n_vocab = int.from_bytes(tokenizer["tokenizer.ggml.tokens"][8:16], "little")
    return asyncio.run(bitnet.load(model_file(tokenizer, n_vocab)))


def texts_and_ids(name: str) -> list[tuple[str, list[int]]]:
    texts = (FOLDER / f"ggml-vocab-{name}.gguf.inp").read_bytes().decode().removesuffix(SEPARATOR)
    lines = (FOLDER / f"ggml-vocab-{name}.gguf.out").read_text().splitlines()
    return [
        (text, [int(token) for token in line.split()])
        for text, line in zip(texts.split(SEPARATOR), lines, strict=True)
    ]


@pytest.mark.parametrize("name", SUPPORTED)
def test_texts_have_the_ids_that_llama_cpp_wrote_down(name: str) -> None:
    pairs = texts_and_ids(name)
    assert len(pairs) >= N_TEXTS
    with_ids = dict(pairs)
    model = load(name)
    found = {text: model.tokenize(text, add_special=False, parse_special=False) for text in with_ids}
    assert found == with_ids
    back = {text: model.detokenize(ids) for text, ids in found.items()}
    assert back == {text: text for text in found}
    model.close()


@pytest.mark.parametrize("name", REFUSED)
def test_other_tokenizers_are_refused_by_name(name: str) -> None:
    with pytest.raises(bitnet.Unsupported, match=REFUSED[name]):
        load(name)


def test_no_vocabulary_with_texts_is_left_out() -> None:
    there = {path.name.removeprefix("ggml-vocab-").removesuffix(".gguf.inp") for path in FOLDER.glob("*.inp")}
    assert there == {*SUPPORTED, *REFUSED}
