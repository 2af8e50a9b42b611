"""The ranks of one model: each holds a part of every matrix, and all of them make the same calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bitnet.errors import BitNetError

#: A model in a smaller file is done with a token before other ranks have been woken up for it.
SMALL_FILE_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Cores:
    """What a platform gives to the ranks of a model.

    At most *most* ranks; *usual* of them for a large model where nobody chooses. *why* says why there is no
    more than one, "" where there can be more. *once_isolated* is what would be usual if the page of a browser
    were cross-origin isolated, 0 where that is not what is missing.
    """

    most: int = 1
    usual: int = 1
    why: str = ""
    once_isolated: int = 0

    def usual_for(self, file_bytes: int | None) -> int:
        """How many ranks a model gets where nobody chooses."""
        return 1 if file_bytes is not None and file_bytes < SMALL_FILE_BYTES else self.usual


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of one rank: *exchange* is the address of a ``bn_exchange_fn``, *user* its first argument."""

    rank: int
    n_ranks: int
    exchange: int
    user: int = 0


class Ranks(Protocol):
    """The other ranks, seen from rank 0, which receives the file and decides what is called.

    Whatever can reach the exchange is called on every rank: ``begin`` lets the others start, then rank 0
    makes its own call, and ``end`` waits for theirs. A failure of one ends the exchanges of all.
    """

    #: Of rank 0.
    seat: Seat

    async def push(self, rank: int, offset: int, address: int, n_bytes: int) -> None:
        """Give a rank bytes of the file, from *offset* on; they lie at *address*. Those before will not come.

        Raises:
            BitNetError: What this rank has made of earlier bytes.
        """

    def begin(self, call: str, *arguments: float) -> None:
        """Let the other ranks make *call*: a method of ``native.peer.Peer``, and its arguments."""

    def end(self, *, failed: bool) -> BitNetError | None:
        """Wait until they have made it; *failed* says that rank 0 has not.

        Returns:
            What went wrong with them; of several failures the one that led to the others.
        """

    def close(self) -> None:
        """End the other ranks and free their memory; later calls do nothing."""
