"""What is inside a model: bytes by type, the values of ternary weights, and memory by use."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from bitnet.engine import Engine
from bitnet.errors import NotReady
from bitnet.records import MEMORY_PARTS, ModelInfo, WeightCounts

_LAYER = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class TypeUse:
    """All tensors of one type."""

    type: str
    n_tensors: int
    n_weights: int
    n_bytes: int


def type_uses(tensors: Iterable[Mapping[str, Any]]) -> list[TypeUse]:
    """The types of *tensors*, as ``ModelInfo.raw`` has them, the one with most bytes first."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for tensor in tensors:
        groups.setdefault(tensor["type"], []).append(tensor)
    uses = [
        TypeUse(
            name,
            len(group),
            sum(prod(each["shape"]) for each in group),
            sum(each["n_bytes"] for each in group),
        )
        for name, group in groups.items()
    ]
    return sorted(uses, key=lambda use: -use.n_bytes)


def layer_of(tensor: str) -> int | None:
    """The layer that the tensor of this name belongs to, None for one outside of layers."""
    found = _LAYER.match(tensor)
    return int(found[1]) if found else None


async def count_weights(engine: Engine, tensors: Sequence[Mapping[str, Any]]) -> AsyncGenerator[WeightCounts]:
    """Those of the ternary *tensors*, of all that the model has; the event loop runs in between.

    Raises:
        NotReady: The model has been closed.
    """
    for index, tensor in enumerate(tensors):
        if tensor["ternary"]:
            name = tensor["name"]
            yield WeightCounts(name, layer_of(name), *engine.model.count_weights(index))
            await asyncio.sleep(0)


def memory(engine: Engine) -> list[dict[str, int]]:
    """Bytes by use, of each rank: the keys are ``MEMORY_PARTS``."""
    if not engine.capacity:
        raise NotReady("The model has no session: open it again.")
    return [dict(zip(MEMORY_PARTS, parts, strict=True)) for parts in engine.session.memory()]


def report(
    info: ModelInfo,
    memory: Sequence[Mapping[str, int]],
    counts: Sequence[WeightCounts] = (),
    *,
    with_tensors: bool = True,
) -> dict[str, Any]:
    """All of it as one JSON object; *counts* only where weights were counted."""
    tensors = info.raw["tensors"]
    facts = {
        **info.raw,
        "context_length": info.context_length,
        "kv": info.kv,
        "kv_cache_bytes": info.kv_cache_bytes,
        "kv_bytes_per_1024_positions": 1024 * info.raw["kv_bytes_per_position"][info.kv],
        "n_tensors": len(tensors),
        "warnings": info.warnings,
        "types": [asdict(use) for use in type_uses(tensors)],
        "memory": list(memory),
    }
    if not with_tensors:
        del facts["tensors"]
    return facts | ({"weight_counts": [asdict(each) for each in counts]} if counts else {})
