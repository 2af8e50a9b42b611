"""Writes a seeded model of two layers: a real architecture with random weights.

    .venv/bin/python tools/make_tiny_model.py [--architecture bitnet-b1.58] [--type I2_S] [--embedding F16]
                                              [--seed N] OUT.gguf

It says nothing sensible. Tests use it where the size of a model matters and its words do not.
"""

from __future__ import annotations

import argparse
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tiny_weights import BLOCKS, TYPES, contents, floats

ALIGNMENT = 32
N_VOCAB, N_EMBD = 320, 256

ARCHITECTURES = ("bitnet-b1.58", "bitnet", "llama", "qwen2", "qwen3")
WITH_SUB_NORMS = ("bitnet-b1.58", "bitnet")

#: Name, shape with the row length first, type number, bytes.
Tensor = tuple[str, tuple[int, ...], int, bytes]
Value = str | int | float | list[str] | list[int] | list[float]


@dataclass(frozen=True, slots=True)
class Network:
    """Which network a file describes. Rows are multiples of 256 long, as the types with large blocks need."""

    architecture: str = "bitnet-b1.58"
    projection: str = "I2_S"  # type of the matrices in the layers
    embedding: str = "F16"  # type of token_embd, and of the head where it is tied
    head: str | None = None  # type of output.weight; None: tied to the embedding
    n_layers: int = 2
    n_heads: int = 4
    n_kv_heads: int = 2
    head_dim: int = 64
    n_rot: int | None = None  # leading elements of a head that rotate; None: all
    n_ff: int = 512
    n_ctx: int = 128
    rope_base: float = 500000.0
    rope_factor: float | None = None  # linear scaling: positions are divided by it
    rope_freqs: bool = False  # a divisor for the angle of each pair, as Llama 3.1 has
    biases: tuple[str, ...] = ()  # names of the matrices that have one: "attn_q"
    factors: tuple[str, ...] = ()  # names of the matrices whose product is multiplied by a number of the file
    head_norms: bool = False  # an RMSNorm of each head of q and k, as Qwen 3 has
    activation: str | None = None  # the optional key hidden_activation
    pre: str | None = "llama-bpe"  # None: a SentencePiece vocabulary

    @classmethod
    def usual(cls, architecture: str, projection: str = "I2_S") -> Network:
        """As real models of *architecture* are: biases in Qwen 2, head norms and longer heads in Qwen 3."""
        if architecture == "llama":
            return cls(architecture, projection, head="F16", rope_freqs=True)
        if architecture == "qwen2":
            return cls(architecture, projection, biases=("attn_q", "attn_k", "attn_v"), pre="qwen2")
        if architecture == "qwen3":
            return cls(architecture, projection, head_dim=128, head_norms=True, pre="qwen2")
        return cls(architecture, projection)


def text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def entry(key: str, value: Value) -> bytes:
    """One key of the metadata; integers are u32, floats f32, lists of integers i32, of floats f32."""
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, bool):
        return text(key) + struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    if value and isinstance(value[0], int):
        return text(key) + struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    if value and isinstance(value[0], float):
        return text(key) + struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)
    return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(str(item)) for item in value)


def gguf_file(metadata: dict[str, Value], tensors: list[Tensor]) -> bytes:
    """A GGUF file of version 3: header, metadata, table, and the tensors one after the other."""
    table, data = b"", bytearray()
    for name, shape, kind, content in tensors:
        table += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content + bytes(-len(content) % ALIGNMENT)
    entries = b"".join(entry(key, value) for key, value in metadata.items())
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata)) + entries + table
    return header + bytes(-len(header) % ALIGNMENT) + bytes(data)


def embedding(rng: random.Random, kind: str) -> bytes:
    """A table of embeddings of any type."""
    return contents(rng, kind, N_VOCAB * N_EMBD)


