"""Who may import whom: data flows one way, and this checks that imports and includes do not turn back.

    python tools/check_layers.py

The rules are the tables below; each breach is printed as FILE: what it imports, and why not.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# (importing files in the package, the only names of ours that they may import, sentence)
PYTHON_MAY = [
    ("errors.py", (), "errors know the standard library only"),
    ("records.py", ("bitnet.errors",), "records know the standard library and the errors only"),
    ("ranks.py", ("bitnet.errors",), "the interface of ranks knows the standard library and the errors only"),
    (
        "native/*",
        ("bitnet.native", "bitnet.errors", "bitnet.ranks", "bitnet.records"),
        "native holds no policy: that belongs to engine",
    ),
]
# (imported name, the only files that may import it, sentence)
BROWSER = (
    "host/blocked.py",
    "host/browser.py",
    "host/opfs.py",
    "host/streams.py",
    "host/workers.py",
    "ui/patches.py",
)
PYTHON_ONLY = [
    (
        "bitnet.native",
        ("engine.py", "shares.py", "native/*", "host/cpython.py", "host/workers.py"),
        "only engine, and the hosts that start ranks for it, see the binding",
    ),
    ("ctypes", ("native/*", "host/memory.py"), "only native speaks C, and host/memory.py to the core's heap"),
    ("js", BROWSER, "only host/ and ui/patches.py know the browser"),
    ("pyodide", BROWSER, "only host/ and ui/patches.py know Pyodide"),
    ("pyodide_js", BROWSER, "only host/ and ui/patches.py know Pyodide"),
]
CORE_NEVER = {
    "emscripten.h", "emscripten/*", "Python.h", "pthread.h", "thread", "mutex", "future",
    "condition_variable", "fstream", "filesystem", "iostream", "unistd.h", "chrono", "ctime", "time.h",
}  # fmt: skip
KERNELS_MAY_INCLUDE = {"half.h", "arithmetic.h", "tensor_type.h"}


def matches(name: str, room: str) -> bool:
    """Whether a dotted name is *room*, or lies below it."""
    return name == room or name.startswith(f"{room}.")


def python_imports(path: Path, package: str) -> Iterator[str]:
    """The absolute names that a file imports: a.b for both ``import a.b`` and ``from a import b``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                module = ".".join([*parents, *([module] if module else [])])
            yield from (f"{module}.{name.name}" for name in node.names)


def check_python(folder: Path) -> Iterator[str]:
    """Breaches inside the package *folder*."""
    for path in sorted(folder.rglob("*.py")):
        file = path.relative_to(folder).as_posix()
        package = ".".join([folder.name, *path.relative_to(folder).parent.parts])
        names = sorted(set(python_imports(path, package)))
        ours = [name for name in names if matches(name, "bitnet")]
        for files, may, why in PYTHON_MAY:
            if fnmatch(file, files):
                yield from (
                    f"{path}: imports {n}: {why}" for n in ours if not any(matches(n, m) for m in may)
                )
        for pattern, allowed, why in PYTHON_ONLY:
            if not any(fnmatch(file, may) for may in allowed):
                yield from (f"{path}: imports {n}: {why}" for n in names if matches(n, pattern))


def includes(path: Path) -> list[str]:
    """What a C++ file includes, as it is written there."""
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.MULTILINE)


def module_of(path: Path) -> str:
    """The module that a file belongs to: a folder is one, and tables are part of what they serve."""
    return path.parts[0] if len(path.parts) > 1 else path.stem.removesuffix("_tables")


def check_core(source: Path) -> Iterator[str]:
    """Breaches inside the C++ core: the outside world, kernels that see too much, circles of modules."""
    graph: dict[str, set[str]] = {}
    for path in sorted([*source.rglob("*.h"), *source.rglob("*.cpp")]):
        module = module_of(path.relative_to(source))
        for name in includes(path):
            if any(fnmatch(name, pattern) for pattern in CORE_NEVER):
                yield f"{path}: includes <{name}>: the core knows no platform, files, threads or clocks"
            target = next((base / name for base in (path.parent, source) if (base / name).is_file()), None)
            if target is None:
                continue
            included = module_of(target.resolve().relative_to(source.resolve()))
            if module == "kernels" and included != "kernels" and target.name not in KERNELS_MAY_INCLUDE:
                yield f"{path}: includes {name}: kernels see only numbers"
            if included != module:
                graph.setdefault(module, set()).add(included)
    yield from (
        f"{source}: the modules {' -> '.join(circle)} include each other in a circle"
        for circle in circles(graph)
    )


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """One circle for each module at which a walk along *graph* comes back to where it has been."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> Iterator[list[str]]:
        if module in path:
            yield [*path[path.index(module) :], module]
        elif module not in done:
            for included in sorted(graph.get(module, ())):
                yield from walk(included, [*path, module])
            done.add(module)

    for module in sorted(graph):
        yield from walk(module, [])


def check_web(folder: Path) -> Iterator[str]:
    """Breaches inside the page's own scripts."""
    for path in sorted(folder.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        code = re.sub(r"/\*.*?\*/|^\s*//.*?$", "", text, flags=re.DOTALL | re.MULTILINE)
        for name in re.findall(r"""\b(?:from|import)\s*\(?\s*["']([^"']+)["']""", code):
            if not name.startswith("./"):
                yield f"{path}: imports {name}: the bundle is served as it is, so imports are relative"
            if "pyodide" in name and path.name != "worker.js":
                yield f"{path}: imports {name}: only worker.js starts Pyodide"
        if path.name == "worker.js" and re.search(r"\bdocument\b", code):
            yield f"{path}: speaks of the document: only host.js writes to the page"


def main() -> None:
    breaches = [*check_python(ROOT / "app/bitnet"), *check_core(ROOT / "wasm/src"), *check_web(ROOT / "web")]
    if breaches:
        sys.exit("\n".join(breach.replace(f"{ROOT}/", "") for breach in breaches))


if __name__ == "__main__":
    main()
