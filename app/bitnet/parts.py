"""A model in several files: which they are, and in which order.

A split model's files are called ``<prefix>-00001-of-00003.gguf`` and so on. The first one holds all metadata,
so it is the one to open. Whether the parts belong together is the core's to judge; names find and sort them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bitnet.errors import BadArgument

#: Number and count in the name of a part; an address may go on behind it.
PART_NAME = re.compile(r"-(\d{5})-of-(\d{5})\.gguf(?=$|[?#])")


def name_of(source: Any) -> str:
    """The name that a path, an address or a browser's File has; "" for bytes."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", ""))


def following(source: Any) -> list[Any]:
    """*source* with the parts that its name promises, if it is the first part's path or address."""
    found = PART_NAME.search(name_of(source)) if isinstance(source, str | os.PathLike) else None
    if found is None or int(found[1]) != 1:
        return [source]
    name, count = name_of(source), int(found[2])
    names = [
        f"{name[: found.start(1)]}{number:05}{name[found.end(1) :]}" for number in range(1, max(count, 1) + 1)
    ]
    return list(names) if isinstance(source, str) else [Path(part) for part in names]


def in_order(sources: Sequence[Any]) -> list[Any]:
    """*sources* sorted by their names if all are parts by name, else as they came.

    Raises:
        BadArgument: There are none, or names are missing; the sentence holds the missing one.
    """
    if not sources:
        raise BadArgument("No file is given: give the model's file, or all its parts.")
    names = [PART_NAME.search(name_of(source)) for source in sources]
    numbered = [
        (int(name[1]), n, source)
        for n, (name, source) in enumerate(zip(names, sources, strict=True))
        if name is not None
    ]
    if len(numbered) < len(sources):
        return list(sources)
    count = max(int(name[2]) for name in names if name)
    missing = sorted(set(range(1, count + 1)) - {number for number, _, _ in numbered})
    if missing:
        raise BadArgument(
            f"Part {missing[0]} of {count} is missing (its name ends in "
            f"-{missing[0]:05}-of-{count:05}.gguf): give all parts of the model together."
        )
    return [source for _, _, source in sorted(numbered, key=lambda entry: entry[:2])]
