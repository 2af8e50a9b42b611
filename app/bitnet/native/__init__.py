"""The C interface of the core (wasm/include/bitnet.h) through ctypes, and nothing else."""

from bitnet.native.library import Library
from bitnet.native.model import NativeModel
from bitnet.native.session import NativeSession, Parts

__all__ = ["Library", "NativeModel", "NativeSession", "Parts"]
