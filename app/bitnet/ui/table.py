"""Tables for the page: rows of texts under headings."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet.ui.node import Node


def table(name: str, caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Node:
    """The first column names its row, the others are numbers."""
    head = tuple(Node("th", f"{name}-h{n}", {"scope": "col"}, text) for n, text in enumerate(headings))
    return Node(
        "table",
        name,
        {"class": "numbers"},
        children=(
            Node("caption", f"{name}-caption", {"class": "unseen"}, caption),
            Node("thead", f"{name}-head", children=(Node("tr", f"{name}-headings", children=head),)),
            Node(
                "tbody",
                f"{name}-body",
                children=tuple(row(f"{name}-{n}", each) for n, each in enumerate(rows)),
            ),
        ),
    )


def row(name: str, texts: Sequence[str]) -> Node:
    first = Node("th", f"{name}-0", {"scope": "row"}, texts[0])
    others = (Node("td", f"{name}-{n}", text=text) for n, text in enumerate(texts[1:], 1))
    return Node("tr", name, children=(first, *others))
