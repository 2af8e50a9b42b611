"""The same ids as Hugging Face `tokenizers`, for thousands of random texts and every pre-tokenizer.

Once with the embedded model and its own tokenizer.json, and once for each pre-tokenizer with a vocabulary
in which any two bytes merge, so that a piece that is cut elsewhere shows in the ids.
"""

import asyncio
import json
import random
from pathlib import Path

import bitnet
import pytest
from tokenizer_model import load_tokenizer, sentence_piece
from worlds import IN_PYODIDE

if IN_PYODIDE:
    pytest.skip("tokenizers is compiled Rust and has no wheel for Pyodide", allow_module_level=True)

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

REPOSITORY = Path(__file__).resolve().parents[2]
TOKENIZER = REPOSITORY / "tests" / "golden" / "tiny-tales.tokenizer.json"
TINY_TALES = REPOSITORY / "models" / "tiny-tales" / "bitnet-tiny-i2_s.gguf"
N_TEXTS = 4000

CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
LLAMA3 = (
    rf"(?i:{CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN35 = (
    rf"(?i:{CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT2 = rf"{CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)"
# tokenizer.ggml.pre: (expressions, one applied after the other; whether a piece that is a token is kept)
RULES = {
    "llama-bpe": ([LLAMA3], True),
    "qwen2": ([LLAMA3.replace("{1,3}", "")], False),
    "qwen35": ([QWEN35], True),
    "gpt-2": ([GPT2], False),
    "smollm": ([r"\p{N}", GPT2], False),
    "falcon": ([r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"], False),
    "falcon_e": ([r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9]"], False),
    "default": ([r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"], False),
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
    return load_tokenizer(metadata), reference


def halves(token: str, tokens: set[str]) -> list[tuple[str, str]]:
    """The ways to make *token* of two *tokens*."""
    pairs = [(token[:at], token[at:]) for at in range(1, len(token))]
    return [(left, right) for left, right in pairs if left in tokens and right in tokens]


def scored_tokenizers(rng: random.Random) -> tuple[bitnet.Model, Tokenizer]:
    """Ours with random scores, and the reference with merges in the order of the scores.

    They agree where each token can be made in one way only: a merge has a rank of its own, while all the
    ways to make one token share its score. So a token that brings a second way is left out.
    """
    characters = [*"\u2581abcdestrzé123.,\n你好я"]
    known = set(characters)
    for _ in range(400):
        grown = known | {"".join(rng.choices(sorted(known), k=2))}
        if all(len(halves(token, grown)) <= 1 for token in grown):
            known = grown
    joined = rng.sample(sorted(known - set(characters)), len(known) - len(characters))
    scores = {token: -float(place) for place, token in enumerate(joined)}
    metadata = sentence_piece(scores | dict.fromkeys(characters, -1e6))
    vocabulary = {token: index for index, token in enumerate(metadata["tokenizer.ggml.tokens"])}
    merges = [halves(token, known)[0] for token in joined]
    reference = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>"))
    space = [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    reference.normalizer = normalizers.Sequence(space)
    return load_tokenizer(metadata), reference


@pytest.mark.parametrize("seed", range(3))
def test_random_texts_are_joined_by_scores_as_by_the_merges_of_the_reference(seed: int) -> None:
    model, reference = scored_tokenizers(random.Random(seed))
    assert_same_ids(model, reference)
    rng = random.Random(seed)
    for _ in range(N_TEXTS):
        text = "".join(rng.choices("abcdestrzé123.,\n你好я 🙂", k=rng.randrange(1, 80)))
        assert model.tokenize(text, add_special=False) == reference.encode(text).ids, repr(text)
    model.close()


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
