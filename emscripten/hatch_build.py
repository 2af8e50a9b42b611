"""Tags the wheel by its platform and takes the core along that was built for it.

BITNET_WHEEL=wasm builds Pyodide's wheel with the two side modules; otherwise it is the wheel of this
machine with libbitnet.so.
The core reaches Python through ctypes, so one wheel serves every version: py3-none-PLATFORM.
"""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CORES = {"wasm": ("core-simd128.wasm", "core-relaxed.wasm"), "native": ("libbitnet.so",)}


class CoreBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Hatchling's hook: runs before the files of a wheel are gathered."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Set the tag and include the core; an editable install finds it in the source folder."""
        target = os.environ.get("BITNET_WHEEL", "native")
        if target not in CORES:
            raise ValueError(f"BITNET_WHEEL is {target!r}: set it to one of {', '.join(CORES)}")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{self._platform(target)}"
        if version == "editable":
            return
        for name in CORES[target]:
            path = Path("app/bitnet/_core") / name
            if not (Path(self.root) / path).is_file():
                raise FileNotFoundError(f"{path} is missing: run 'make build' first")
            build_data["force_include"][str(path)] = f"bitnet/_core/{name}"

    def _platform(self, target: str) -> str:
        if target == "wasm":
            pins = (Path(self.root) / "emscripten/versions.env").read_text(encoding="utf-8")
            found = re.search(r"^WHEEL_PLATFORM=(\S+)$", pins, re.MULTILINE)
            if found is None:
                raise ValueError(
                    "emscripten/versions.env lacks WHEEL_PLATFORM: add the tag of Pyodide's wheels"
                )
            return found[1]
        return re.sub(r"[-.]", "_", sysconfig.get_platform())
