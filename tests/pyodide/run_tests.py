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
arguments += pytest_arguments if named else [*pytest_arguments, "tests/pyodide", "tests/unit"]
if build != "relaxed":  # what has nothing to do with the core is tested with one build
    without_core = ("test_template.py", "test_transfer_properties.py", "ui")
    arguments += [f"--ignore=tests/unit/{name}" for name in without_core]
int(pytest.main(arguments))
