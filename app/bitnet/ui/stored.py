"""What the page says of the models that are stored, and of the room for more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from bitnet.ui import amounts

Check = Literal["verified", "unverified", "damaged"]


@dataclass(frozen=True, slots=True)
class StoredCard:
    """A stored model. *url* is where it comes from; *check* says whether its SHA-256 is what it should be.

    *checked_bytes* is how many have been read for that, None where nobody is reading.
    """

    key: str
    title: str
    url: str
    received_bytes: int
    total_bytes: int | None
    complete: bool
    check: Check = "unverified"
    #: Whether it is known what its SHA-256 should be.
    checkable: bool = False
    checked_bytes: int | None = None
    used: str = ""

    @property
    def amount(self) -> str:
        if self.complete:
            return amounts.size(self.received_bytes)
        return f"{amounts.share(self.received_bytes, self.total_bytes)} are here"

    def line(self) -> str:
        """What stands under the title."""
        parts = [self.amount]
        if self.checked_bytes is not None:
            done = 100 * self.checked_bytes // max(1, self.received_bytes)
            parts.append(f"being verified: {done} %")
        elif self.check == "damaged":
            parts.append("damaged: not what its source publishes; repair it, or delete it")
        elif self.complete:
            words = "not verified yet" if self.checkable else "no hash is known to verify it by"
            parts.append("verified" if self.check == "verified" else words)
        return " · ".join([*parts, *([f"used {self.used}"] if self.used else [])])


@dataclass(frozen=True, slots=True)
class Shelf:
    """All of them. *why_none*: the sentence about what is lost where nothing can be stored.

    *deleting*: the key of the one that is to be deleted, once the visitor has said so again.
    """

    cards: tuple[StoredCard, ...] = ()
    used_bytes: int | None = None
    free_bytes: int | None = None
    why_none: str = ""
    deleting: str = ""

    def card(self, key: str) -> StoredCard | None:
        return next((card for card in self.cards if card.key == key), None)

    def with_check(self, key: str, checked_bytes: int | None) -> Shelf:
        """While *key* is being verified."""
        cards = (
            replace(card, checked_bytes=checked_bytes) if card.key == key else card for card in self.cards
        )
        return replace(self, cards=tuple(cards))

    def line(self) -> str:
        """How much is stored, and how much room is left."""
        if self.why_none:
            return self.why_none
        taken = sum(card.received_bytes for card in self.cards)
        parts = [
            f"{amounts.size(taken)} in {_count(len(self.cards))}" if self.cards else "Nothing is stored yet"
        ]
        if self.free_bytes is not None:
            parts.append(f"room for {amounts.size(self.free_bytes)} more")
        return f"{', '.join(parts)}."


def _count(n_models: int) -> str:
    return f"{n_models} stored model" + ("" if n_models == 1 else "s")
