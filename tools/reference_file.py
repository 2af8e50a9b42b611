"""Reads a GGUF file into NumPy: metadata, and every tensor as numbers. The slow twin of the core's loader.

Layouts: the GGUF specification (version 3); I2_S from bitnet.cpp (docs/decisions/0001-own-core.md). All other
types are decoded by the `gguf` package of the llama.cpp project, which knows nothing of this core. A layer's
matrix in TQ1_0 or TQ2_0 is ternary, as one in I2_S is (docs/decisions/0043-ternary-blocks.md).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
TQ1_0, TQ2_0, I2_S = 34, 35, 36


@dataclass(frozen=True, slots=True)
class Ternary:
    """A ternary matrix: weights -1, 0, +1 (int8, shape (n_rows, n_cols)) and what multiplies them.

    *scales* are of equal runs of columns in each row, shape (n_rows, n_runs), or one for all, shape (1, 1).
    """

    weights: NDArray[np.int8]
    scales: Floats


Tensor = Ternary | Floats


class Reader:
    """Takes values from bytes, one after the other; the format is little-endian."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def scalars(self, code: str, n: int = 1) -> tuple[Any, ...]:
        layout = f"<{n}{code}"
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def scalar(self, code: str) -> Any:
        return self.scalars(code)[0]

    def text(self) -> str:
        n = self.scalar("Q")
        self.at += n
        return self.data[self.at - n : self.at].decode()

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            element, n = self.scalar("I"), self.scalar("Q")
            return (
                [self.text() for _ in range(n)] if element == STRING else [*self.scalars(SCALARS[element], n)]
            )
        return self.scalar(SCALARS[kind])


def read_gguf(data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Metadata by key, and tensors by name: float64 (or Ternary), shape (n_rows, n_cols) or (n,)."""
    reader = Reader(data)
    magic, version = reader.scalars("s", 4)[0], reader.scalar("I")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"not a GGUF file of version 2 or 3: begins with {magic!r}, {version}")
    n_tensors, n_keys = reader.scalars("Q", 2)
    metadata: dict[str, Any] = {}
    for _ in range(n_keys):
        key, kind = reader.text(), reader.scalar("I")
        metadata[key] = reader.value(kind)
    table = []
    for _ in range(n_tensors):
        name = reader.text()
        shape = reader.scalars("Q", reader.scalar("I"))
        table.append((name, shape[::-1], reader.scalar("I"), reader.scalar("Q")))
    alignment = metadata.get("general.alignment", 32)
    begin = -(-reader.at // alignment) * alignment
    return metadata, {
        name: tensor(data, begin + offset, kind, shape, of_a_layer=name.startswith("blk."))
        for name, shape, kind, offset in table
    }


def tensor(data: bytes, begin: int, kind: int, shape: tuple[int, ...], *, of_a_layer: bool) -> Tensor:
    n = int(np.prod(shape))
    if kind == I2_S:
        return ternary(data[begin : begin + n // 4 + 4], shape)
    number = gguf.GGMLQuantizationType(kind)
    elements, n_bytes = gguf.GGML_QUANT_SIZES[number]
    rows = np.frombuffer(data, np.uint8, n // elements * n_bytes, begin).reshape(*shape[:-1], -1)
    floats: Floats = gguf.quants.dequantize(rows, number).astype(np.float64).reshape(shape)
    if of_a_layer and kind in (TQ1_0, TQ2_0):  # a block ends with its scale, a half float
        scales = rows.reshape(-1, n_bytes)[:, -2:].copy().view("<f2").astype(np.float64)
        weights = np.zeros((len(scales), elements))
        np.divide(floats.reshape(weights.shape), scales, where=scales != 0, out=weights)
        return Ternary(weights.astype(np.int8).reshape(shape), scales.reshape(shape[0], -1))
    return floats


def ternary(data: bytes, shape: tuple[int, ...]) -> Ternary:
    """I2_S: 128 elements are 32 bytes; byte p holds elements p, p + 32, p + 64, p + 96, highest bits first.

    A code is a weight plus one. One float32 scale stands behind all codes.
    """
    blocks = np.frombuffer(data, np.uint8, len(data) - 4).reshape(-1, 1, 32)
    shifts = np.array([6, 4, 2, 0], np.uint8).reshape(1, 4, 1)
    codes = blocks >> shifts & 3
    if codes.max() > 2:
        raise ValueError("an I2_S tensor has the code 3, which stands for no weight")
    weights = (codes.astype(np.int8) - 1).reshape(shape)
    return Ternary(weights, np.frombuffer(data, "<f4", 1, len(data) - 4).astype(np.float64).reshape(1, 1))
