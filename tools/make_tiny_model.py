"""Writes a seeded BitNet b1.58 model of two layers: the real architecture with random weights.

    .venv/bin/python tools/make_tiny_model.py [--seed N] [--embedding F32|F16|BF16|Q8_0|Q6_K] OUT.gguf

It says nothing sensible. Tests use it where the size of a model matters and its words do not.
"""

from __future__ import annotations

import argparse
import random
import struct
from pathlib import Path

N_VOCAB, N_LAYERS, N_EMBD, N_HEADS, N_KV_HEADS, HEAD_DIM, N_FF, N_CTX = 320, 2, 256, 4, 2, 64, 512, 128
ARCHITECTURE = "bitnet-b1.58"
ALIGNMENT = 32

#: Type number, elements and bytes of a block, and where in it the half-float scale stands, if there is one.
BLOCKS = {
    "F32": (0, 1, 4, None),
    "F16": (1, 1, 2, None),
    "BF16": (30, 1, 2, None),
    "Q8_0": (8, 32, 34, 0),
    "Q6_K": (14, 256, 210, 208),
}
I2_S = 36

Tensor = tuple[str, tuple[int, ...], int, bytes]


def text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def entry(key: str, value: str | int | float | list[str] | list[int]) -> bytes:
    """One key of the metadata; integers are u32, floats f32, lists of integers i32."""
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    if value and isinstance(value[0], int):
        return text(key) + struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(str(item)) for item in value)


def floats(rng: random.Random, n: int, low: float, high: float) -> bytes:
    return struct.pack(f"<{n}f", *(rng.uniform(low, high) for _ in range(n)))


def ternary(rng: random.Random, n: int) -> bytes:
    """I2_S: four codes of 0, 1, 2 to a byte, then the scale of the whole tensor and padding."""
    bytes_of_codes = [
        a << 6 | b << 4 | c << 2 | d for a in range(3) for b in range(3) for c in range(3) for d in range(3)
    ]
    return bytes(rng.choices(bytes_of_codes, k=n // 4)) + struct.pack("<f28x", rng.uniform(0.01, 0.03))


def embedding(rng: random.Random, kind: str) -> bytes:
    """Random blocks of any type, with scales that keep the numbers small."""
    _, elements, size, scale_at = BLOCKS[kind]
    n = N_VOCAB * N_EMBD
    if kind == "F32":
        return floats(rng, n, -1, 1)
    if kind == "F16":
        return struct.pack(f"<{n}e", *(rng.uniform(-1, 1) for _ in range(n)))
    if kind == "BF16":
        return b"".join(struct.pack("<f", rng.uniform(-1, 1))[2:] for _ in range(n))
    blocks = []
    for _ in range(n // elements):
        block = bytearray(rng.randbytes(size))
        assert scale_at is not None
        block[scale_at : scale_at + 2] = struct.pack("<e", rng.uniform(1e-4, 1e-3))
        blocks.append(bytes(block))
    return b"".join(blocks)


def tensors(rng: random.Random, embedding_kind: str, embedding_bytes: bytes | None) -> list[Tensor]:
    def vector(name: str, n: int) -> Tensor:
        return name, (n,), 0, floats(rng, n, 0.5, 1.5)

    def matrix(name: str, n_cols: int, n_rows: int) -> Tensor:
        return name, (n_cols, n_rows), I2_S, ternary(rng, n_cols * n_rows)

    table = embedding_bytes or embedding(random.Random(rng.random()), embedding_kind)
    found = [("token_embd.weight", (N_EMBD, N_VOCAB), BLOCKS[embedding_kind][0], table)]
    found.append(vector("output_norm.weight", N_EMBD))
    for layer in range(N_LAYERS):
        block = f"blk.{layer}."
        found += [
            vector(block + "attn_norm.weight", N_EMBD),
            matrix(block + "attn_q.weight", N_EMBD, N_HEADS * HEAD_DIM),
            matrix(block + "attn_k.weight", N_EMBD, N_KV_HEADS * HEAD_DIM),
            matrix(block + "attn_v.weight", N_EMBD, N_KV_HEADS * HEAD_DIM),
            vector(block + "attn_sub_norm.weight", N_HEADS * HEAD_DIM),
            matrix(block + "attn_output.weight", N_HEADS * HEAD_DIM, N_EMBD),
            vector(block + "ffn_norm.weight", N_EMBD),
            matrix(block + "ffn_gate.weight", N_EMBD, N_FF),
            matrix(block + "ffn_up.weight", N_EMBD, N_FF),
            vector(block + "ffn_sub_norm.weight", N_FF),
            matrix(block + "ffn_down.weight", N_FF, N_EMBD),
        ]
    return found


def metadata() -> list[bytes]:
    key = f"{ARCHITECTURE}."
    tokens = [f"token{number}" for number in range(N_VOCAB)]
    return [
        entry("general.architecture", ARCHITECTURE),
        entry("general.name", "tiny"),
        entry(key + "context_length", N_CTX),
        entry(key + "embedding_length", N_EMBD),
        entry(key + "block_count", N_LAYERS),
        entry(key + "feed_forward_length", N_FF),
        entry(key + "rope.dimension_count", HEAD_DIM),
        entry(key + "attention.head_count", N_HEADS),
        entry(key + "attention.head_count_kv", N_KV_HEADS),
        entry(key + "attention.layer_norm_rms_epsilon", 1e-5),
        entry(key + "rope.freq_base", 500000.0),
        entry("tokenizer.ggml.model", "gpt2"),
        entry("tokenizer.ggml.pre", "llama-bpe"),
        entry("tokenizer.ggml.tokens", tokens),
        entry("tokenizer.ggml.token_type", [1] * N_VOCAB),
        entry("tokenizer.ggml.merges", []),
        entry("tokenizer.ggml.eos_token_id", N_VOCAB - 1),
    ]


def tiny_model(seed: int = 1, embedding_kind: str = "F16", embedding_bytes: bytes | None = None) -> bytes:
    """A whole GGUF file; *embedding_bytes* replace the random table of that type."""
    entries, table, data = metadata(), b"", b""
    found = tensors(random.Random(seed), embedding_kind, embedding_bytes)
    for name, shape, kind, content in found:
        table += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content + bytes(-len(content) % ALIGNMENT)
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(found), len(entries)) + b"".join(entries) + table
    return header + bytes(-len(header) % ALIGNMENT) + data


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embedding", choices=BLOCKS, default="F16")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.write_bytes(tiny_model(arguments.seed, arguments.embedding))


if __name__ == "__main__":
    main()
