"""Refuse a module for every browser that holds a relaxed SIMD instruction: one spoils the whole module.

python check_instructions.py MODULE.wasm
"""

from __future__ import annotations

import sys
from pathlib import Path

from wasm_binary import Module

FIRST_RELAXED = 0x100  # i8x16.relaxed_swizzle


def main() -> None:
    path = Path(sys.argv[1])
    opcodes = Module(path).simd_opcodes()
    if not opcodes:
        sys.exit(f"{path} holds no SIMD instruction at all: it was built without -msimd128")
    if relaxed := sorted(opcode for opcode in opcodes if opcode >= FIRST_RELAXED):
        names = ", ".join(hex(opcode) for opcode in relaxed)
        sys.exit(f"{path} holds the relaxed SIMD instructions {names}: build it without -mrelaxed-simd")


if __name__ == "__main__":
    main()
