"""The parts of a WebAssembly binary that the build checks: imports, exports, and every SIMD instruction.

Source: WebAssembly Core Specification 3.0, chapter 5 (binary format); the legacy exception instructions
from the exception-handling proposal, as Emscripten's compilers still emit them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

IMPORT_SECTION, EXPORT_SECTION, CODE_SECTION = 2, 7, 10
FUNCTION, TABLE, MEMORY, GLOBAL, TAG = range(5)
PREFIX_MISC, PREFIX_SIMD = 0xFC, 0xFD

# How many LEB128 numbers follow an opcode; one that neither this nor _Reader.instruction names has none.
_LEB_COUNT = {
    **dict.fromkeys([0x02, 0x03, 0x04, 0x06], 1),  # block, loop, if, try: a type
    **dict.fromkeys(
        [0x07, 0x08, 0x09, 0x0C, 0x0D, 0x10, 0x12, 0x14, 0x15, 0x18], 1
    ),  # a label, tag, function or type
    **dict.fromkeys([0x11, 0x13], 2),  # call_indirect: type, table
    **dict.fromkeys(range(0x20, 0x27), 1),  # local, global, table
    **dict.fromkeys(range(0x28, 0x3F), 2),  # load, store: alignment, offset
    **dict.fromkeys(
        [0x3F, 0x40, 0x41, 0x42, 0xD0, 0xD2], 1
    ),  # memory.size, memory.grow, integer constants, references
}
_MISC_LEB_COUNT = {8: 2, 9: 1, 10: 2, 11: 1, 12: 2, 13: 1, 14: 2, 15: 1, 16: 1, 17: 1}


class NotWasm(ValueError):
    """The bytes are no WebAssembly module, or hold something that this reader does not know."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import: *kind* is FUNCTION, TABLE, MEMORY, GLOBAL or TAG."""

    module: str
    name: str
    kind: int


class Module:
    """A WebAssembly binary, read once from *path*."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = path.read_bytes()
        if self._bytes[:8] != b"\0asm\1\0\0\0":
            raise NotWasm(f"{path} is not a WebAssembly module: it starts with {self._bytes[:8]!r}")

    def imports(self) -> list[Import]:
        """All imports, in file order."""
        found = []
        for reader in self._section(IMPORT_SECTION):
            for _ in range(reader.leb()):
                module, name, kind = reader.name(), reader.name(), reader.byte()
                reader.skip_import_type(kind)
                found.append(Import(module, name, kind))
        return found

    def exports(self) -> set[str]:
        """The names of all exports."""
        found = set()
        for reader in self._section(EXPORT_SECTION):
            for _ in range(reader.leb()):
                found.add(reader.name())
                reader.byte(), reader.leb()
        return found

    def simd_opcodes(self) -> set[int]:
        """The numbers after the SIMD prefix, of every instruction in every function."""
        found: set[int] = set()
        for reader in self._section(CODE_SECTION):
            for _ in range(reader.leb()):
                size = reader.leb()
                end = reader.position + size
                for _ in range(reader.leb()):  # groups of local variables: count, type
                    reader.leb(), reader.leb()
                while reader.position < end:
                    opcode, suffix = reader.instruction()
                    if opcode == PREFIX_SIMD:
                        found.add(suffix)
        return found

    def _section(self, wanted: int) -> Iterator[_Reader]:
        reader = _Reader(self._bytes, 8)
        while reader.position < len(self._bytes):
            section, size = reader.byte(), reader.leb()
            if section == wanted:
                yield _Reader(self._bytes, reader.position)
            reader.position += size


class _Reader:
    """A position in the bytes, and the steps that move it."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def byte(self) -> int:
        self.position += 1
        return self.data[self.position - 1]

    def leb(self) -> int:
        """An unsigned LEB128 number; of a signed one only the length is right, enough to skip it."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def lebs(self, count: int) -> None:
        for _ in range(count):
            self.leb()

    def name(self) -> str:
        size = self.leb()
        self.position += size
        return self.data[self.position - size : self.position].decode()

    def limits(self) -> None:
        self.lebs(2 if self.byte() & 1 else 1)

    def skip_import_type(self, kind: int) -> None:
        if kind == FUNCTION:
            self.leb()
        elif kind == TABLE:
            self.byte()
            self.limits()
        elif kind == MEMORY:
            self.limits()
        elif kind == GLOBAL:
            self.position += 2
        elif kind == TAG:
            self.position += 1
            self.leb()
        else:
            raise NotWasm(f"an import is of the unknown kind {kind}: extend wasm_binary.py")

    def instruction(self) -> tuple[int, int]:
        """Step over one instruction; its opcode, and the number after a prefix (else 0)."""
        opcode = self.byte()
        suffix = self.leb() if opcode in (PREFIX_MISC, PREFIX_SIMD) else 0
        if opcode == PREFIX_SIMD:
            self._skip_simd(suffix)
        elif opcode == PREFIX_MISC:
            self.lebs(_MISC_LEB_COUNT.get(suffix, 0))
        elif opcode in (0x0E, 0x1C):  # br_table: labels and a default; select: types
            self.lebs(self.leb() + (opcode == 0x0E))
        elif opcode == 0x1F:  # try_table: type, then clauses of a kind, perhaps a tag, and a label
            self.leb()
            for _ in range(self.leb()):
                self.lebs(2 if self.byte() < 2 else 1)
        elif opcode in (0x43, 0x44):  # float constants
            self.position += 4 if opcode == 0x43 else 8
        elif opcode > 0xD2:
            raise NotWasm(f"opcode {opcode:#x} at byte {self.position} is unknown: extend wasm_binary.py")
        else:
            self.lebs(_LEB_COUNT.get(opcode, 0))
        return opcode, suffix

    def _skip_simd(self, suffix: int) -> None:
        if suffix <= 11 or 84 <= suffix <= 93:  # loads and stores: alignment, offset
            self.lebs(2)
        if suffix in (12, 13):  # v128.const, shuffle
            self.position += 16
        if 21 <= suffix <= 34 or 84 <= suffix <= 91:  # a lane
            self.position += 1
