"""Small pictures as SVG elements: bars whose parts are told apart by their class, and axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bitnet.ui.node import Node

#: Sizes in units of the picture: on a phone a unit is about a CSS pixel.
WIDTH = 360
LEFT, TOP, BOTTOM = 40, 8, 24  # room for the numbers of the axes
COLUMNS_HEIGHT = 170
BAR_HEIGHT = 18
MOST_LABELS = 8
GAP = 1.0


def svg(name: str, label: str, height: float, children: Sequence[Node]) -> Node:
    """A picture that *label* says in words."""
    attributes = {"viewBox": f"0 0 {WIDTH} {height:g}", "role": "img", "aria-label": label, "class": "figure"}
    return Node("svg", name, attributes, children=tuple(children))


def text(name: str, x: float, y: float, words: str, anchor: str = "middle") -> Node:
    return Node("text", name, {**_at(x, y), "text-anchor": anchor}, words)


def line(name: str, x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> Node:
    ends = {"x1": _number(x1), "y1": _number(y1), "x2": _number(x2), "y2": _number(y2)}
    return Node("line", name, {**ends, "class": kind})


def rect(name: str, x: float, y: float, width: float, height: float, part: str) -> Node:
    size = {"width": _number(width), "height": _number(height)}
    return Node("rect", name, {**_at(x, y), **size, "data-part": part})


def stacked_bar(name: str, label: str, parts: Sequence[tuple[str, float]]) -> Node:
    """One bar from left to right."""
    total = sum(amount for _, amount in parts) or 1.0
    bars, x = [], 0.0
    for part, amount in parts:
        width = WIDTH * amount / total
        bars.append(rect(f"{name}-{part}", x, 0, max(0.0, width - GAP), BAR_HEIGHT, part))
        x += width
    return svg(name, label, BAR_HEIGHT, bars)


def stacked_columns(
    name: str, label: str, columns: Sequence[tuple[str, Mapping[str, float]]], axis: str
) -> Node:
    """A column for each group, its parts as shares of 1 from the bottom up; *axis* names the groups."""
    height = COLUMNS_HEIGHT - TOP - BOTTOM
    step = (WIDTH - LEFT) / max(1, len(columns))
    every = -(-len(columns) // MOST_LABELS)
    nodes = []
    for percent in (0, 50, 100):
        y = TOP + height * (1 - percent / 100)
        nodes.append(line(f"{name}-grid-{percent}", LEFT, y, WIDTH, y))
        nodes.append(text(f"{name}-tick-{percent}", LEFT - 4, y + 4, f"{percent}%", "end"))
    for n, (group, shares) in enumerate(columns):
        y = TOP + height
        for part, share in shares.items():
            y -= height * share
            bar = height * share - (GAP if height * share > 2 * GAP else 0)
            width = max(1.0, 0.86 * step)
            nodes.append(rect(f"{name}-{n}-{part}", LEFT + n * step, y, width, bar, part))
        if n % every == 0:
            nodes.append(text(f"{name}-{n}-label", LEFT + (n + 0.43) * step, COLUMNS_HEIGHT - 5, group))
    nodes.append(text(f"{name}-axis", 0, COLUMNS_HEIGHT - 5, axis, "start"))
    return svg(name, label, COLUMNS_HEIGHT, nodes)


def _at(x: float, y: float) -> dict[str, str | None]:
    return {"x": _number(x), "y": _number(y)}


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
