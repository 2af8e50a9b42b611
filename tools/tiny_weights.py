"""Seeded random contents of tensors, of every type that the core runs, as the bytes that a GGUF file holds.

Blocks are random bytes between scales that keep the numbers small: every bit of a layout then matters, and no
quantiser is needed.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from itertools import product

#: Standard deviation of the weights, about: a row of 256 or 512 times normed activations stays near 1.
SPREAD = 0.08


@dataclass(frozen=True, slots=True)
class Block:
    """How a type stores elements; *integer_spread* is the standard deviation of what the scale multiplies.

    A type with a minimum stores scale * q + minimum (Q4_1, Q5_1), or scale * q - minimum * m (the K types):
    *minimum_ratio* is the minimum, in units of the scale, that centres the weights around zero.
    """

    number: int
    elements: int
    n_bytes: int
    scale_at: int = 0
    integer_spread: float = 1.0
    minimum_at: int | None = None
    minimum_ratio: float = 0.0


#: Numbers and sizes: the GGUF specification, and bitnet.cpp for I2_S.
BLOCKS = {
    "F32": Block(0, 1, 4),
    "F16": Block(1, 1, 2),
    "BF16": Block(30, 1, 2),
    "Q4_0": Block(2, 32, 18, 0, 4.6),
    "Q4_1": Block(3, 32, 20, 0, 4.6, 2, -7.5),
    "Q5_0": Block(6, 32, 22, 0, 9.2),
    "Q5_1": Block(7, 32, 24, 0, 9.2, 2, -15.5),
    "Q8_0": Block(8, 32, 34, 0, 74),
    "Q2_K": Block(10, 256, 84, 80, 15, 82, 1.5),
    "Q3_K": Block(11, 256, 110, 108, 42),
    "Q4_K": Block(12, 256, 144, 0, 220, 2, 7.5),
    "Q5_K": Block(13, 256, 176, 0, 450, 2, 15.5),
    "Q6_K": Block(14, 256, 210, 208, 1370),
    "IQ4_NL": Block(20, 32, 18, 0, 70),
    "TQ1_0": Block(34, 256, 54, 52, 0.8),
    "TQ2_0": Block(35, 256, 66, 64, 0.8),
    "I2_S": Block(36, 128, 32),
}
TYPES = tuple(BLOCKS)

#: A byte with four codes of 0, 1, 2, as in I2_S and TQ2_0: the code 3 stands for no weight.
FOUR_CODES = [a << 6 | b << 4 | c << 2 | d for a, b, c, d in product(range(3), repeat=4)]
#: A byte of TQ1_0 is a fraction of 256 that begins with five digits to the base 3, or with four and a zero.
FIVE_DIGITS = [-(-digits * 256 // 243) for digits in range(243)]
FOUR_DIGITS = FIVE_DIGITS[::3]


def floats(rng: random.Random, n: int, low: float, high: float) -> bytes:
    """*n* float32 between *low* and *high*."""
    return struct.pack(f"<{n}f", *(rng.uniform(low, high) for _ in range(n)))


def contents(rng: random.Random, kind: str, n: int) -> bytes:
    """*n* random weights of the type *kind*; *n* is a whole number of its blocks."""
    if kind == "I2_S":  # one scale for the whole tensor, then padding
        return bytes(rng.choices(FOUR_CODES, k=n // 4)) + struct.pack("<f28x", SPREAD * rng.uniform(1, 1.5))
    if kind in ("F32", "F16", "BF16"):
        return _numbers(rng, kind, n)
    block = BLOCKS[kind]
    return b"".join(_block(rng, kind, block) for _ in range(n // block.elements))


def _numbers(rng: random.Random, kind: str, n: int) -> bytes:
    """Drawn from a few thousand different ones: packing each of a million would take seconds."""
    some = [rng.gauss(0, SPREAD) for _ in range(4096)]
    if kind == "BF16":  # the upper half of a float32
        packed = [struct.pack("<f", number)[2:] for number in some]
    else:
        packed = [struct.pack("<e" if kind == "F16" else "<f", number) for number in some]
    return b"".join(rng.choices(packed, k=n))


def _block(rng: random.Random, kind: str, block: Block) -> bytes:
    if kind == "TQ2_0":
        content = bytearray([*rng.choices(FOUR_CODES, k=64), 0, 0])
    elif kind == "TQ1_0":
        content = bytearray(rng.choices(FIVE_DIGITS, k=48) + rng.choices(FOUR_DIGITS, k=4) + [0, 0])
    else:
        content = bytearray(rng.randbytes(block.n_bytes))
    scale = SPREAD / block.integer_spread * rng.uniform(0.7, 1.4)
    struct.pack_into("<e", content, block.scale_at, scale)
    if block.minimum_at is not None:
        minimum = scale * block.minimum_ratio * rng.uniform(0.9, 1.1)
        struct.pack_into("<e", content, block.minimum_at, minimum)
    return bytes(content)
