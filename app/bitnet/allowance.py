"""What a chat template may use up: an allowance of work, and behind it a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any

import jinja2
from jinja2.utils import Cycler, Joiner, Namespace

# Prices are in characters, by the time that things take: the whole allowance lasts for some two seconds. Long
# conversations take a hundredth of it.
ALLOWANCE = 1 << 25
NODE, TURN, ITEM, CALL = 1 << 3, 1 << 5, 1 << 4, 1 << 8
#: The clock ends what costs more time than its price says, or runs on a slow machine. It is read rarely.
MOST_SECONDS = 5.0
READ_CLOCK_EVERY = 1 << 14

MOST_CHARACTERS = 1 << 20  # of one text: as much as the longest prompts
MOST_BITS = 4096  # of one number
DEEPEST_VALUE = 100  # lists within lists
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

    def pay(self, value: Any, depth: int = 0) -> None:
        """Pay for *value* by its size; what it holds twice is paid twice, as it would be written.

        Only what can be looked into is a value: macros, loops and methods could hold each other thousands
        deep, and freeing them would overflow the stack.
        """
        if depth > DEEPEST_VALUE:
            raise TooMuch(f"it nests values more than {DEEPEST_VALUE} deep")
        if isinstance(value, str):
            self.spend(checked(len(value)))
        elif isinstance(value, Mapping):
            for key in checked_keys(value):
                self.pay(key, depth + 1)
                self.pay(value[key], depth + 1)
        elif (parts := _parts(value)) is not None:
            for part in parts:
                self.pay(part, depth + 1)
        elif isinstance(value, range):
            self.spend(ITEM * len(value))
        elif isinstance(value, int):
            self.spend(checked_bits(value.bit_length()))
        elif not isinstance(value, float | jinja2.Undefined | None):
            raise TooMuch(f"it uses a {type(value).__name__} as a value")
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


def _parts(value: Any) -> Iterable[Any] | None:
    """What *value* holds, None if it is no container."""
    if isinstance(value, list | tuple | KeysView | ValuesView | ItemsView):
        return value
    if isinstance(value, slice):
        return value.start, value.stop, value.step
    if isinstance(value, Namespace):
        return value._Namespace__attrs.values()  # type: ignore[no-any-return]
    if isinstance(value, Cycler):
        return value.items
    return (value.sep,) if isinstance(value, Joiner) else None


def checked(n_characters: int) -> int:
    if n_characters > MOST_CHARACTERS:
        raise TooMuch(f"it makes a text of more than {MOST_CHARACTERS:,} characters")
    return n_characters


def checked_bits(n_bits: float) -> int:
    if n_bits > MOST_BITS:
        raise TooMuch("it makes a number that is too large")
    return int(n_bits)


def checked_keys(keys: Iterable[Any]) -> Iterator[Any]:
    """*keys*, which a dictionary may have; colliding ones take time by the square of their number."""
    n_others = 0
    for key in keys:
        n_others += not isinstance(key, str)
        if n_others > MOST_OTHER_KEYS:
            raise TooMuch(f"it looks up by more than {MOST_OTHER_KEYS} keys that are not text")
        yield key
