"""A model's file handed out to its ranks: each gets the header, and of the tensors what it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bitnet.host import Body
from bitnet.host.memory import address_of
from bitnet.native import NativeModel
from bitnet.ranks import Ranks

CHUNK_BYTES = 4 << 20  # of the file in memory here at a time


class Shares:
    """Reads one file after the other into a buffer, and gives every rank its share of it."""

    def __init__(self, model: NativeModel, ranks: Ranks) -> None:
        self._model, self._ranks = model, ranks
        self._buffer = bytearray(CHUNK_BYTES)
        self._address = address_of(self._buffer)
        self.begin_file()

    def begin_file(self) -> None:
        self._position = 0
        self._own_position = 0  # up to which rank 0 has been given bytes
        self._kept: list[list[tuple[int, int]]] = []  # by rank, once the header is known

    async def take(self, body: Body) -> int:
        """Hand out the next bytes of *body*; returns how many there were.

        Raises:
            FetchError, BadFile, Unsupported, OutOfMemory: Of this rank or of another one.
        """
        n_bytes = await body.read_into(self._address, CHUNK_BYTES)
        begin, end = self._position, self._position + n_bytes
        for rank in range(self._model.n_ranks):
            runs = self._kept[rank] if self._kept else [(begin, end)]
            for first, last in overlaps(runs, begin, end):
                await self._give(rank, first, self._address + first - begin, last - first)
        if not self._kept and self._model.tensors_arrive:
            self._kept = [self._model.kept(rank) for rank in range(self._model.n_ranks)]
        self._position = end
        return n_bytes

    async def _give(self, rank: int, offset: int, address: int, n_bytes: int) -> None:
        if rank > 0:
            await self._ranks.push(rank, offset, address, n_bytes)
            return
        self._model.skip(offset - self._own_position)
        self._model.push(address, n_bytes)
        self._own_position = offset + n_bytes


def overlaps(runs: Iterable[tuple[int, int]], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """What of each run lies in [begin, end)."""
    for first, last in runs:
        if first < end and begin < last:
            yield max(first, begin), min(last, end)
