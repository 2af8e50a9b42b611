"""Writes models of the published sizes with seeded random weights: as fast and as large as the real ones.

    .venv/bin/python tools/make_full_size.py [--seed N] [--folder build/models] [NAME ...]

bitnet-2b has the very keys, tensors and size of BitNet-b1.58-2B-4T's ggml-model-i2_s.gguf; what it says is
noise. The vocabularies are LLaMA-3's and Qwen2's own, from build/vocabularies (`make vocabularies`). A file
that is already there is kept.
"""

from __future__ import annotations

import argparse
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).parent))

from full_size_weights import (  # noqa: E402 - found through the line above
    F16,
    F32,
    F32_BIAS,
    F32_TABLE,
    I2_S,
    Q4_0,
    Q6_K,
    Q8_0,
    TQ2_0,
    TensorType,
)
from make_tiny_model import ALIGNMENT, entry, text  # noqa: E402
from vocabulary_entries import read_entries  # noqa: E402

Tensor = tuple[str, tuple[int, ...], TensorType]


@dataclass(frozen=True)
class Shape:
    """What a file holds; *codes* is the type of the layers' matrices, *table* that of the embedding."""

    architecture: str
    codes: TensorType
    table: TensorType
    n_layers: int
    n_embd: int
    n_kv: int
    n_ff: int
    n_vocab: int
    metadata: Callable[[Shape], list[bytes]]
    header_only: bool = False  # the weights are a hole in the file: for what is refused before they are read

    @property
    def ternary(self) -> bool:
        return self.architecture.startswith("bitnet")

    def tensors(self) -> Iterator[Tensor]:
        def matrix(name: str, n_cols: int, n_rows: int) -> Tensor:
            return f"{name}.weight", (n_cols, n_rows), self.codes

        yield "token_embd.weight", (self.n_embd, self.n_vocab), self.table
        yield "output_norm.weight", (self.n_embd,), F32
        for layer in range(self.n_layers):
            block = f"blk.{layer}."
            yield f"{block}attn_norm.weight", (self.n_embd,), F32
            for letter, n_rows in (("q", self.n_embd), ("k", self.n_kv), ("v", self.n_kv)):
                yield matrix(f"{block}attn_{letter}", self.n_embd, n_rows)
                if not self.ternary:
                    yield f"{block}attn_{letter}.bias", (n_rows,), F32_BIAS
            if self.ternary:
                yield f"{block}attn_sub_norm.weight", (self.n_embd,), F32
            yield matrix(f"{block}attn_output", self.n_embd, self.n_embd)
            yield f"{block}ffn_norm.weight", (self.n_embd,), F32
            yield matrix(f"{block}ffn_gate", self.n_embd, self.n_ff)
            yield matrix(f"{block}ffn_up", self.n_embd, self.n_ff)
            if self.ternary:
                yield f"{block}ffn_sub_norm.weight", (self.n_ff,), F32
            yield matrix(f"{block}ffn_down", self.n_ff, self.n_embd)


def flag(key: str, value: bool) -> bytes:
    return text(key) + struct.pack("<IB", 7, value)


