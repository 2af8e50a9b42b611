"""Opens the core and declares the signatures of bitnet.h; every status becomes exactly one exception."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from ctypes import POINTER, c_char_p, c_float, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from bitnet import errors

ABI_VERSION = 4
CORE_FOLDER = Path(__file__).resolve().parent.parent / "_core"

LOG_FUNCTION = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
TAP_FUNCTION = ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_int32, c_size_t, c_int32, c_void_p, c_size_t)

# name: (what it returns, what it takes), in the order of the header.
SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "bn_abi_version": (c_uint32, ()),
    "bn_version": (c_char_p, ()),
    "bn_status_name": (c_char_p, (c_int32,)),
    "bn_kernel_name": (c_char_p, (c_size_t,)),
    "bn_kernel_spin": (c_int32, (c_char_p, c_size_t)),
    "bn_kernel_check": (c_int32, (c_char_p, c_uint64, c_size_t, POINTER(c_size_t))),
    "bn_model_new": (
        c_int32,
        (
            *(c_uint64, c_char_p, c_uint64, c_uint32, c_uint32),
            *(c_void_p, c_void_p, LOG_FUNCTION, c_void_p, POINTER(c_void_p)),
        ),
    ),
    "bn_model_set_head": (c_int32, (c_void_p, c_int32)),
    "bn_model_free": (None, (c_void_p,)),
    "bn_model_error": (c_char_p, (c_void_p,)),
    "bn_model_push": (c_int32, (c_void_p, c_void_p, c_size_t)),
    "bn_model_window": (c_size_t, (c_void_p, POINTER(c_void_p))),
    "bn_model_commit": (c_int32, (c_void_p, c_size_t)),
    "bn_model_finish": (c_int32, (c_void_p,)),
    "bn_model_kept": (c_int32, (c_void_p, c_uint32, POINTER(c_uint64), c_size_t, POINTER(c_size_t))),
    "bn_model_skip": (c_int32, (c_void_p, c_uint64)),
    "bn_model_next_part": (c_int32, (c_void_p, c_uint64)),
    "bn_model_parts_left": (c_uint32, (c_void_p,)),
    "bn_model_stage": (c_int32, (c_void_p,)),
    "bn_model_position": (c_uint64, (c_void_p,)),
    "bn_model_info": (c_char_p, (c_void_p,)),
    "bn_model_tokenize": (
        c_int32,
        (c_void_p, c_char_p, c_size_t, c_int32, POINTER(c_int32), c_size_t, POINTER(c_size_t)),
    ),
    "bn_model_piece": (c_size_t, (c_void_p, c_int32, c_int32, c_void_p, c_size_t)),
    "bn_model_is_end": (c_int32, (c_void_p, c_int32)),
    "bn_model_n_vocab": (c_size_t, (c_void_p,)),
    "bn_session_new": (c_int32, (c_void_p, c_size_t, c_int32, POINTER(c_void_p))),
    "bn_session_free": (None, (c_void_p,)),
    "bn_session_bytes": (c_uint64, (c_void_p, c_size_t, c_int32)),
    "bn_session_error": (c_char_p, (c_void_p,)),
    "bn_session_status": (c_int32, (c_void_p,)),
    "bn_session_capacity": (c_size_t, (c_void_p,)),
    "bn_session_position": (c_size_t, (c_void_p,)),
    "bn_session_rewind": (c_int32, (c_void_p, c_size_t)),
    "bn_session_chunk_bytes": (c_size_t, (c_void_p, c_size_t, c_size_t)),
    "bn_session_save": (c_int32, (c_void_p, c_size_t, c_size_t, c_void_p, c_size_t)),
    "bn_session_restore": (c_int32, (c_void_p, c_size_t, c_void_p, c_size_t)),
    "bn_session_restoring": (c_size_t, (c_void_p,)),
    "bn_session_tokens": (POINTER(c_int32), (c_void_p,)),
    "bn_session_prefill": (c_int32, (c_void_p, POINTER(c_int32), c_size_t, c_int32)),
    "bn_session_decode": (c_int32, (c_void_p, c_int32)),
    "bn_session_logits": (c_void_p, (c_void_p,)),
    "bn_session_set_sampling": (
        c_int32,
        (c_void_p, c_float, c_int32, c_float, c_float, c_float, c_int32, c_uint64),
    ),
    "bn_session_sample": (c_int32, (c_void_p, POINTER(c_int32))),
    "bn_session_scored": (c_size_t, (c_void_p,)),
    "bn_session_logprob": (c_int32, (c_void_p, c_int32, POINTER(c_float))),
    "bn_session_top": (c_int32, (c_void_p, c_size_t, POINTER(c_int32), POINTER(c_float), POINTER(c_size_t))),
    "bn_model_count_weights": (c_int32, (c_void_p, c_size_t, POINTER(c_uint64))),
    "bn_session_memory": (c_int32, (c_void_p, POINTER(c_uint64))),
    "bn_session_set_tap": (c_int32, (c_void_p, TAP_FUNCTION, c_void_p)),
    "bn_session_run_kernels": (c_int32, (c_void_p, c_int32)),
}

EXCEPTIONS: dict[int, type[errors.BitNetError]] = {
    1: errors.BadArgument,
    2: errors.BadFile,
    3: errors.Unsupported,
    4: errors.OutOfMemory,
    5: errors.ContextFull,
    6: errors.NotReady,
    7: errors.BadNumbers,
    8: errors.BufferTooSmall,
    9: errors.ExchangeFailed,
}


SPINS = 16  # products, some 10 us each at most, between two looks at the clock
LEAP = 0.004  # seconds that a kernel runs at a time: a browser's clock may be as coarse as a millisecond
MOST_ROUNDS = 12
SETTLED_ROUNDS = 3  # without a gain: what an engine compiles anew meanwhile, and other work, is over then
GAIN = 1.05

_fastest: dict[Path, str] = {}  # by the core's path


def race(
    names: Sequence[str], run: Callable[[str], object], clock: Callable[[], float] = time.perf_counter
) -> str:
    """The name whose *run* was done most often in the same time, in turns; "scalar" if there is none.

    The best turn of each counts, and turns are taken until none gets better: an engine compiles a function
    better once it has run for a while, and a busy machine takes some turns away.
    """
    if len(names) < 2:
        return names[0] if names else "scalar"
    rates = dict.fromkeys(names, 0.0)
    n_settled = 0
    for _ in range(MOST_ROUNDS):
        n_settled += 1
        for name in names:
            count, begin = 0, clock()
            while (passed := clock() - begin) < LEAP:
                run(name)
                count += 1
            if count / passed > GAIN * rates[name]:
                n_settled = 0
            rates[name] = max(rates[name], count / passed)
        if n_settled == SETTLED_ROUNDS:
            break
    return max(names, key=lambda name: rates[name])


class Library:
    """The opened core.

    Args:
        name: File name inside ``_core/`` of the build for this machine; ``$BITNET_CORE`` (a path) goes first.
    Raises:
        NoCore: It is not there, cannot be opened, or speaks another version of the interface.
    """

    def __init__(self, name: str) -> None:
        path = Path(os.environ.get("BITNET_CORE") or CORE_FOLDER / name)
        if not path.is_file():
            raise errors.NoCore(
                f"The core was not found at {path}: run `make build`, or point $BITNET_CORE at it."
            )
        try:
            self.calls: Any = ctypes.CDLL(str(path))
        except OSError as error:
            raise errors.NoCore(
                f"The core {path} cannot be opened ({error}): run `make build` again."
            ) from error
        for function, (result, arguments) in SIGNATURES.items():
            try:
                declared = getattr(self.calls, function)
            except AttributeError:
                raise errors.NoCore(f"The core {path} lacks {function}: run `make build` again.") from None
            declared.restype, declared.argtypes = result, arguments
        if (found := self.calls.bn_abi_version()) != ABI_VERSION:
            raise errors.NoCore(
                f"The core {path} has interface version {found}, but {ABI_VERSION} is needed: "
                "run `make build` again."
            )
        self.path = path
        self.version: str = self.calls.bn_version().decode()

    def kernels(self) -> list[str]:
        """Names of the kernel sets that this machine can run, best first; "scalar" is always among them."""
        names: list[str] = []
        while name := self.calls.bn_kernel_name(len(names)):
            names.append(name.decode())
        return names

    def fastest_kernel(self) -> str:
        """The winner of a short race, run once: only a clock tells how an engine translates a kernel."""
        if self.path not in _fastest:
            _fastest[self.path] = race([name for name in self.kernels() if name != "scalar"], self._spin)
        return _fastest[self.path]

    def _spin(self, kernel: str) -> None:
        self.calls.bn_kernel_spin(kernel.encode(), SPINS)

    def count_mismatches(self, kernel: str, seed: int, n_rounds: int) -> int:
        """How many results of *kernel* differ in any bit from its scalar twin, on seeded inputs."""
        count = c_size_t()
        status = self.calls.bn_kernel_check(kernel.encode(), seed, n_rounds, count)
        if status:
            raise self.exception(
                status, f"The kernel {kernel!r} cannot be checked: choose one of {self.kernels()}."
            )
        return count.value

    def exception(self, status: int, sentence: str) -> errors.BitNetError:
        """The one exception that stands for *status*, with the core's own sentence."""
        return exception(
            status, sentence or f"the core failed with {self.calls.bn_status_name(status).decode()}"
        )


def exception(status: int, sentence: str) -> errors.BitNetError:
    """The one exception that stands for *status*; *sentence* as the core writes it: no capital, no stop."""
    sentence = sentence[0].upper() + sentence[1:].removesuffix(".") + "."
    return EXCEPTIONS.get(status, errors.BitNetError)(sentence)
