"""What the inspector shows of the model in use: frozen data, and what is looked for in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from bitnet.records import MEMORY_PARTS, ModelInfo, WeightCounts

#: Of the values of metadata: what is longer is folded.
SHORT_CHARACTERS = 80
#: What the engine's memory holds beside what the core accounts for.
REST = "rest"


@dataclass(frozen=True, slots=True)
class Row:
    """A tensor; *counts* where it is ternary and has been counted."""

    number: int
    name: str
    type: str
    shape: tuple[int, ...]
    n_bytes: int
    counts: WeightCounts | None = None

    @property
    def zero_share(self) -> float | None:
        return self.counts.zero / self.counts.n_weights if self.counts and self.counts.n_weights else None


def _natural(row: Row) -> list[tuple[int, str]]:
    """Sorts blk.2 before blk.10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", row.name)]


#: Columns of the table by which it can be sorted.
SORT_KEYS: Mapping[str, Callable[[Row], Any]] = {
    "name": _natural,
    "type": lambda row: row.type,
    "shape": lambda row: prod(row.shape),
    "size": lambda row: row.n_bytes,
    "zeros": lambda row: -1.0 if row.zero_share is None else row.zero_share,
}


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The tensors in the order of the file, or sorted *by* a column; *wanted* is part of a name or type."""

    rows: tuple[Row, ...]
    wanted: str = ""
    by: str = ""
    descending: bool = False

    @property
    def shown(self) -> list[Row]:
        wanted = self.wanted.strip().casefold()
        rows = [row for row in self.rows if wanted in row.name.casefold() or wanted in row.type.casefold()]
        if self.by:
            rows.sort(key=SORT_KEYS[self.by], reverse=self.descending)
        return rows

    def sorted_by(self, column: str) -> Table:
        """By a column: upwards, then downwards, then in the order of the file again."""
        if self.by != column:
            return replace(self, by=column, descending=False)
        return replace(self, by="") if self.descending else replace(self, descending=True)

    def with_counts(self, counts: Iterable[WeightCounts]) -> Table:
        found = {each.tensor: each for each in counts}
        return replace(self, rows=tuple(replace(row, counts=found.get(row.name)) for row in self.rows))


@dataclass(frozen=True, slots=True)
class Line:
    """An entry of the metadata; *n_items* of an array, whose items are not kept."""

    key: str
    type: str
    text: str
    n_items: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Metadata:
    """The entries in the order of the file; only those with *wanted* in key or value are shown."""

    lines: tuple[Line, ...]
    wanted: str = ""

    @property
    def shown(self) -> list[Line]:
        wanted = self.wanted.strip().casefold()
        return [
            line for line in self.lines if wanted in line.key.casefold() or wanted in line.text.casefold()
        ]


@dataclass(frozen=True, slots=True)
class Shares:
    """How a group of weights is spread over -1, 0 and +1."""

    group: str
    n_weights: int
    shares: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The ternary tensors: *n_tensors* of them, of which *counts* are known."""

    n_tensors: int
    counts: tuple[WeightCounts, ...] = ()
    counting: bool = False

    @property
    def complete(self) -> bool:
        return not self.counting and len(self.counts) == self.n_tensors

    def all(self) -> Shares:
        return self._spread({"": self.counts})[0]

    def by_layer(self) -> list[Shares]:
        return self._grouped(lambda each: "" if each.layer is None else str(each.layer))

    def by_matrix(self) -> list[Shares]:
        """Over all layers: those of attn_q, of attn_k and so on."""
        return self._grouped(lambda each: "" if each.layer is None else each.tensor.split(".")[2])

    def _grouped(self, group_of: Callable[[WeightCounts], str]) -> list[Shares]:
        groups: dict[str, list[WeightCounts]] = {}
        for each in self.counts:
            groups.setdefault(group_of(each) or each.tensor.removesuffix(".weight"), []).append(each)
        return self._spread(groups)

    @staticmethod
    def _spread(groups: Mapping[str, Sequence[WeightCounts]]) -> list[Shares]:
        spread = []
        for group, counts in groups.items():
            sums = [sum(getattr(each, value) for each in counts) for value in ("minus", "zero", "plus")]
            n_weights = sum(sums)
            minus, zero, plus = (number / max(1, n_weights) for number in sums)
            spread.append(Shares(group, n_weights, (minus, zero, plus)))
        return spread


@dataclass(frozen=True, slots=True, eq=False)
class Inspector:
    """*memory* as ``Model.memory``; *heap_bytes* as ``Host.heap_bytes``."""

    info: ModelInfo
    memory: tuple[Mapping[str, int], ...]
    heap_bytes: int | None
    table: Table
    metadata: Metadata
    weights: Weights

    @classmethod
    def of(cls, info: ModelInfo, memory: Sequence[Mapping[str, int]], heap_bytes: int | None) -> Inspector:
        tensors = info.raw["tensors"]
        rows = tuple(
            Row(number, each["name"], each["type"], tuple(each["shape"]), each["n_bytes"])
            for number, each in enumerate(tensors)
        )
        lines = tuple(
            Line(each["key"], each["type"], _text(each.get("value")), each.get("count"))
            for each in info.raw["metadata"]
        )
        n_ternary = sum(each["ternary"] for each in tensors)
        return cls(info, tuple(memory), heap_bytes, Table(rows), Metadata(lines), Weights(n_ternary))

    def uses(self) -> list[tuple[str, int]]:
        """What memory is used for: the parts of all ranks, and the rest of the engine's memory."""
        uses = [(part, sum(rank[part] for rank in self.memory)) for part in MEMORY_PARTS]
        uses = [(part, n_bytes) for part, n_bytes in uses if n_bytes]
        if self.heap_bytes:
            uses.append((REST, max(0, self.heap_bytes - sum(self.memory[0].values()))))
        return uses


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
