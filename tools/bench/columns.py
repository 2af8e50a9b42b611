"""One place and one model, and the best of what they have given."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Figures = dict[str, Any]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class Column:
    """What is asked in every round, of one place and one model."""

    place: str
    version: str
    model: str | None
    measure: Callable[[], Figures] = dict
    figures: Figures = field(default_factory=dict)

    def run(self) -> None:
        clock = time.perf_counter()
        self.take(self.measure())
        say(f"{self.place}, {self.model or 'the machine'}: {time.perf_counter() - clock:.0f} s")

    def take(self, found: Figures) -> None:
        """Keep the best of what is measured more than once."""
        for name, value in found.items():
            if name in self.figures and name.endswith("_ms"):
                value = min(value, self.figures[name])
            elif name in self.figures and name.endswith("_per_s"):
                value = max(value, self.figures[name])
            self.figures[name] = value


def merged(columns: list[Column]) -> list[Column]:
    """One column for each place and model."""
    found: dict[tuple[str, str | None], Column] = {}
    for column in columns:
        found.setdefault((column.place, column.model), column).take(column.figures)
    return list(found.values())
