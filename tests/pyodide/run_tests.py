"""Inside Pyodide: runs the tests over one build of the core. python.mjs sets build and pytest_arguments."""

import os
from pathlib import Path

import bitnet
import pytest

# ruff: noqa: F821 - the two names are set before this runs
os.environ["BITNET_CORE"] = str(Path(bitnet.__file__).parent / "_core" / f"core-{build}.wasm")
arguments = ["-p", "no:cacheprovider", f"--junitxml=build/reports/pyodide-{build}.xml"]
named = any(not argument.startswith("-") for argument in pytest_arguments)
# Pyodide's own tests go first: one needs memory without holes below 2 GiB.
int(pytest.main([*arguments, *pytest_arguments, *([] if named else ["tests/pyodide", "tests/unit"])]))
