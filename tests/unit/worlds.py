"""What one of the two worlds, CPython and Pyodide, does not have; every skip names its reason."""

import sys

import pytest

IN_PYODIDE = sys.platform == "emscripten"

needs_sockets = pytest.mark.skipif(IN_PYODIDE, reason="Pyodide has no sockets to listen on")
needs_processes = pytest.mark.skipif(IN_PYODIDE, reason="Pyodide cannot start processes")
needs_numpy = pytest.mark.skipif(IN_PYODIDE, reason="NumPy is not among the test wheels for Pyodide")
