"""A ``bn_model``: a GGUF file that is pushed in as its bytes arrive, and never changes once it is ready."""

from __future__ import annotations

import ctypes
import json
import logging
import weakref
from collections.abc import Callable, Sequence
from ctypes import byref, c_int32, c_size_t, c_uint64, c_void_p
from types import TracebackType
from typing import Any

from bitnet.errors import BitNetError, NotReady
from bitnet.native.library import LOG_FUNCTION, Library
from bitnet.ranks import Ranks, Seat
from bitnet.records import KV_PRECISIONS, KvPrecision

logger = logging.getLogger("bitnet")
LOG_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)

ADD_SPECIAL, PARSE_SPECIAL = 1, 2
NO_LIMIT = 0
BUFFER_TOO_SMALL, EXCHANGE_FAILED = 8, 9
TENSORS_ARRIVE = 1
PIECE_BYTES = 256  # longer pieces are asked for a second time


def _write_log(_user: int | None, level: int, message: bytes) -> None:
    logger.log(LOG_LEVELS[min(max(level, 0), 3)], "%s", message.decode(errors="replace"))


_log = LOG_FUNCTION(_write_log)  # a module lives longer than every model that calls it


def _free_model(calls: Any, handle: int | None, ranks: Ranks | None) -> None:
    calls.bn_model_free(handle)
    if ranks is not None:
        ranks.close()


