"""Bars of a table, as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

COLOURS = ("#0b6e4f", "#8fc9b3")
LEFT, WIDEST, BAR, GAP, TOP = 270, 320, 15, 12, 44


def rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width:.1f}" height="{height}" fill="{colour}"/>'


def label(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def bars(title: str, series: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A name and a number for each of *series* in every row; "-" is no bar, and a row of them is left out."""
    shown = [row for row in rows if set(row[1:]) != {"-"}]
    greatest = max(float(value) for row in shown for value in row[1:] if value != "-")
    step = len(series) * (BAR + 2) + GAP
    height = TOP + step * len(shown)
    parts = [rectangle(0, 0, LEFT + WIDEST + 60, height, "#fff")]
    for place, name in enumerate(series):
        parts += [rectangle(LEFT + 150 * place, 12, 12, 12, COLOURS[place])]
        parts += [label(LEFT + 18 + 150 * place, 23, name)]
    for row, (name, *values) in enumerate(shown):
        top = TOP + step * row
        parts.append(label(LEFT - 10, top + BAR + 4, name, anchor="end"))
        for place, value in enumerate(values):
            if value != "-":
                width, y = WIDEST * float(value) / greatest, top + (BAR + 2) * place
                parts.append(rectangle(LEFT, y, width, BAR, COLOURS[place]))
                parts.append(label(LEFT + width + 6, y + 12, value))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDEST + 60} {height}"'
    font = ' font-family="sans-serif" font-size="13">'
    return "\n".join([head + font, f"<title>{escape(title)}</title>", *parts, "</svg>"]) + "\n"
