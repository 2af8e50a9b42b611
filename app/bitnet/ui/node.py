"""What a view is made of: elements, which nothing changes once they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Attributes = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An element of the page: text or children. An attribute that is None is absent."""

    tag: str
    id: str
    attributes: Attributes = field(default_factory=dict)
    text: str = ""
    children: tuple[Node, ...] = ()


#: Nodes whose elements stand in index.html; their tag is of no account.
View = tuple[Node, ...]


def hidden(hide: bool) -> dict[str, str | None]:
    return {"hidden": "" if hide else None}


def disabled(disable: bool) -> dict[str, str | None]:
    return {"disabled": "" if disable else None}


def button(element: str, text: str, event: str, label: str = "", **fields: str) -> Node:
    """A button that tells Python of *event*; *label* is its name where *text* alone says too little."""
    data = {f"data-{key}": value for key, value in fields.items()}
    attributes = {"type": "button", "data-event": event, **data}
    return Node("button", element, attributes | ({"aria-label": label} if label else {}), text)


def facts(name: str, lines: tuple[tuple[str, str], ...]) -> tuple[Node, ...]:
    """Terms and what they are, for a list of descriptions."""
    return tuple(
        node
        for n, (term, value) in enumerate(lines)
        for node in (Node("dt", f"{name}-{n}-term", text=term), Node("dd", f"{name}-{n}", text=value))
    )
