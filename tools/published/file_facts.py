"""What is known of the published ggml-model-i2_s.gguf of BitNet-b1.58-2B-4T, compared with a file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIZE_BYTES = 1_187_801_280
SHA256 = "4221b252fdd5fd25e15847adfeb5ee88886506ba50b8a34548374492884c2162"
METADATA: dict[str, Any] = {
    "architecture": "bitnet-b1.58",
    "n_layers": 30,
    "n_embd": 2560,
    "n_ff": 6912,
    "n_heads": 20,
    "n_kv_heads": 5,
    "head_dim": 128,
    "n_vocab": 128256,
    "n_ctx_train": 4096,
    "rope_base": 500000.0,
    "rms_eps": 1e-5,
}
TOKENIZER = {"model": "gpt2", "bos": 128000, "eos": 128001}
TURN_END = 128009  # not named in the file, and yet what ends a turn
TENSOR_TYPES = {"I2_S": 210, "F32": 121, "F16": 1}

Check = tuple[str, str, str, bool]  # what, expected, found, right


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def same(expected: Any, found: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return abs(expected - found) <= 1e-6 * abs(expected)  # the file holds float32
    return bool(expected == found)


def checks(path: Path, info: Mapping[str, Any]) -> list[Check]:
    """Each fact with what is expected and found; *info* is ``model.info.raw``."""
    tokenizer = info["tokenizer"]
    types = dict(Counter(tensor["type"] for tensor in info["tensors"]))
    pairs = [
        ("size in bytes", SIZE_BYTES, path.stat().st_size),
        ("SHA-256 (as reported by others)", SHA256, sha256(path)),
        *((name, value, info[name]) for name, value in METADATA.items()),
        *((f"tokenizer {name}", value, tokenizer[name]) for name, value in TOKENIZER.items()),
        ("128009 ends a turn", True, TURN_END in tokenizer["end_ids"]),
        ("tensors by type", TENSOR_TYPES, types),
    ]
    return [(name, str(expected), str(found), same(expected, found)) for name, expected, found in pairs]
