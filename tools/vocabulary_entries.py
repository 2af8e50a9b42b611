"""The metadata of llama.cpp's vocabulary files, entry by entry, to be put into another GGUF file as it is."""

from __future__ import annotations

import struct
from pathlib import Path

VOCABULARIES = Path(__file__).resolve().parents[1] / "build/vocabularies"
STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of the numbers, by type


def read_entries(name: str) -> dict[str, bytes]:
    """Each key of ``ggml-vocab-NAME.gguf`` with its whole entry: key, type and value.

    Raises:
        FileNotFoundError: The vocabularies have not been fetched.
    """
    path = VOCABULARIES / f"ggml-vocab-{name}.gguf"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run `make vocabularies` first.")
    data, entries = path.read_bytes(), {}

    def after(kind: int, at: int) -> int:
        """Where the value of this type that begins at *at* ends."""
        if kind == STRING:
            return at + 8 + int.from_bytes(data[at : at + 8], "little")
        if kind != ARRAY:
            return at + SIZES[kind]
        of, count = struct.unpack_from("<IQ", data, at)
        at += 12
        if of in SIZES:
            return at + int(count) * SIZES[of]
        for _ in range(count):
            at = after(of, at)
        return at

    at = 24
    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        begin, at = at, after(STRING, at)
        key = data[begin + 8 : at].decode()
        at = after(int.from_bytes(data[at : at + 4], "little"), at + 4)
        entries[key] = data[begin:at]
    return entries
