"""What a chat template may use up: an allowance of work, and behind it a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any

import jinja2

# Prices are in characters, by the time that things take: the whole allowance lasts for some two seconds. Long
# conversations take a hundredth of it.
ALLOWANCE = 1 << 25
NODE, TURN, ITEM, CALL = 1 << 3, 1 << 5, 1 << 4, 1 << 8
#: The clock ends what costs more time than its price says, or runs on a slow machine. It is read rarely.
MOST_SECONDS = 5.0
READ_CLOCK_EVERY = 1 << 14

MOST_CHARACTERS = 1 << 20  # of one text: as much as the longest prompts
MOST_BITS = 4096  # of one number
LONGEST_PART = 256  # of what is stripped, or looked for from the end
#: Keys of one dictionary that are not texts: hashes of texts are secret, numbers can be chosen to collide.
MOST_OTHER_KEYS = 256


class TooMuch(jinja2.TemplateError):
    """The template has used up its allowance, or asks for something huge."""


class Allowance:
    """Whoever makes or walks over a value pays for it here.

    Args:
        clock: Gives the seconds that have passed since some moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.refill()

    def refill(self) -> None:
        """Begin a new rendering with the whole allowance."""
        self._left = self._read_clock_at = ALLOWANCE
        self._deadline = self._clock() + MOST_SECONDS

    def spend(self, price: int) -> None:
        self._left -= price
        if self._left < self._read_clock_at:
            self._check()

    def _check(self) -> None:
        if self._left < 0:
            raise TooMuch("it works without end or makes too much")
        if self._clock() > self._deadline:
            raise TooMuch(f"it works without end: for more than {MOST_SECONDS:g} seconds")
        self._read_clock_at = max(self._left - READ_CLOCK_EVERY, 0)

    def pay(self, value: Any) -> None:
        """Pay for *value* by its size; what it holds twice is paid twice, as it would be written."""
        if isinstance(value, str):
            self.spend(checked(len(value)))
        elif isinstance(value, Mapping):
            for key in checked_keys(value):
                self.pay(key)
                self.pay(value[key])
        elif isinstance(value, list | tuple | KeysView | ValuesView | ItemsView):
            for item in value:
                self.pay(item)
        elif isinstance(value, range):
            self.spend(ITEM * len(value))
        elif isinstance(value, int):
            if (n_bits := value.bit_length()) > MOST_BITS:
                raise TooMuch("it makes a number that is too large")
            self.spend(n_bits)
        self.spend(ITEM)

    def pay_product(self, text: str, part: Any) -> None:
        """Pay for comparing every character of *text* with every one of *part*."""
        if isinstance(part, str):
            if len(part) > LONGEST_PART:
                raise TooMuch(f"it looks for more than {LONGEST_PART} characters from the end of a text")
            self.spend(len(text) * len(part) >> 4)

    def steps(self, items: Iterable[Any], price: int = TURN) -> Iterator[Any]:
        """*items*, each of which is paid when it is asked for."""
        price = max(TURN, price)  # whatever a template says that knows the filter of this name
        for item in items:
            self.spend(price)
            yield item


def checked(n_characters: int) -> int:
    if n_characters > MOST_CHARACTERS:
        raise TooMuch(f"it makes a text of more than {MOST_CHARACTERS:,} characters")
    return n_characters


def checked_keys(keys: Iterable[Any]) -> Iterator[Any]:
    """*keys*, which a dictionary may have; colliding ones take time by the square of their number."""
    n_others = 0
    for key in keys:
        n_others += not isinstance(key, str)
        if n_others > MOST_OTHER_KEYS:
            raise TooMuch(f"it looks up by more than {MOST_OTHER_KEYS} keys that are not text")
        yield key
