"""Small pictures as SVG elements: bars whose parts are told apart by their class, and axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

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


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or not value else f"{value:.2g}"


def _round_above(value: float) -> float:
    """The next number that ends an axis well."""
    if value <= 0:
        return 1.0
    unit: float = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


#: A place on the horizontal axis: its name, and the least, the middle and the most that was measured there.
Point = tuple[str, float, float, float]
LINES_HEIGHT = 180
MOST_STYLES = 4  # of lines, by web/inspector.css


def lines(name: str, title: str, axis: str, of_groups: Mapping[str, Sequence[Point]]) -> Node:
    """A line for each group through its middles, with what was least and most at each place."""
    places = list(dict.fromkeys(point[0] for points in of_groups.values() for point in points))
    top = _round_above(max((point[3] for points in of_groups.values() for point in points), default=0.0))
    step = (WIDTH - LEFT) / max(1, len(places))
    height = LINES_HEIGHT - 2 * TOP - 2 * BOTTOM

    def x_of(place: str) -> float:
        return LEFT + (places.index(place) + 0.35) * step

    def y_of(value: float) -> float:
        return LINES_HEIGHT - BOTTOM - TOP - height * value / top

    nodes = [
        text(f"{name}-title", 0, 12, title, "start"),
        text(f"{name}-axis", 0, LINES_HEIGHT - 4, axis, "start"),
    ]
    for share in (0.0, 0.5, 1.0):
        y = y_of(share * top)
        nodes.append(line(f"{name}-grid-{share:g}", LEFT, y, WIDTH, y))
        nodes.append(text(f"{name}-tick-{share:g}", LEFT - 4, y + 4, _rounded(share * top), "end"))
    nodes += [text(f"{name}-at-{place}", x_of(place), LINES_HEIGHT - 16, place) for place in places]
    for n, (group, points) in enumerate(of_groups.items()):
        style, group_name = f"line line-{n % MOST_STYLES}", f"{name}-{n}"
        path = " ".join(f"{_number(x_of(point[0]))},{_number(y_of(point[2]))}" for point in points)
        nodes.append(Node("polyline", f"{group_name}-line", {"points": path, "class": style}))
        for place, least, middle, most in points:
            x = x_of(place)
            nodes.append(line(f"{group_name}-{place}-spread", x, y_of(least), x, y_of(most), style))
            nodes.append(
                line(f"{group_name}-{place}-middle", x - 4, y_of(middle), x + 4, y_of(middle), style)
            )
        if points:
            end = x_of(points[-1][0]) + 8
            nodes.append(text(f"{group_name}-name", end, y_of(points[-1][2]) + 4, group, "start"))
    said = "; ".join(
        f"{group}: " + ", ".join(f"{middle:.1f} at {place}" for place, _, middle, _ in points)
        for group, points in of_groups.items()
    )
    return svg(name, f"{title}, by {axis}. {said}", LINES_HEIGHT, nodes)


STYLE = (
    "svg{background:#fff}text{font:11px sans-serif;fill:#444}.grid{stroke:#ddd}"
    ".line{fill:none;stroke:#1f6f5c;stroke-width:2}.line-1{stroke:#c07a2c}.line-2{stroke:#4a6fa5}.line-3{stroke:#8a5a9e}"
)


def as_file(picture: Node, title: str) -> str:
    """The picture as an SVG file, with the name of what it shows."""
    box = picture.attributes["viewBox"]
    begin = f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" viewBox="{box}">'
    parts = "".join(_written(child) for child in picture.children)
    return f"{begin}<title>{escape(title)}</title><style>{STYLE}</style>{parts}</svg>\n"


def _written(node: Node) -> str:
    attributes = "".join(f' {name}="{escape(value or "")}"' for name, value in node.attributes.items())
    return f"<{node.tag}{attributes}>{escape(node.text)}</{node.tag}>"
