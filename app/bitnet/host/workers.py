"""Ranks as workers of a browser: Python's side of web/ranks.js."""

from __future__ import annotations

from typing import Any

import js
import pyodide_js
from pyodide.ffi import JsException

from bitnet.errors import BitNetError, ExchangeFailed
from bitnet.native.library import exception
from bitnet.ranks import Cores, Seat

MOST_RANKS = 64  # more than that wait for each other rather than compute
USUAL_RANKS = 4  # leaves a large machine to its other programs; memory is what limits by then


def worker_cores(maker: Any) -> Cores:
    """What a browser gives; *maker* is that of ``ranksFrom`` in web/ranks.js, None where there is none."""
    if maker is None:
        return Cores(why="this page does not bring ranks.js along")
    if getattr(js, "document", None):
        return Cores(why="Python runs in the page itself instead of a worker, where it must not wait")
    usual = min(int(js.navigator.hardwareConcurrency), USUAL_RANKS)
    if not getattr(js, "crossOriginIsolated", False):
        why = "this page is not cross-origin isolated, which memory shared between cores needs"
        return Cores(why=why, once_isolated=usual)
    return Cores(most=MOST_RANKS, usual=usual)


class WorkerRanks:
    """``Ranks`` in a browser: what has to be fast is JavaScript."""

    def __init__(self, ranks: Any, n_ranks: int) -> None:
        self._ranks = ranks
        self.seat = Seat(rank=0, n_ranks=n_ranks, exchange=int(ranks.exchange))

    @classmethod
    async def start(cls, maker: Any, n_ranks: int, instructions: str, kernel: str | None) -> WorkerRanks:
        """Start them with the build of the core for *instructions*, "relaxed" or "simd128".

        Raises:
            ExchangeFailed: A worker cannot be started.
        """
        try:
            ranks = maker.make(pyodide_js._module, n_ranks)
            try:
                await ranks.start(instructions, kernel or "")
            except BaseException:  # also when the load was cancelled
                ranks.close()
                raise
        except JsException as error:
            raise ExchangeFailed(
                f"{n_ranks} cores cannot be used ({str(error).removeprefix('Error: ')}): choose 1."
            ) from None
        return cls(ranks, n_ranks)

    async def push(self, rank: int, offset: int, address: int, n_bytes: int) -> None:
        if failure := await self._ranks.push(rank, offset, address, n_bytes):
            raise exception(*failure)

    def begin(self, call: str, *arguments: float) -> None:
        self._ranks.begin(call, *arguments)

    def end(self, *, failed: bool) -> BitNetError | None:
        failure = self._ranks.end(failed)
        return exception(*failure) if failure else None

    def close(self) -> None:
        self._ranks.close()
