"""The tokens of an answer as a person sees them: whole characters, and what else was likely in each place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bitnet.records import Token

#: Most alternatives of one place.
N_ALTERNATIVES = 8


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could stand in a place.

    *text* is "" where it is no text of its own: *name* says what it is then.
    """

    text: str
    probability: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A token, or the *n_tokens* that make up whole characters only together.

    *probability* is that of all of them, *alternatives* are those of the first one.
    """

    text: str
    probability: float
    alternatives: tuple[Alternative, ...] = ()
    n_tokens: int = 1


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is known of the tokens of the answer *entry*; *chosen*: the place whose alternatives are shown."""

    entry: int
    pieces: tuple[Piece, ...] = field(default=())
    chosen: int | None = None

    def with_piece(self, piece: Piece) -> Tokens:
        return replace(self, pieces=(*self.pieces, piece))

    def text(self, place: int | None = None) -> str:
        """The answer before a place; None: as far as its tokens are known."""
        return "".join(piece.text for piece in self.pieces[:place])


class Joiner:
    """Joins scored tokens to pieces.

    Args:
        name_of: Text of a control token, "" for every other one.
        bytes_of: The bytes of a token.
        drops_space: The tokenizer puts a space before a text, which is no part of it.
    """

    def __init__(
        self,
        name_of: Callable[[int], str],
        bytes_of: Callable[[int], bytes],
        *,
        drops_space: bool = False,
    ) -> None:
        self._name_of, self._bytes_of = name_of, bytes_of
        self._drops_space = drops_space
        self._waiting: list[Token] = []

    def push(self, token: Token) -> Piece | None:
        """The piece that *token* completes, if it does."""
        self._waiting.append(token)
        if not token.text:
            return None
        tokens, self._waiting = self._waiting, []
        logprob = sum(each.logprob or 0.0 for each in tokens)
        alternatives = self._alternatives(tokens[0].top or ())
        self._drops_space = False
        return Piece(token.text, math.exp(logprob), alternatives, len(tokens))

    def _alternatives(self, top: Sequence[tuple[int, float]]) -> tuple[Alternative, ...]:
        return tuple(self._alternative(token, math.exp(logprob)) for token, logprob in top)

    def _alternative(self, token: int, probability: float) -> Alternative:
        piece = self._bytes_of(token)
        try:
            text = piece.decode()
        except UnicodeDecodeError:
            return Alternative("", probability, f"part of a character: {piece.hex(' ').upper()}")
        if self._drops_space:
            text = text.removeprefix(" ")
        return Alternative(text, probability, "" if text else self._name_of(token) or "nothing")


# ---- Words for them ----

MARKS = {"\n": "↵", "\r": "↵", "\t": "⇥"}
WORDS = {"\n": "line break", "\r": "line break", "\t": "tab", " ": "space"}


def marked(text: str, space: str = " ") -> str:
    """*text* with marks for what cannot be seen."""
    marks = {**MARKS, " ": space}
    return "".join(marks.get(c) or (c if c.isprintable() else f"U+{ord(c):04X}") for c in text)


def spoken(text: str) -> str:
    """*text* as a screen reader should say it."""
    if text.strip():
        return marked(text.strip())
    return ", ".join(WORDS.get(c, marked(c)) for c in text)


def percent(probability: float) -> str:
    if probability < 0.001:
        return "under 0.1%"
    return f"{100 * probability:.1f}%" if probability < 0.1 else f"{100 * probability:.0f}%"


def shade(probability: float) -> int:
    """How strongly a token is shaded, from 0 (likely) to 4 (unlikely)."""
    return sum(probability < limit for limit in (0.9, 0.5, 0.2, 0.05))
