"""Writes a NumPy array file (format version 1.0) without NumPy."""

from __future__ import annotations

import struct
from pathlib import Path

ALIGNMENT = 64  # the data begins at a multiple of this, as the format asks


def write(path: Path, rows: memoryview[float]) -> None:
    """Write *rows*, float32 of shape ``(n, m)`` in C order, to *path*."""
    description = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {rows.shape}, }}"
    magic = b"\x93NUMPY\x01\x00"
    padding = -(len(magic) + 2 + len(description) + 1) % ALIGNMENT
    header = description.encode("ascii") + b" " * padding + b"\n"
    with path.open("wb") as file:
        file.write(magic + struct.pack("<H", len(header)) + header)
        file.write(rows)
