"""The smallest model that loads, made around a tokenizer."""

from __future__ import annotations

import asyncio
import math
import struct
from typing import Any

import bitnet


def encoded(value: Any) -> bytes:
    """Type and bytes of a metadata value, as the GGUF specification numbers and lays them out."""
    match value:
        case str():
            return struct.pack("<IQ", 8, len(value.encode())) + value.encode()
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
    if isinstance(value[0], int):
        return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    elements = [encoded(element) for element in value]
    head = struct.pack("<I", 9) + elements[0][:4] + struct.pack("<Q", len(value))
    return head + b"".join(element[4:] for element in elements)


def model_file(tokenizer: dict[str, bytes], n_vocab: int) -> bytes:
    """One llama layer of width 4 with all weights 0; *tokenizer* are encoded values by key."""
    width = {f"llama.{key}": 4 for key in ("embedding_length", "feed_forward_length")}
    counts = {"llama.block_count": 1, "llama.attention.head_count": 1, "llama.context_length": 32}
    epsilon = {"llama.attention.layer_norm_rms_epsilon": 1e-5}
    hyperparameters = {"general.architecture": "llama", **width, **counts, **epsilon}
    values = {key: encoded(value) for key, value in hyperparameters.items()} | tokenizer
    matrices = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    shapes = {
        "token_embd.weight": [4, n_vocab],
        "output_norm.weight": [4],
        **{f"blk.0.{name}.weight": [4, 4] for name in matrices},
        **{f"blk.0.{name}.weight": [4] for name in ("attn_norm", "ffn_norm")},
    }
    out = [b"GGUF", struct.pack("<IQQ", 3, len(shapes), len(values))]
    for key, value in values.items():
        out += [struct.pack("<Q", len(key)), key.encode(), value]
    offset = 0
    for name, shape in shapes.items():
        out += [struct.pack("<Q", len(name)), name.encode(), struct.pack("<I", len(shape))]
        out += [struct.pack(f"<{len(shape)}QIQ", *shape, 0, offset)]  # type 0: F32
        offset += -(-4 * math.prod(shape) // 32) * 32
    return b"".join(out) + bytes(31 + offset)  # the data begin at a multiple of 32


def sentence_piece(tokens: dict[str, float]) -> dict[str, Any]:
    """Metadata of a SentencePiece tokenizer: *tokens* with scores, <unk>, <s>, </s> and the 256 bytes."""
    scores = {
        **tokens,
        "<unk>": 0.0,
        "<s>": 0.0,
        "</s>": 0.0,
        **{f"<0x{byte:02X}>": 0.0 for byte in range(256)},
    }
    unknown = len(tokens)
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": list(scores),
        "tokenizer.ggml.scores": list(scores.values()),
        "tokenizer.ggml.token_type": [1] * unknown + [2, 3, 3] + [6] * 256,
        "tokenizer.ggml.unknown_token_id": unknown,
        "tokenizer.ggml.bos_token_id": unknown + 1,
        "tokenizer.ggml.eos_token_id": unknown + 2,
    }


def load_tokenizer(metadata: dict[str, Any]) -> bitnet.Model:
    """A model with the tokenizer that *metadata* describe; the caller closes it."""
    values = {key: encoded(value) for key, value in metadata.items()}
    return asyncio.run(bitnet.load(model_file(values, len(metadata["tokenizer.ggml.tokens"]))))
