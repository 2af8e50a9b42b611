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


def does(event: str, **fields: str) -> dict[str, str | None]:
    """The attributes of a button that tells Python of *event*."""
    return {"data-event": event, **{f"data-{key}": value for key, value in fields.items()}}


def button(element: str, text: str, event: str, label: str = "", **fields: str) -> Node:
    """A button that tells Python of *event*; *label* is its name where *text* alone says too little."""
    attributes = {"type": "button", **does(event, **fields)}
    return Node("button", element, attributes | ({"aria-label": label} if label else {}), text)


def icon(element: str, picture: str, label: str, attributes: Attributes) -> Node:
    """A button that shows a picture of web/icons; *label* says what it does."""
    look = {"type": "button", "class": "icon", "data-icon": picture, "aria-label": label, "title": label}
    return Node("button", element, {**look, **attributes})


def facts(name: str, lines: tuple[tuple[str, str], ...]) -> tuple[Node, ...]:
    """Terms and what they are, for a list of descriptions."""
    return tuple(
        node
        for n, (term, value) in enumerate(lines)
        for node in (Node("dt", f"{name}-{n}-term", text=term), Node("dd", f"{name}-{n}", text=value))
    )
