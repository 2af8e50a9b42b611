"""Seeded random weights of the types that full-size models use, as bytes, a part at a time."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

PIECE_WEIGHTS = 1 << 24  # made at a time
LEAST_WEIGHTS = 256  # of which every type makes a whole number of blocks

Bytes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Maker = Callable[[np.random.Generator, int, int], Bytes]

#: Every byte of four codes 0, 1, 2.
TERNARY = np.array(
    [code for code in range(256) if all(code >> shift & 3 != 3 for shift in (0, 2, 4, 6))], np.uint8
)

#: Two nibbles of 1 to 15 (-7 to 7), and bytes of -127 to 127: without the lowest code their mean is 0.
NIBBLES = np.array([low | high << 4 for low in range(1, 16) for high in range(1, 16)], np.uint8)
SIGNED = np.arange(-127, 128, dtype=np.int8).view(np.uint8)


def floats(rng: np.random.Generator, n: int, n_cols: int) -> Bytes:
    return rng.uniform(0.8, 1.2, n).astype(np.float32).view(np.uint8)


def biases(rng: np.random.Generator, n: int, n_cols: int) -> Bytes:
    return rng.uniform(-0.1, 0.1, n).astype(np.float32).view(np.uint8)


def half_floats(rng: np.random.Generator, n: int, n_cols: int) -> Bytes:
    # Logits are products of n_cols such numbers with numbers around 1: they get a deviation of about 2.5.
    return (rng.standard_normal(n, np.float32) * (2.5 / n_cols**0.5)).astype(np.float16).view(np.uint8)


def wide_floats(rng: np.random.Generator, n: int, n_cols: int) -> Bytes:
    return half_floats(rng, n, n_cols).view(np.float16).astype(np.float32).view(np.uint8)


def ternary_codes(rng: np.random.Generator, n: int, n_cols: int) -> Bytes:
    return TERNARY[rng.integers(0, len(TERNARY), n // 4, np.uint8)]


def blocks(codes: Bytes, n_codes: int, deviation: float) -> Maker:
    """32 weights to a block: a half-float scale, then *n_codes* of these bytes, of this *deviation*."""

    def make(rng: np.random.Generator, n: int, n_cols: int) -> Bytes:
        found = np.empty((n // 32, 2 + n_codes), np.uint8)
        found[:, :2] = np.array([1 / (deviation * n_cols**0.5)], np.float16).view(np.uint8)
        found[:, 2:] = codes[rng.integers(0, len(codes), (n // 32, n_codes), np.uint8)]
        return found.reshape(-1)

    return make


def ternary_blocks(rng: np.random.Generator, n: int, n_cols: int) -> Bytes:
    """TQ2_0: 256 weights to a block, 64 bytes of four codes each and then a half-float scale."""
    found = np.empty((n // 256, 66), np.uint8)
    found[:, :64] = TERNARY[rng.integers(0, len(TERNARY), (n // 256, 64), np.uint8)]
    found[:, 64:] = np.array([(n_cols * 2 / 3) ** -0.5], np.float16).view(np.uint8)
    return found.reshape(-1)


def six_bit_blocks(rng: np.random.Generator, n: int, n_cols: int) -> Bytes:
    """Q6_K: 256 weights to a block, 192 bytes of their bits, 16 scales of a byte, and a half-float scale."""
    found = np.empty((n // 256, 210), np.uint8)
    found[:, :192] = rng.integers(0, 256, (n // 256, 192), np.uint8)
    found[:, 192:208] = 16
    # Codes of -32 to 31 have a deviation of 18.5: logits get the same one as from half floats.
    found[:, 208:] = np.array([2.5 / (16 * 18.5 * n_cols**0.5)], np.float16).view(np.uint8)
    return found.reshape(-1)


@dataclass(frozen=True)
class TensorType:
    number: int
    make: Maker
    tail_bytes: int = 0

    def n_bytes(self, shape: tuple[int, ...]) -> int:
        """What ``pieces`` gives, measured on the fewest weights that can be made."""
        few = len(self.make(np.random.default_rng(0), LEAST_WEIGHTS, LEAST_WEIGHTS))
        return few * int(np.prod(shape)) // LEAST_WEIGHTS + self.tail_bytes

    def pieces(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Iterator[bytes]:
        """The bytes of one tensor whose rows are ``shape[0]`` long."""
        n = int(np.prod(shape))
        for begin in range(0, n, PIECE_WEIGHTS):
            yield self.make(rng, min(PIECE_WEIGHTS, n - begin), shape[0]).tobytes()
        if self.tail_bytes:  # the scale of the whole tensor: its products get a deviation of 1
            yield struct.pack("<f", (shape[0] * 2 / 3) ** -0.5).ljust(self.tail_bytes, b"\0")


F32 = TensorType(0, floats)
F32_BIAS = TensorType(0, biases)
F32_TABLE = TensorType(0, wide_floats)
F16 = TensorType(1, half_floats)
Q4_0 = TensorType(2, blocks(NIBBLES, 16, 4.32))
Q8_0 = TensorType(8, blocks(SIGNED, 32, 73.3))
Q6_K = TensorType(14, six_bit_blocks)
TQ2_0 = TensorType(35, ternary_blocks)
I2_S = TensorType(36, ternary_codes, tail_bytes=32)
