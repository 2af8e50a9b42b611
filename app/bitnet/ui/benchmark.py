"""What the benchmark has found of the model in use: frozen data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bitnet.bench import Speed


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """*speeds* of the model *model*, also of earlier runs with other numbers of cores.

    *running*: tokens that have been run, and all; None while nothing is measured. *conditions* under which
    the last run was made.
    """

    model: str
    conditions: Mapping[str, Any]
    speeds: tuple[Speed, ...] = ()
    running: tuple[int, int] | None = None
    is_open: bool = True
    problem: str = ""

    def with_speeds(self, speeds: Iterable[Speed]) -> Benchmark:
        """Those of a run, in place of earlier ones with as many cores."""
        new = tuple(speeds)
        n_ranks = {each.n_ranks for each in new}
        kept = (each for each in self.speeds if each.n_ranks not in n_ranks)
        found = sorted((*kept, *new), key=lambda each: (each.n_ranks, each.context))
        return replace(self, speeds=tuple(found))

    def to_json(self) -> str:
        speeds = [each.to_json() for each in self.speeds]
        return json.dumps({"version": 1, "model": self.model, **self.conditions, "speeds": speeds}, indent=1)
