"""What runs in which combination, and what is refused; docs/coverage.md is made of these tests' names."""

import asyncio
import struct

import bitnet
import pytest
from bitnet.errors import Unsupported
from make_tiny_model import ARCHITECTURES, Network, gguf_file, metadata, tiny_model
from tiny_weights import BLOCKS, contents, random

N_TYPE_NUMBERS = 64  # more than any engine knows
RUNNING = {block.number for block in BLOCKS.values()}
PRE_TOKENIZERS = ("llama-bpe", "qwen2", "qwen35", "gpt-2", "smollm", "falcon", "falcon_e", "default")
OTHER_ARCHITECTURES = (
    *("gemma3", "phi3", "mistral3", "deepseek2", "qwen2moe", "qwen3moe"),
    *("llama4", "falcon", "gpt2", "starcoder2", "mamba", "bert", "t5"),
)
TEXT = "One fish, 2 fish:\n it's ünïcode"


def load(file: bytes) -> bitnet.Model:
    return asyncio.run(bitnet.load(file, context_length=8))


@pytest.mark.parametrize("pre", [*PRE_TOKENIZERS, "SentencePiece"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_takes_every_tokenizer(architecture: str, pre: str) -> None:
    network = Network(architecture, n_layers=1, pre=None if pre == "SentencePiece" else pre)
    network = (
        network if architecture != "qwen3" else Network("qwen3", n_layers=1, pre=network.pre, head_norms=True)
    )
    model = load(tiny_model(network=network))
    ids = model.tokenize(TEXT, add_special=False)
    assert model.detokenize(ids) == TEXT
    assert len(ids) >= len(TEXT.encode())  # every byte is a token, and nothing else
    assert len(asyncio.run(model.logits(ids[:2])).cast("B")) == 2 * 4 * model.info.n_vocab
    model.close()


@pytest.mark.parametrize("number", sorted(set(range(N_TYPE_NUMBERS)) - RUNNING))
def test_every_other_tensor_type_is_refused_by_its_number(number: int) -> None:
    table = contents(random.Random(1), "F16", 320 * 256)
    tensors = [("token_embd.weight", (256, 320), number, table)]
    with pytest.raises(Unsupported, match=rf"token_embd\.weight has type {number}\b"):
        load(gguf_file(metadata(Network()), tensors))


@pytest.mark.parametrize("architecture", OTHER_ARCHITECTURES)
def test_other_architectures_are_refused_by_name(architecture: str) -> None:
    with pytest.raises(Unsupported, match=f'"{architecture}"'):
        load(gguf_file(metadata(Network(architecture)), []))


@pytest.mark.parametrize("scaling", ["yarn", "longrope"])
def test_other_scalings_of_positions_are_refused_by_name(scaling: str) -> None:
    entries = metadata(Network("llama")) | {"llama.rope.scaling.type": scaling}
    with pytest.raises(Unsupported, match=scaling):
        load(gguf_file(entries, []))


def test_a_file_with_a_tensor_that_nothing_reads_is_refused() -> None:
    entries, extra = metadata(Network()), struct.pack("<256f", *range(256))
    with pytest.raises(Unsupported, match=r"blk\.0\.post_norm\.weight"):
        load(gguf_file(entries, [("blk.0.post_norm.weight", (256,), 0, extra)]))
