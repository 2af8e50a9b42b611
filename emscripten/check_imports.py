"""Refuse a side module that Pyodide could not load: each of its imports must be something that Pyodide has.

    python check_imports.py CORE.wasm PYODIDE_FOLDER

A missing symbol would otherwise show only in the browser, when the module is opened or, worse, first called.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from wasm_binary import Module

# What Emscripten's dynamic loader itself hands to every side module.
LOADER = {"memory", "__memory_base", "__table_base", "__indirect_function_table", "__stack_pointer"}


def missing_imports(core: Path, pyodide: Path) -> list[str]:
    """What *core* imports and neither the loader, Pyodide's two main files nor *core* itself provides."""
    module = Module(core)
    provided = LOADER | Module(pyodide / "pyodide.asm.wasm").exports() | module.exports()
    words = set(re.findall(r"[\w$]+", (pyodide / "pyodide.asm.mjs").read_text(encoding="utf-8")))
    return sorted(
        f"{entry.module}.{entry.name}"
        for entry in module.imports()
        if entry.name not in provided and entry.name not in words and f"_{entry.name}" not in words
    )


def main() -> None:
    core, pyodide = Path(sys.argv[1]), Path(sys.argv[2])
    missing = missing_imports(core, pyodide)
    if missing:
        sys.exit(
            f"{core} imports what Pyodide does not have: {', '.join(missing)}; avoid them, or link them in"
        )


if __name__ == "__main__":
    main()
