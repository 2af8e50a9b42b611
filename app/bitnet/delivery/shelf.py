"""All stored models: which there are, how much room they take, whether they are what they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bitnet.delivery.origin import Origin
from bitnet.host import Files, Host, Room


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored model, whole or in part.

    Attributes:
        key: Names it for the methods of ``Shelf``.
        url: Where it comes from; of a split model its first part.
        total_bytes: None where the server has not said.
        sha256: What it should have, "" where nobody has said, and for a split model.
        verified: Whether the SHA-256 of what is stored is that; None while it has not been checked.
        added_at, used_at: Seconds since 1970.
    """

    key: str
    title: str
    url: str
    received_bytes: int
    total_bytes: int | None
    complete: bool
    sha256: str
    verified: bool | None
    n_files: int
    added_at: float
    used_at: float


class Shelf:
    """Every method reads the storage anew: other tabs and programs work with it too."""

    def __init__(self, files: Files, host: Host) -> None:
        self._files, self._host = files, host

    async def stored(self) -> list[Stored]:
        """What is stored, used last first."""
        raise NotImplementedError

    async def find(self, origin: Origin) -> Stored | None:
        """The stored copy of *origin*, whole or in part."""
        raise NotImplementedError

    async def remove(self, key: str) -> None:
        """Delete a model.

        Raises:
            InUse: Another tab or program reads or writes it.
        """
        raise NotImplementedError

    async def verify(self, key: str, on_progress: Callable[[int], object] | None = None) -> bool | None:
        """Compare the SHA-256 of what is stored with what it should be, and remember the answer.

        Returns:
            None where nobody has said what it should be, or where the model is not complete.
        """
        raise NotImplementedError

    async def repair(self, key: str, *, headers: dict[str, str] | None = None) -> int:
        """Check every chunk of a model, and fetch those again that are not what they were.

        Returns:
            How many bytes were fetched.
        """
        raise NotImplementedError

    async def export(self, key: str) -> list[Any]:
        """The files of a model for use outside: paths, or a browser's Files."""
        raise NotImplementedError

    async def room(self) -> Room:
        """How much is stored, and how much more could be."""
        return await self._files.room()

    async def to_make_room(self, n_bytes: int) -> list[Stored]:
        """What to delete so that *n_bytes* more find room: used least recently first; [] if they fit."""
        raise NotImplementedError

    async def persist(self) -> bool:
        """Ask the platform not to clear the storage by itself."""
        return await self._files.persist()
