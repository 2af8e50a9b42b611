"""The same ids as Hugging Face `tokenizers`, for thousands of random texts and every pre-tokenizer.

Once with the embedded model and its own tokenizer.json, and once for each pre-tokenizer with a vocabulary
in which any two bytes merge, so that a piece that is cut elsewhere shows in the ids.
"""

import asyncio
import json
import math
import random
import struct
from pathlib import Path
from typing import Any

import bitnet
import pytest
from worlds import IN_PYODIDE

if IN_PYODIDE:
    pytest.skip("tokenizers is compiled Rust and has no wheel for Pyodide", allow_module_level=True)

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

REPOSITORY = Path(__file__).resolve().parents[2]
TOKENIZER = REPOSITORY / "tests" / "golden" / "tiny-tales.tokenizer.json"
TINY_TALES = REPOSITORY / "models" / "tiny-tales" / "bitnet-tiny-i2_s.gguf"
N_TEXTS = 4000

CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
LLAMA3 = (
    rf"(?i:{CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT2 = rf"{CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)"
# tokenizer.ggml.pre: (expressions, one applied after the other; whether a piece that is a token is kept)
RULES = {
    "llama-bpe": ([LLAMA3], True),
    "qwen2": ([LLAMA3.replace("{1,3}", "")], False),
    "gpt-2": ([GPT2], False),
    "smollm": ([r"\p{N}", GPT2], False),
    "falcon": ([r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"], False),
}

WORDS = [
    *[
        "the",
        "it's",
        "don't",
        "I'LL",
        "we've",
        "He'D",
        "'S",
        "'ſ",
        "'rE",
        "'llama",
        "hello",
        "a.b",
        "x\u0301",
    ],
    *["123", "4567", "3.14", "½", "Ⅷ", "٣٤", "$5", "++", "--", "```", "~~", "<<", "你好", "привет", "🙂👍🏽"],
    *["<|eot_id|>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot", "|>"],
    *["\n", "\r\n", "\n\n", " \n ", "   ", "\t", "\r", "\x85", "\xa0", "\u2003", "\u2028", "\u3000"],
]


def random_text(rng: random.Random) -> str:
    """Some of four kinds: words, letters of low code points, contractions and whitespace, any code points."""
    size = rng.randrange(1, 60)
    match rng.randrange(4):
        case 0:
            return "".join(rng.choice(WORDS) + rng.choice(["", " ", "  "]) for _ in range(size))
        case 1:
            return "".join(chr(rng.randrange(rng.choice([0x80, 0x300, 0x3000]))) for _ in range(size))
        case 2:
            return "".join(rng.choices("' sStTrReEvVmMlLdD\n\r\t.!19ſ\xa0é", k=size))
        case _:
            # The range without surrogates, which no text holds.
            return "".join(chr(c if c < 0xD800 else c + 0x800) for c in rng.choices(range(0x10F800), k=size))


def gguf_value(value: Any) -> bytes:
    """Type and bytes of a metadata value, as the GGUF specification numbers and lays them out."""
    match value:
        case str():
            return struct.pack("<IQ", 8, len(value.encode())) + value.encode()
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
    elements = [gguf_value(element) for element in value]
    head = struct.pack("<I", 9) + elements[0][:4] + struct.pack("<Q", len(value))
    return head + b"".join(element[4:] for element in elements)


def gguf(metadata: dict[str, Any], n_vocab: int) -> bytes:
    """The smallest model that loads, one layer of width 4 with all weights 0, around the tokenizer given."""
    width = {f"llama.{key}": 4 for key in ("embedding_length", "feed_forward_length", "context_length")}
    counts = {"llama.block_count": 1, "llama.attention.head_count": 1}
    epsilon = {"llama.attention.layer_norm_rms_epsilon": 1e-5}
    values = {"general.architecture": "llama", **width, **counts, **epsilon, **metadata}
    matrices = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    shapes = {
        "token_embd.weight": [4, n_vocab],
        "output_norm.weight": [4],
        **{f"blk.0.{name}.weight": [4, 4] for name in matrices},
        **{f"blk.0.{name}.weight": [4] for name in ("attn_norm", "ffn_norm")},
    }
    out = [b"GGUF", struct.pack("<IQQ", 3, len(shapes), len(values))]
    for key, value in values.items():
        out += [struct.pack("<Q", len(key)), key.encode(), gguf_value(value)]
    offset = 0
    for name, shape in shapes.items():
        out += [struct.pack("<Q", len(name)), name.encode(), struct.pack("<I", len(shape))]
        out += [struct.pack(f"<{len(shape)}QIQ", *shape, 0, offset)]  # type 0: F32
        offset += -(-4 * math.prod(shape) // 32) * 32
    return b"".join(out) + bytes(31 + offset)  # the data begin at a multiple of 32


def assert_same_ids(model: bitnet.Model, reference: Tokenizer) -> None:
    rng = random.Random(20)
    for _ in range(N_TEXTS):
        text = random_text(rng)
        expected = reference.encode(text, add_special_tokens=False).ids
        assert model.tokenize(text, add_special=False) == expected, repr(text)


def pair_tokenizers(name: str) -> tuple[bitnet.Model, Tokenizer]:
    """Ours and the reference with one vocabulary: all bytes, and all pairs of bytes."""
    expressions, ignore_merges = RULES[name]
    split = [pre_tokenizers.Split(Regex(expression), "isolated") for expression in expressions]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [(a, b) for a in alphabet for b in alphabet]
    tokens = [*alphabet, *(a + b for a, b in pairs)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    reference = Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=ignore_merges))
    reference.pre_tokenizer = pre_tokenizers.Sequence([*split, byte_level])

    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": name,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": [f"{a} {b}" for a, b in pairs],
    }
    return asyncio.run(bitnet.load(gguf(metadata, len(tokens)))), reference


@pytest.mark.parametrize("name", RULES)
def test_random_texts_are_split_as_by_the_reference(name: str) -> None:
    model, reference = pair_tokenizers(name)
    assert model.info.raw["tokenizer"]["pre"] == name
    assert_same_ids(model, reference)
    model.close()


def test_every_code_point_has_the_category_that_the_reference_gives_it() -> None:
    model, reference = pair_tokenizers("llama-bpe")
    assigned = [range(0xD800), range(0xE000, 0x34000), range(0xE0000, 0xE0200), range(0x10FF00, 0x110000)]
    for code_points in assigned:
        for start in range(code_points.start, code_points.stop, 256):
            # Letters join the a, numbers the 1, whitespace falls apart, and anything else stays a pair.
            text = "".join(f"a{chr(c)}{chr(c)}1 " for c in code_points[start - code_points.start :][:256])
            expected = reference.encode(text, add_special_tokens=False).ids
            assert model.tokenize(text, add_special=False) == expected, (
                f"U+{start:04X} to U+{start + 255:04X}"
            )
    model.close()


def test_random_texts_have_the_ids_of_the_embedded_models_own_tokenizer() -> None:
    model = asyncio.run(bitnet.load(TINY_TALES.read_bytes(), context_length=16))
    assert_same_ids(model, Tokenizer.from_file(str(TOKENIZER)))
    model.close()


def test_the_embedded_model_splits_by_the_llama_bpe_expression() -> None:
    description = json.loads(TOKENIZER.read_text(encoding="utf-8"))["pre_tokenizer"]
    assert description["pretokenizers"][0]["pattern"] == {"Regex": LLAMA3}
