"""Bytes of tokens to text: cut at UTF-8 boundaries, and ended by a stop string that never leaks."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Turns pieces into text as soon as it is certain.

    Bytes of an incomplete UTF-8 sequence wait for the rest; bytes that can never be UTF-8 become U+FFFD. Text
    that may be the beginning of a stop string waits until the next pieces decide.

    Args:
        stop: Strings that end the text; they are not part of it. Empty ones are ignored.
        drop_space: Leave a space out if it comes first: some tokenizers put one before every text.
    """

    def __init__(self, stop: Sequence[str] = (), *, drop_space: bool = False) -> None:
        self.text = ""  # all that has been handed out
        self.stopped = False
        self._stop = tuple(string for string in stop if string)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._drop_space = drop_space

    def push(self, piece: bytes) -> str:
        """The text that *piece* makes certain, often "" or more than its own."""
        return self._advance(self._decoder.decode(piece))

    def finish(self) -> str:
        """No more pieces: what was held back, with U+FFFD for an incomplete sequence."""
        text = self._advance(self._decoder.decode(b"", final=True))
        if not self.stopped:
            text += self._held
            self.text += self._held
        self._held = ""
        return text

    def _advance(self, decoded: str) -> str:
        if self.stopped:
            return ""
        if self._drop_space and decoded:
            decoded, self._drop_space = decoded.removeprefix(" "), False
        if not self._stop:
            self.text += decoded
            return decoded
        pending = self._held + decoded
        found = [at for string in self._stop if (at := pending.find(string)) >= 0]
        if found:
            self.stopped, certain, self._held = True, pending[: min(found)], ""
        else:
            cut = len(pending) - self._undecided(pending)
            certain, self._held = pending[:cut], pending[cut:]
        self.text += certain
        return certain

    def _undecided(self, pending: str) -> int:
        """Length of the longest end of *pending* that a stop string begins with."""
        longest = max(len(string) for string in self._stop) - 1
        for length in range(min(longest, len(pending)), 0, -1):
            if any(string.startswith(pending[-length:]) for string in self._stop):
                return length
        return 0
