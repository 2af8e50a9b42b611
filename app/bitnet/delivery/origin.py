"""Where a model comes from: what a person names, as files with what is known about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bitnet.catalogue import Entry


@dataclass(frozen=True, slots=True)
class Part:
    """One file. *size_bytes* is None and *sha256* is "" where nobody has said."""

    source: Any
    size_bytes: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """One model: a URL, a path, bytes or a browser's File, or several where it is split.

    Attributes:
        title: What a person calls it.
        headers: Fields for its server, such as Authorization; they are never stored.
        entry: That of the catalogue, where it comes from there.
    """

    title: str
    parts: tuple[Part, ...]
    licence: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    entry: Entry | None = None

    @property
    def source(self) -> Any:
        """That of the first part, which holds all metadata."""
        return self.parts[0].source

    @property
    def size_bytes(self) -> int | None:
        """Of all parts together, None where the size of one is not known."""
        sizes = [part.size_bytes for part in self.parts]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def sha256(self) -> str:
        """Of the only part; "" of several."""
        return self.parts[0].sha256 if len(self.parts) == 1 else ""

    @property
    def is_remote(self) -> bool:
        """Whether it comes from a server, so that it can be stored and resumed."""
        return all(isinstance(part.source, str) and part.source.startswith("http") for part in self.parts)
