"""A ``bn_session``: KV cache, position, logits and sampler of one conversation."""

from __future__ import annotations

import ctypes
import itertools
import struct
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ctypes import byref, c_float, c_int32, c_size_t, c_ubyte, c_uint64, c_void_p
from enum import IntFlag
from typing import Any, Literal, TypeAlias

from bitnet.errors import BadArgument, BitNetError, NotReady
from bitnet.native.library import TAP_FUNCTION
from bitnet.native.model import NativeModel
from bitnet.records import KV_PRECISIONS, MEMORY_PARTS, KvPrecision

#: Called with an intermediate result: name, layer (-1: none), place in the batch, and a copy of its numbers.
Receiver: TypeAlias = "Callable[[str, int, int, memoryview[Any]], object]"

NOT_READY = 6
_numbers = itertools.count()  # by which all ranks know a session

TAP_FORMATS: tuple[Literal["f", "b", "i"], ...] = ("f", "b", "i")  # by BN_F32, BN_I8, BN_I32


class Parts(IntFlag):
    """What a benchmark runs of a token."""

    LAYER_MATRICES = 1
    ATTENTION = 2
    HEAD = 4
    ALL = 7


class NativeSession:
    """Owns one ``bn_session`` of *n_ctx* positions (0: as many as the model was trained with).

    Args:
        kv: The precision of the KV cache.
    Raises:
        OutOfMemory: The KV cache does not fit.
        BadArgument: *n_ctx* is above what the model was trained with.
    """

    def __init__(self, model: NativeModel, n_ctx: int = 0, kv: KvPrecision = "f16") -> None:
        self.model, self.calls = model, model.calls
        _check_int32("context_length", n_ctx)
        handle, self._number, precision = c_void_p(), next(_numbers), KV_PRECISIONS.index(kv)
        try:
            model.on_all_ranks(
                "session_new",
                (self._number, n_ctx, precision),
                lambda: self.calls.bn_session_new(model.handle, n_ctx, precision, byref(handle)),
                model.exception,
            )
        except BaseException:
            _free_session(model, self._number, handle.value)  # where it could be made
            raise
        self.handle: int | None = handle.value
        # The model is an argument too, so that it cannot be freed before its session.
        self._free = weakref.finalize(self, _free_session, model, self._number, handle.value)
        self._free.atexit = False
        self.capacity = int(self.calls.bn_session_capacity(self.handle))
        self.n_vocab = model.n_vocab
        # Reused for every token, so that a step costs no allocation here either.
        self._token, self._logprob, self._count = c_int32(), c_float(), c_size_t()

    def close(self) -> None:
        """Free the memory; later calls raise NotReady. Closing twice is allowed."""
        self.handle = None
        self._free()

    def exception(self, status: int) -> BitNetError:
        if self.handle is None:
            return NotReady("The model has been closed: load it again.")
        sentence = self.calls.bn_session_error(self.handle).decode(errors="replace")
        return self.model.library.exception(status, sentence)

    def _call(self, call: str, mine: Callable[[], int], *arguments: float) -> None:
        """Make a call that may reach the exchange on every rank."""
        if self.handle is None:
            raise self.exception(NOT_READY)
        self.model.on_all_ranks(call, (self._number, *arguments), mine, self.exception)

    @property
    def position(self) -> int:
        return int(self.calls.bn_session_position(self.handle))

    def rewind(self, n_positions: int) -> None:
        """Forget every position from *n_positions* on; the logits become invalid."""
        self._call("rewind", lambda: self.calls.bn_session_rewind(self.handle, n_positions), n_positions)

    def chunk_bytes(self, n_positions: int, index: int) -> int:
        """Size of a chunk of the saved session with *n_positions*; 0 past the last one."""
        if self.handle is None:
            raise self.exception(NOT_READY)
        return int(self.calls.bn_session_chunk_bytes(self.handle, n_positions, index))

    def save(self, n_positions: int, index: int, chunk: bytearray) -> None:
        """Write a chunk of the first *n_positions* to *chunk*, which has its size."""
        address = (c_ubyte * len(chunk)).from_buffer(chunk)
        self._call(
            "save",
            lambda: self.calls.bn_session_save(self.handle, n_positions, index, address, len(chunk)),
            *(n_positions, index, len(chunk)),
        )

    def restore(self, index: int, chunk: bytearray) -> None:
        """Take a chunk; the first one makes the session forget what it had. *chunk* is overwritten.

        Raises:
            BadFile: It is damaged.
            Unsupported: It belongs to another model, or to another precision of the KV cache.
            ContextFull: There are more positions than this session has.
        """
        address = (c_ubyte * len(chunk)).from_buffer(chunk)
        self._call(
            "restore",
            lambda: self.calls.bn_session_restore(self.handle, index, address, len(chunk)),
            *(index, len(chunk)),
        )

    @property
    def restoring(self) -> int:
        """Positions of the session whose chunks are arriving: known after the first, 0 after the last."""
        return int(self.calls.bn_session_restoring(self.handle))

    @property
    def tokens(self) -> list[int]:
        """The ids in the KV cache."""
        return list(self.calls.bn_session_tokens(self.handle)[: self.position])

    def prefill(self, tokens: Sequence[int], *, want_logits: bool) -> None:
        """Run *tokens* from the current position on; logits only of the last one, and only if wanted.

        Raises:
            ContextFull: Fewer positions are left; nothing has changed.
            BadArgument: An id outside the vocabulary.
        """
        ids = (c_int32 * len(tokens))(*tokens)
        self._call(
            "prefill",
            lambda: self.calls.bn_session_prefill(self.handle, ids, len(tokens), want_logits),
            *(int(want_logits), *tokens),
        )

    def decode(self, token: int) -> None:
        """One step of the model: one token in, logits out."""
        self._call("decode", lambda: self.calls.bn_session_decode(self.handle, token), token)

    def logits(self) -> memoryview[float]:
        """float32, shape ``(n_vocab,)``, not normalised: a view of the core's memory until the next step."""
        address: int | None = None

        def mine() -> int:
            nonlocal address
            address = self.calls.bn_session_logits(self.handle)
            return int(self.calls.bn_session_status(self.handle))

        if self.handle is None:
            raise self.exception(NOT_READY)
        self.model.on_all_ranks("logits", (self._number,), mine, self.exception)
        return memoryview((c_float * self.n_vocab).from_address(address or 0)).cast("B").cast("f")

    def set_sampling(
        self,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repeat_penalty: float,
        repeat_last_n: int,
        seed: int,
    ) -> None:
        _check_int32("top_k", top_k)
        _check_int32("repeat_last_n", repeat_last_n)
        settings = (temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, seed)
        self._call(
            "set_sampling", lambda: self.calls.bn_session_set_sampling(self.handle, *settings), *settings
        )

    def sample(self) -> int:
        """Choose the next token from the current logits; the model does not move."""
        self._call("sample", lambda: self.calls.bn_session_sample(self.handle, byref(self._token)))
        return self._token.value

    @property
    def n_scored(self) -> int:
        """Rows of the output head that the last ``sample`` computed exactly: few where most are screened."""
        return int(self.calls.bn_session_scored(self.handle))

    def logprob(self, token: int) -> float:
        """Natural logarithm of the probability of *token*, before any sampling setting."""
        self._call(
            "logprob",
            lambda: self.calls.bn_session_logprob(self.handle, token, byref(self._logprob)),
            token,
        )
        return self._logprob.value

    def top(self, k: int) -> tuple[tuple[int, float], ...]:
        """The *k* most probable tokens with their logprobs, best first."""
        ids, logprobs = (c_int32 * k)(), (c_float * k)()
        self._call(
            "top",
            lambda: self.calls.bn_session_top(self.handle, k, ids, logprobs, byref(self._count)),
            k,
        )
        return tuple(zip(ids[: self._count.value], logprobs[: self._count.value], strict=True))

    @contextmanager
    def tap(self, receive: Receiver) -> Iterator[None]:
        """Inside the block, show *receive* every intermediate result of prefill and decode; see bn_tap_fn.

        What *receive* raises cannot pass through the core: the first of it is raised when the block ends.
        """
        failures: list[Exception] = []

        def call(
            _user: int | None, name: bytes, layer: int, token: int, kind: int, address: int, n: int
        ) -> None:
            code = TAP_FORMATS[kind]
            data = ctypes.string_at(address, n * struct.calcsize(code))
            try:
                receive(name.decode(), layer, token, memoryview(data).cast(code))
            except Exception as error:
                failures.append(error)

        function = TAP_FUNCTION(call)  # this frame owns it; the core forgets it before the frame ends
        if status := self.calls.bn_session_set_tap(self.handle, function, None):
            raise self.exception(status)
        try:
            yield
        finally:
            self.calls.bn_session_set_tap(self.handle, TAP_FUNCTION(0), None)
        if failures:
            raise failures[0]

    def memory(self) -> list[list[int]]:
        """Bytes that the model and this session take, of each rank in the order of ``MEMORY_PARTS``."""
        n_ranks, n_parts = self.model.n_ranks, len(MEMORY_PARTS)
        numbers = (c_uint64 * (n_ranks * n_parts))()
        self._call("memory", lambda: self.calls.bn_session_memory(self.handle, numbers))
        return [numbers[rank * n_parts : (rank + 1) * n_parts] for rank in range(n_ranks)]

    def run_kernels(self, parts: Parts) -> None:
        """Run only kernels of one decoded token, for benchmarks; nothing but the logits changes."""
        if status := self.calls.bn_session_run_kernels(self.handle, parts):
            raise self.exception(status)


def _check_int32(name: str, number: int) -> None:
    """Refuse what ctypes would cut to 32 bits without a word."""
    if not -(1 << 31) <= number < 1 << 31:
        raise BadArgument(f"{name}={number} is no sensible number: give one of at most nine digits.")


def _free_session(model: NativeModel, number: int, handle: int | None) -> None:
    def mine() -> int:
        model.calls.bn_session_free(handle)
        return 0

    with suppress(BitNetError):  # a rank that is gone has freed it already
        model.on_all_ranks("session_free", (number,), mine, model.exception)