def bitnet_metadata(shape: Shape) -> list[bytes]:
    """In the order of the published file, which has a placeholder as template and no tokenizer.ggml.pre."""
    a, tokenizer = f"{shape.architecture}.", "tokenizer.ggml."
    words = read_entries("llama-bpe")
    zeros = text(f"{tokenizer}scores") + struct.pack("<IIQ", 9, 6, shape.n_vocab) + bytes(4 * shape.n_vocab)
    placeholder = (
        "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
        "{% if message['role'] == 'user' %}"
        "{{ 'Human: ' + message['content'] + '\\n\\nBITNETAssistant: ' + eos_token }}"
        "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}"
    )
    return [
        entry("general.architecture", shape.architecture),
        entry("general.name", "bitnet2b"),
        entry(f"{a}vocab_size", shape.n_vocab),
        entry(f"{a}context_length", 4096),
        entry(f"{a}embedding_length", shape.n_embd),
        entry(f"{a}block_count", shape.n_layers),
        entry(f"{a}feed_forward_length", shape.n_ff),
        entry(f"{a}rope.dimension_count", 128),
        entry(f"{a}attention.head_count", shape.n_embd // 128),
        entry(f"{a}attention.head_count_kv", shape.n_kv // 128),
        flag(f"{tokenizer}add_bos_token", True),
        entry(f"{a}attention.layer_norm_rms_epsilon", 1e-5),
        entry(f"{a}rope.freq_base", 500000.0),
        entry("general.file_type", 40),
        entry(f"{tokenizer}model", "gpt2"),
        words[f"{tokenizer}tokens"],
        zeros,
        words[f"{tokenizer}token_type"],
        words[f"{tokenizer}merges"],
        entry(f"{tokenizer}bos_token_id", 128000),
        entry(f"{tokenizer}eos_token_id", 128001),
        entry(f"{tokenizer}padding_token_id", 128001),
        entry("tokenizer.chat_template", placeholder),
        entry("general.quantization_version", 2),
    ]


def qwen2_metadata(shape: Shape) -> list[bytes]:
    words = read_entries("qwen2")
    return [
        entry("general.architecture", "qwen2"),
        entry("general.name", "qwen2-0.5b"),
        entry("qwen2.block_count", shape.n_layers),
        entry("qwen2.context_length", 32768),
        entry("qwen2.embedding_length", shape.n_embd),
        entry("qwen2.feed_forward_length", shape.n_ff),
        entry("qwen2.attention.head_count", shape.n_embd // 64),
        entry("qwen2.attention.head_count_kv", shape.n_kv // 64),
        entry("qwen2.rope.freq_base", 1e6),
        entry("qwen2.attention.layer_norm_rms_epsilon", 1e-6),
        *(content for key, content in words.items() if key.startswith("tokenizer.")),
    ]


def bitnet(table: TensorType = F16, n_layers: int = 30, header_only: bool = False) -> Shape:
    return Shape("bitnet-b1.58", I2_S, table, n_layers, 2560, 640, 6912, 128256, bitnet_metadata, header_only)


def qwen2(codes: TensorType) -> Shape:
    # Rows of 896 weights are no whole blocks of 256: llama.cpp then gives the tied table Q8_0, not Q6_K.
    return Shape("qwen2", codes, Q8_0, 24, 896, 128, 4864, 151936, qwen2_metadata)


SHAPES = {
    "bitnet-2b": bitnet(),
    "bitnet-2b-q6_k": bitnet(Q6_K),
    "bitnet-2b-tq2_0": replace(bitnet(Q6_K), architecture="bitnet", codes=TQ2_0),  # as llama.cpp reads it
    "bitnet-2b-f32": bitnet(F32_TABLE),  # with its KV cache above 2 GiB
    "too-large": bitnet(n_layers=256, header_only=True),
    "qwen2-0.5b-q4_0": qwen2(Q4_0),
    "qwen2-0.5b-q8_0": qwen2(Q8_0),
}


def header(shape: Shape) -> tuple[bytes, int]:
    """All before the weights, and how many bytes of weights follow."""
    tensors, entries = list(shape.tensors()), shape.metadata(shape)
    table, offset = [], 0
    for name, dimensions, kind in tensors:
        layout = f"<I{len(dimensions)}QIQ"
        table.append(text(name) + struct.pack(layout, len(dimensions), *dimensions, kind.number, offset))
        offset += kind.n_bytes(dimensions)
        offset += -offset % ALIGNMENT
    first = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(entries)) + b"".join(entries + table)
    return first + bytes(-len(first) % ALIGNMENT), offset


def weights(shape: Shape, seed: int) -> Iterator[bytes]:
    """What follows the header, in pieces."""
    rng = np.random.default_rng(seed)
    for _, dimensions, kind in shape.tensors():
        yield from kind.pieces(rng, dimensions)
        yield bytes(-kind.n_bytes(dimensions) % ALIGNMENT)


def write(path: Path, shape: Shape, seed: int) -> None:
    """Stream the file to *path*; it has its name only when it is complete."""
    first, n_bytes = header(shape)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(first)
        if shape.header_only:
            file.truncate(file.tell() + n_bytes)
        else:
            file.writelines(weights(shape, seed))
    part.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHAPES)}; all if left out")
    parser.add_argument("--folder", type=Path, default=PROJECT / "build/models")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(SHAPES):
        parser.error(f"there is no model {', '.join(sorted(unknown))}: choose of {', '.join(SHAPES)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or SHAPES:
        path, clock = arguments.folder / f"{name}.gguf", time.perf_counter()
        if not path.is_file():
            try:
                write(path, SHAPES[name], arguments.seed)
            except FileNotFoundError as error:
                sys.exit(str(error))
        print(f"{path}: {path.stat().st_size:,} bytes ({time.perf_counter() - clock:.1f} s)")


if __name__ == "__main__":
    main()
