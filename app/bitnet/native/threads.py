"""Ranks as threads of this process, for CPython: one for each rank above 0.

The threads are Python's, since a call of ctypes gives the interpreter up for as long as it takes. What has to
be fast, waiting for each other within a call, is C (wasm/native/ranks.cpp).
"""

from __future__ import annotations

import ctypes
from concurrent.futures import Future, ThreadPoolExecutor
from ctypes import c_size_t, c_uint32, c_void_p

from bitnet.errors import BitNetError, ExchangeFailed, OutOfMemory
from bitnet.native.library import Library
from bitnet.native.peer import Peer
from bitnet.ranks import Seat

SIGNATURES = {
    "bn_ranks_new": (c_void_p, (c_uint32,)),
    "bn_ranks_free": (None, (c_void_p,)),
    "bn_ranks_seat": (c_void_p, (c_void_p, c_uint32)),
    "bn_ranks_exchange": (ctypes.c_int32, (c_void_p, c_void_p, c_size_t, c_size_t, c_size_t, c_size_t)),
    "bn_ranks_abort": (None, (c_void_p,)),
    "bn_ranks_reset": (None, (c_void_p,)),
}


class ThreadRanks:
    """``Ranks`` natively.

    Raises:
        BadArgument: There is no such kernel.
    """

    def __init__(self, core: str, n_ranks: int, kernel: str | None) -> None:
        library = Library(core)
        self._calls = library.calls
        for function, (result, arguments) in SIGNATURES.items():
            declared = getattr(self._calls, function)
            declared.restype, declared.argtypes = result, arguments
        self._handle: int | None = self._calls.bn_ranks_new(n_ranks)
        if self._handle is None:
            raise OutOfMemory(f"There is no memory for {n_ranks} ranks: give fewer.")
        exchange = ctypes.cast(self._calls.bn_ranks_exchange, c_void_p).value or 0
        seats = [
            Seat(rank, n_ranks, exchange, self._calls.bn_ranks_seat(self._handle, rank))
            for rank in range(n_ranks)
        ]
        self.seat = seats[0]
        self._threads = [ThreadPoolExecutor(1, f"bitnet-rank-{seat.rank}") for seat in seats[1:]]
        self._peers: list[Peer] = []
        self._running: list[Future[None]] = []
        try:
            self._peers += [Peer(library, seat, kernel) for seat in seats[1:]]
        except BitNetError:
            self.close()
            raise

    async def push(self, rank: int, offset: int, address: int, n_bytes: int) -> None:
        self._peers[rank - 1].push(offset, address, n_bytes)  # a copy in memory: not worth a thread

    def begin(self, call: str, *arguments: float) -> None:
        if self._handle is None:
            return
        self._calls.bn_ranks_reset(self._handle)
        self._running = [
            thread.submit(self._make, peer, call, arguments)
            for thread, peer in zip(self._threads, self._peers, strict=True)
        ]

    def _make(self, peer: Peer, call: str, arguments: tuple[float, ...]) -> None:
        try:
            getattr(peer, call)(*arguments)
        except BaseException:
            self._calls.bn_ranks_abort(self._handle)
            raise

    def end(self, *, failed: bool) -> BitNetError | None:
        if failed and self._handle is not None:
            self._calls.bn_ranks_abort(self._handle)
        failures = [error for future in self._running if (error := future.exception())]
        self._running = []
        for error in failures:
            if not isinstance(error, BitNetError):
                raise error
        told = [error for error in failures if isinstance(error, BitNetError)]
        causes = [error for error in told if not isinstance(error, ExchangeFailed)]
        return next(iter(causes or told), None)

    def close(self) -> None:
        if self._handle is None:
            return
        for thread in self._threads:
            thread.shutdown()
        for peer in self._peers:
            peer.close()
        self._calls.bn_ranks_free(self._handle)
        self._handle = None
