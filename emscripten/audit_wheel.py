"""Audit the built wheel with auditwheel-emscripten: its hashes, and that no core needs another library.

    python emscripten/audit_wheel.py WHEEL

The last version for Python 3.11 knows neither the tags of ABI 2026_0 nor side modules with the name .wasm,
so its command refuses the wheel; its parts are called here one by one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from auditwheel_emscripten.show import show_dylib
from auditwheel_emscripten.wheel_utils import unpack

CORES = {"core-simd128.wasm", "core-relaxed.wasm"}


def main() -> None:
    wheel = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        unpack(wheel, folder)  # compares every file with its hash in RECORD
        cores = sorted(Path(folder).rglob("_core/*"))
        if {core.name for core in cores} != CORES:
            sys.exit(
                f"{wheel} holds the cores {[core.name for core in cores]}, but must hold {sorted(CORES)}"
            )
        for core in cores:
            if needed := show_dylib(core):
                sys.exit(f"{wheel}: {core.name} needs the libraries {needed}: link them in")
    print(f"audited {wheel.name}: {len(cores)} cores, no library needed beside Pyodide")


if __name__ == "__main__":
    main()