def layer_tensors(rng: random.Random, network: Network, number: int) -> Iterator[Tensor]:
    q_dim, kv_dim = network.n_heads * network.head_dim, network.n_kv_heads * network.head_dim
    n_ff, kind = network.n_ff, network.projection

    def vector(name: str, n: int, low: float = 0.5, high: float = 1.5) -> Tensor:
        return f"blk.{number}.{name}", (n,), 0, floats(rng, n, low, high)

    def matrix(name: str, n_cols: int, n_rows: int) -> Iterator[Tensor]:
        data = contents(rng, kind, n_cols * n_rows)
        yield f"blk.{number}.{name}.weight", (n_cols, n_rows), BLOCKS[kind].number, data
        if name in network.biases:
            yield vector(f"{name}.bias", n_rows, -0.5, 0.5)
        if name in network.factors:
            yield vector(f"{name}.scale", 1)

    yield vector("attn_norm.weight", N_EMBD)
    yield from matrix("attn_q", N_EMBD, q_dim)
    yield from matrix("attn_k", N_EMBD, kv_dim)
    yield from matrix("attn_v", N_EMBD, kv_dim)
    if network.head_norms:
        yield vector("attn_q_norm.weight", network.head_dim)
        yield vector("attn_k_norm.weight", network.head_dim)
    if network.architecture in WITH_SUB_NORMS:
        yield vector("attn_sub_norm.weight", q_dim)
        yield vector("ffn_sub_norm.weight", n_ff)
    yield from matrix("attn_output", q_dim, N_EMBD)
    yield vector("ffn_norm.weight", N_EMBD)
    yield from matrix("ffn_gate", N_EMBD, n_ff)
    yield from matrix("ffn_up", N_EMBD, n_ff)
    yield from matrix("ffn_down", n_ff, N_EMBD)


def metadata(network: Network) -> dict[str, Value]:
    hyperparameters: dict[str, Value | None] = {
        "context_length": network.n_ctx,
        "embedding_length": N_EMBD,
        "block_count": network.n_layers,
        "feed_forward_length": network.n_ff,
        "attention.head_count": network.n_heads,
        "attention.head_count_kv": network.n_kv_heads,
        "attention.key_length": network.head_dim,
        "attention.value_length": network.head_dim,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": network.n_rot or network.head_dim,
        "rope.freq_base": network.rope_base,
        "rope.scaling.type": "linear" if network.rope_factor else None,
        "rope.scaling.factor": network.rope_factor,
        "hidden_activation": network.activation,
    }
    return {
        "general.architecture": network.architecture,
        "general.name": "tiny",
        **{f"{network.architecture}.{key}": v for key, v in hyperparameters.items() if v is not None},
        **(sentence_piece() if network.pre is None else byte_pairs(network.pre)),
        "tokenizer.ggml.eos_token_id": N_VOCAB - 1,
    }


def byte_pairs(pre: str) -> dict[str, Value]:
    """A vocabulary without merges: every byte is a token, in the printable alphabet of GPT-2."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = {byte: chr(byte) for byte in printable} | {b: chr(256 + n) for n, b in enumerate(others)}
    tokens = [alphabet[byte] for byte in range(256)]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens + [f"token{number}" for number in range(256, N_VOCAB)],
        "tokenizer.ggml.token_type": [1] * N_VOCAB,
        "tokenizer.ggml.merges": [],
    }


def sentence_piece() -> dict[str, Value]:
    """A vocabulary of single bytes, after the three tokens that stand first in LLaMA's."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [2, 3, 3, *[6] * 256]
    n_others = N_VOCAB - len(tokens)
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens + [f"token{number}" for number in range(n_others)],
        "tokenizer.ggml.token_type": kinds + [1] * n_others,
        "tokenizer.ggml.scores": [0.0] * N_VOCAB,
    }


def tiny_model(
    seed: int = 1,
    embedding_kind: str | None = None,
    embedding_bytes: bytes | None = None,
    *,
    network: Network | None = None,
) -> bytes:
    """A whole GGUF file of *network* (None: BitNet b1.58 as published, in small).

    *embedding_kind* stands for the network's own type of table, *embedding_bytes* for its random contents.
    """
    network = network or Network()
    rng = random.Random(seed)
    kind = embedding_kind or network.embedding
    table = embedding(random.Random(rng.random()), kind) if embedding_bytes is None else embedding_bytes
    tensors: list[Tensor] = [
        ("token_embd.weight", (N_EMBD, N_VOCAB), BLOCKS[kind].number, table),
        ("output_norm.weight", (N_EMBD,), 0, floats(rng, N_EMBD, 0.5, 1.5)),
    ]
    if network.head is not None:
        head = contents(rng, network.head, N_VOCAB * N_EMBD)
        tensors.append(("output.weight", (N_EMBD, N_VOCAB), BLOCKS[network.head].number, head))
    if network.rope_freqs:
        n_pairs = (network.n_rot or network.head_dim) // 2
        tensors.append(("rope_freqs.weight", (n_pairs,), 0, floats(rng, n_pairs, 1, 8)))
    for number in range(network.n_layers):
        tensors += layer_tensors(rng, network, number)
    return gguf_file(metadata(network), tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="bitnet-b1.58")
    parser.add_argument("--type", choices=TYPES, default="I2_S", help="of the matrices in the layers")
    parser.add_argument("--embedding", choices=TYPES, default="F16")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    network = Network.usual(arguments.architecture, arguments.type)
    arguments.out.write_bytes(tiny_model(arguments.seed, arguments.embedding, network=network))


if __name__ == "__main__":
    main()
