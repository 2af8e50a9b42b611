"""Splits a GGUF file into parts as llama.cpp's gguf-split does: a small writer for tests."""

from __future__ import annotations

import struct

ALIGNMENT = 32
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of values, by type of GGUF
STRING, ARRAY, UINT16, INT32 = 8, 9, 2, 5


def split(data: bytes, n_parts: int) -> list[bytes]:
    """The files of *data*, each with about as many tensors; the first also holds all metadata."""
    n_tensors, n_keys = struct.unpack_from("<QQ", data, 8)
    begin = at = 24
    for _ in range(n_keys):
        at = _skip_value(data, _skip_string(data, at))
    metadata = data[begin:at]
    tensors = []
    for _ in range(n_tensors):
        end_of_name = _skip_string(data, at)
        (n_dimensions,) = struct.unpack_from("<I", data, end_of_name)
        end = end_of_name + 4 + 8 * n_dimensions + 4
        tensors.append((data[at:end], struct.unpack_from("<Q", data, end)[0]))
        at = end + 8
    data_begin = _aligned(at)
    ends = [*sorted(offset for _, offset in tensors[1:]), len(data) - data_begin]
    parts = []
    for number in range(n_parts):
        chosen = range(number * n_tensors // n_parts, (number + 1) * n_tensors // n_parts)
        keys = _integer("split.no", UINT16, number) + _integer("split.count", UINT16, n_parts)
        keys += _integer("split.tensors.count", INT32, n_tensors)
        table, contents = b"", b""
        for n in chosen:
            entry, offset = tensors[n]
            end = min(end for end in ends if end > offset)
            table += entry + struct.pack("<Q", len(contents))
            contents += data[data_begin + offset : data_begin + end].ljust(_aligned(end - offset), b"\0")
        head = data[:8] + struct.pack("<QQ", len(chosen), 3 + (n_keys if number == 0 else 0))
        head += (metadata if number == 0 else b"") + keys + table
        parts.append(head.ljust(_aligned(len(head)), b"\0") + contents)
    return parts


def _integer(key: str, kind: int, value: int) -> bytes:
    return (
        struct.pack("<Q", len(key))
        + key.encode()
        + struct.pack("<IH" if kind == UINT16 else "<Ii", kind, value)
    )


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def _skip_string(data: bytes, at: int) -> int:
    return at + 8 + int(struct.unpack_from("<Q", data, at)[0])


def _skip_value(data: bytes, at: int) -> int:
    kind: int = struct.unpack_from("<I", data, at)[0]
    at += 4
    if kind == STRING:
        return _skip_string(data, at)
    if kind != ARRAY:
        return at + SIZES[kind]
    kind, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if kind != STRING:
        return at + SIZES[kind] * count
    for _ in range(count):
        at = _skip_string(data, at)
    return at
