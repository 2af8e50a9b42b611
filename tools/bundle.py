"""Lay out dist/, the folder that any static host can serve: its parts were built before, this gathers them.

python tools/bundle.py

index.html, *.js, *.css ...   web/ as it is
precache.js                   what the service worker keeps for visits without a network
pyodide/                      Pyodide with its byte-compiled standard library
hash-wasm/                    SHA-256 for stored files
idb-keyval/                   texts in IndexedDB, for the conversations
icons/                        those pictures of Lucide that styles/icons.css names
markdown-it/, dompurify/      answers as Markdown, and the sanitiser for them
highlight/, temml/            colours for code, and formulas
packages/, pyodide-lock.json  what the page loads, byte-compiled
wheels/                       the same wheels as they are, for micropip
core/                         the core without Python
models/                       the catalogue and the embedded model
LICENSE, THIRD_PARTY.md       whose work it is
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from pyodide_lock import lock

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
BUILD = ROOT / "build"
NODE_MODULES = ROOT / "node_modules"
PYODIDE = NODE_MODULES / "pyodide"
NOT_SERVED = {"jsconfig.json", "libraries.d.ts"}
# Models are kept by the page itself, the catalogue may be edited on its site, the others no page loads.
NOT_KEPT = ("*.gguf", "models/models.json", "*.md", "*LICENSE", "sw.js", "wheels/*")
# Of npm's packages one script each: the folder that it is served from, the package, where it lies there.
LIBRARIES = (
    ("dompurify", "dompurify", "dist/purify.es.mjs"),
    ("hash-wasm", "hash-wasm", "dist/sha256.umd.min.js"),
    ("highlight", "@highlightjs/cdn-assets", "es/highlight.min.js"),
    ("idb-keyval", "idb-keyval", "dist/index.js"),
    ("markdown-it", "markdown-it", "dist/browser/markdown-it.esm.min.mjs"),
    ("temml", "temml", "dist/temml.mjs"),
)
INSIDE_MARKDOWN_IT = ("entities", "linkify-it", "mdurl", "punycode.js", "uc.micro")
PLACED: set[Path] = set()  # everything else below dist/ is left over from before, and goes


def place(source: Path, *target: str) -> None:
    """Copy one file to its place below dist/; unchanged files keep their date, and browsers their copies."""
    path = DIST.joinpath(*target)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != source.read_bytes():
        shutil.copyfile(source, path)
    PLACED.add(path)


def place_web() -> None:
    for path in sorted((ROOT / "web").rglob("*")):
        if path.is_file() and path.name not in NOT_SERVED:
            place(path, *path.relative_to(ROOT / "web").parts)


def place_pyodide() -> None:
    for name in ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"):
        place(PYODIDE / name, "pyodide", name)
    place(BUILD / "stdlib/python_stdlib.zip", "pyodide", "python_stdlib.zip")
    for path in sorted((BUILD / "packages").glob("*.whl")):
        place(path, "packages", path.name)
    packages = [DIST / "packages" / path.name for path in (BUILD / "packages").glob("*.whl")]
    (BUILD / "pyodide-lock.json").write_text(
        lock(packages, DIST, PYODIDE / "pyodide-lock.json"), encoding="utf-8"
    )
    place(BUILD / "pyodide-lock.json", "pyodide-lock.json")
    for path in sorted((BUILD / "wheels").glob("*.whl")):
        place(path, "wheels", path.name)


def place_libraries() -> None:
    for folder, package, script in LIBRARIES:
        place(NODE_MODULES / package / script, folder, f"{folder}.js")
        place(licence(package), folder, "LICENSE")
    for package in INSIDE_MARKDOWN_IT:
        place(licence(package), "markdown-it", f"{package}.LICENSE")


def licence(package: str) -> Path:
    return min((NODE_MODULES / package).glob("LICEN[CS]E*"))


def place_icons() -> None:
    folder = NODE_MODULES / "lucide-static"
    style = (ROOT / "web/styles/icons.css").read_text(encoding="utf-8")
    for name in sorted(set(re.findall(r'url\("\.\./icons/([a-z0-9-]+\.svg)"\)', style))):
        place(folder / "icons" / name, "icons", name)
    place(folder / "LICENSE", "icons", "LICENSE")


def place_core() -> None:
    simd128, relaxed = BUILD / "standalone/simd128", BUILD / "standalone/relaxed"
    if (simd128 / "bitnet.js").read_bytes() != (relaxed / "bitnet.js").read_bytes():
        raise SystemExit(
            "the two builds of the core no longer share their bitnet.js: place each under a name of its own"
        )
    place(simd128 / "bitnet.js", "core", "bitnet.js")
    place(simd128 / "bitnet.wasm", "core", "bitnet.wasm")
    place(relaxed / "bitnet.wasm", "core", "bitnet-relaxed.wasm")


def place_models() -> None:
    for path in sorted((ROOT / "models").rglob("*")):
        if path.is_file():
            place(path, "models", *path.relative_to(ROOT / "models").parts)


def place_precache() -> None:
    """The names and hashes of what makes up the app; any change of it is a new version."""
    files = {
        name: hashlib.sha256((DIST / name).read_bytes()).hexdigest()
        for name in sorted(path.relative_to(DIST).as_posix() for path in PLACED)
        if not any(fnmatch(name, pattern) for pattern in NOT_KEPT)
    }
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    number = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    text = json.dumps({"version": f"{number} {digest[:16]}", "files": files}, indent=2)
    (BUILD / "precache.js").write_text(f"self.PRECACHE = {text};\n", encoding="utf-8")
    place(BUILD / "precache.js", "precache.js")


def main() -> None:
    for step in (place_web, place_pyodide, place_libraries, place_icons, place_core, place_models):
        step()
    place(ROOT / "LICENSE", "LICENSE")
    place(ROOT / "emscripten/THIRD_PARTY.md", "THIRD_PARTY.md")
    place_precache()
    for path in sorted(DIST.rglob("*"), reverse=True):
        if path.is_file() and path not in PLACED:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    size = sum(path.stat().st_size for path in PLACED)
    print(f"dist/: {len(PLACED)} files, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
