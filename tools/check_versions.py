"""package.json must name the versions of emscripten/versions.env, which it cannot refer to."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pins(text: str) -> dict[str, str]:
    """The KEY=value lines of versions.env."""
    return dict(re.findall(r"^(\w+)=(\S+)$", text, re.MULTILINE))


def key_of(package: str) -> str:
    """Where versions.env has an npm package's version: @scope/a-name stands there as SCOPE_A_NAME_VERSION."""
    return re.sub(r"\W+", "_", package).strip("_").upper() + "_VERSION"


def differences(pinned: dict[str, str], package: dict[str, dict[str, str]]) -> list[str]:
    """One sentence for each npm package whose version is not the pinned one."""
    named = package.get("dependencies", {}) | package.get("devDependencies", {})
    return [
        f"package.json has {name} {version}, emscripten/versions.env has {pinned.get(key)}: make them equal"
        for name, version in named.items()
        if pinned.get(key := key_of(name)) != version
    ]


def main() -> None:
    pinned = pins((ROOT / "emscripten/versions.env").read_text(encoding="utf-8"))
    found = differences(pinned, json.loads((ROOT / "package.json").read_text(encoding="utf-8")))
    tag = f"pyemscripten_{pinned['PYODIDE_ABI']}_wasm32"
    if pinned["WHEEL_PLATFORM"] != tag:
        found.append(f"WHEEL_PLATFORM is {pinned['WHEEL_PLATFORM']}, but PYODIDE_ABI asks for {tag}")
    stock = json.loads((ROOT / "node_modules/pyodide/pyodide-lock.json").read_text(encoding="utf-8"))["info"]
    for key, field in (("PYODIDE_ABI", "abi_version"), ("PYODIDE_PYTHON_VERSION", "python")):
        if pinned[key] != stock[field]:
            found.append(
                f"{key} is {pinned[key]}, but Pyodide {pinned['PYODIDE_VERSION']} has {stock[field]}"
            )
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
