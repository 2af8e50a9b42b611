"""A writable view of memory at an address, for hosts whose bytes come through Python."""

from __future__ import annotations

import ctypes


def memory_at(address: int, n_bytes: int) -> memoryview:
    """Bytes ``[address, address + n_bytes)`` without a copy; whoever gave the address keeps it valid."""
    return memoryview((ctypes.c_ubyte * n_bytes).from_address(address)).cast("B")


def address_of(buffer: bytearray) -> int:
    """Where the bytes of *buffer* lie, valid while it lives and keeps its size."""
    return ctypes.addressof(ctypes.c_ubyte.from_buffer(buffer))