class NativeModel:
    """Owns one ``bn_model``; ``close`` (or leaving the ``with`` block) frees it, after its sessions.

    Args:
        file_bytes: Size of the whole file, 0 if unknown.
        kernel: One of ``library.kernels()``, None for the fastest.
        seat: Which rank this is, where there are several.
        ranks: Given to rank 0, which owns the others from then on.
        screened_head: Whether the output head may have a second, smaller form; see bn_model_set_head.
    Raises:
        BadArgument: There is no such kernel.
    """

    def __init__(
        self,
        library: Library,
        *,
        file_bytes: int = 0,
        kernel: str | None = None,
        screened_head: bool = True,
        seat: Seat | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.library, self.calls, self.ranks = library, library.calls, ranks
        seat = ranks.seat if ranks else seat or Seat(rank=0, n_ranks=1, exchange=0)
        handle = c_void_p()
        status = self.calls.bn_model_new(
            *(file_bytes, kernel.encode() if kernel else None, NO_LIMIT),
            *(seat.rank, seat.n_ranks, seat.exchange, seat.user),
            # What the others would say has been said by rank 0.
            *(LOG_FUNCTION(0) if seat.rank else _log, None, byref(handle)),
        )
        if status:
            known = ", ".join(library.kernels())
            raise library.exception(
                status, f"The core has no kernel set {kernel!r} here: choose one of {known}."
            )
        self.handle: int | None = handle.value
        self.n_ranks = seat.n_ranks
        self._free = weakref.finalize(self, _free_model, self.calls, handle.value, ranks)
        self._free.atexit = (
            False  # a process that ends frees all of it, and threads of ranks have ended before
        )
        self._piece = ctypes.create_string_buffer(PIECE_BYTES)
        self._where = c_void_p()
        self.set_head(screened=screened_head)

    def __enter__(self) -> NativeModel:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory; later calls raise NotReady. Closing twice is allowed."""
        self.handle = None
        self._free()

    def exception(self, status: int) -> BitNetError:
        if self.handle is None:
            return NotReady("The model has been closed: load it again.")
        return self.library.exception(status, self.calls.bn_model_error(self.handle).decode(errors="replace"))

    def on_all_ranks(
        self,
        call: str,
        arguments: Sequence[float],
        mine: Callable[[], int],
        failure: Callable[[int], BitNetError],
    ) -> None:
        """Make one call on every rank: *mine* makes it here, and *failure* says what its status means.

        Raises:
            BitNetError: *failure*'s, or another rank's where this one could not know better.
        """
        if self.ranks is None:
            if status := mine():
                raise failure(status)
            return
        self.ranks.begin(call, *arguments)
        status = -1  # until it is known
        try:
            status = mine()
        finally:
            theirs = self.ranks.end(failed=status != 0)
        if status not in (0, EXCHANGE_FAILED) or (status and theirs is None):
            raise failure(status)
        if theirs is not None:
            raise theirs

    def window(self) -> tuple[int, int]:
        """Address (unsigned) and number of bytes that may be written there next; (0, 0) after a failure."""
        if self.handle is None:
            raise self.exception(0)
        n_bytes = self.calls.bn_model_window(self.handle, byref(self._where))
        return self._where.value or 0, n_bytes

    def commit(self, n_bytes: int) -> None:
        """Say that *n_bytes* of the window have been written.

        Raises:
            BadFile, Unsupported, OutOfMemory: Final for this model.
        """
        if status := self.calls.bn_model_commit(self.handle, n_bytes):
            raise self.exception(status)

    def push(self, address: int, n_bytes: int) -> None:
        """The same in one step, with a copy: the next *n_bytes* of the file lie at *address*.

        Raises:
            BadFile, Unsupported, OutOfMemory: Final for this model.
        """
        if status := self.calls.bn_model_push(self.handle, address, n_bytes):
            raise self.exception(status)

    def skip(self, n_bytes: int) -> None:
        """The next *n_bytes* of the file will not come: they are another rank's."""
        if n_bytes and (status := self.calls.bn_model_skip(self.handle, n_bytes)):
            raise self.exception(status)

    def kept(self, rank: int) -> list[tuple[int, int]]:
        """Runs [begin, end) of the file that is arriving, in order: what *rank* keeps of its tensors."""
        capacity, count = 1024, c_size_t()
        while True:
            runs = (c_uint64 * (2 * capacity))()
            status = self.calls.bn_model_kept(self.handle, rank, runs, capacity, byref(count))
            if status != BUFFER_TOO_SMALL:
                break
            capacity = count.value
        if status:
            raise self.exception(status)
        edges = runs[: 2 * count.value]
        return list(zip(edges[::2], edges[1::2], strict=True))

    @property
    def tensors_arrive(self) -> bool:
        """Whether the header of this file is known, and its tensors follow."""
        return int(self.calls.bn_model_stage(self.handle)) == TENSORS_ARRIVE

    @property
    def knows_header(self) -> bool:
        """Whether the (first) header has arrived: from then on there is info, and sessions can be made."""
        return bool(self.calls.bn_model_info(self.handle))

    @property
    def parts_left(self) -> int:
        """How many files of a split model are still to come after this one; 0 before its header is known."""
        return int(self.calls.bn_model_parts_left(self.handle))

    def next_part(self, file_bytes: int) -> None:
        """Say that a file is complete, and that the next one follows: of *file_bytes*, 0 if unknown.

        Raises:
            BadFile: The file before was truncated.
        """
        self.on_all_ranks(
            "next_part", (), lambda: self.calls.bn_model_next_part(self.handle, file_bytes), self.exception
        )

    def set_head(self, *, screened: bool) -> None:
        """How the output head runs; see bn_model_set_head."""
        self.on_all_ranks(
            "set_head",
            (int(screened),),
            lambda: self.calls.bn_model_set_head(self.handle, screened),
            self.exception,
        )

    def finish(self) -> None:
        """No more bytes will come: the model is ready now, or BadFile says that it was truncated."""
        self.on_all_ranks("finish", (), lambda: self.calls.bn_model_finish(self.handle), self.exception)

    def info(self) -> dict[str, Any]:
        """What the header says, as the keys that ``bn_model_info`` in bitnet.h lists."""
        text = self.calls.bn_model_info(self.handle) if self.handle is not None else None
        if text is None:
            raise NotReady("The model's header has not been read yet: load the model first.")
        info: dict[str, Any] = json.loads(text.decode(errors="replace"))
        return info

    @property
    def n_vocab(self) -> int:
        return int(self.calls.bn_model_n_vocab(self.handle))

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Ids of *text*; lone surrogates become U+FFFD, as UTF-8 has no bytes for them."""
        data = text.encode("utf-8", errors="surrogatepass").decode("utf-8", errors="replace").encode()
        flags = ADD_SPECIAL * add_special | PARSE_SPECIAL * parse_special
        capacity, count = len(data) + 4, c_size_t()  # hardly ever more ids than bytes, BOS and EOS apart
        while True:
            ids = (c_int32 * capacity)()
            status = self.calls.bn_model_tokenize(
                self.handle, data, len(data), flags, ids, capacity, byref(count)
            )
            if status != BUFFER_TOO_SMALL:
                break
            capacity = count.value
        if status:
            raise self.exception(status)
        return list(ids[: count.value])

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that *token* stands for; a control token gives its name if *special*, else nothing."""
        size = self.calls.bn_model_piece(self.handle, token, special, self._piece, len(self._piece))
        if size > len(self._piece):
            self._piece = ctypes.create_string_buffer(size)
            self.calls.bn_model_piece(self.handle, token, special, self._piece, size)
        return ctypes.string_at(self._piece, size)

    def pieces(self, tokens: Sequence[int], *, special: bool = False) -> bytes:
        return b"".join(self.piece(token, special=special) for token in tokens)

    def is_end(self, token: int) -> bool:
        return bool(self.calls.bn_model_is_end(self.handle, token))

    def count_weights(self, tensor: int) -> tuple[int, int, int]:
        """How many weights of a ternary tensor, by its place in ``info()["tensors"]``, are -1, 0 and +1."""
        counts = (c_uint64 * 3)()
        self.on_all_ranks(
            "count_weights",
            (tensor,),
            lambda: self.calls.bn_model_count_weights(self.handle, tensor, counts),
            self.exception,
        )
        return counts[0], counts[1], counts[2]

    def session_bytes(self, n_ctx: int, kv: KvPrecision) -> int:
        """Memory that a session of *n_ctx* positions takes."""
        return int(self.calls.bn_session_bytes(self.handle, n_ctx, KV_PRECISIONS.index(kv)))
