"""What the bundle leaves out of the standard library is nothing that its own packages ask for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tools"))

from byte_compile import is_left_out  # noqa: E402 - found through the line above


def imports(path: Path) -> Iterator[str]:
    """Every module that *path* imports from outside its own package, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", ["bitnet", "jinja2", "markupsafe"])
def test_a_package_of_the_bundle_imports_nothing_that_was_left_out(package: str) -> None:
    spec = find_spec(package)
    assert spec
    assert spec.submodule_search_locations
    paths = [path for folder in spec.submodule_search_locations for path in Path(folder).rglob("*.py")]
    asked = {name for path in paths for name in imports(path)}
    assert {"typing", "re"} & asked  # the walk sees imports
    assert {name for name in asked if is_left_out(name.replace(".", "/"))} == set()


def test_a_module_of_a_package_is_left_out_with_it_and_not_its_namesakes() -> None:
    assert is_left_out("unittest/mock.py")
    assert is_left_out("pdb.py")
    assert not is_left_out("http/client.py")
    assert not is_left_out("codecs.py")
