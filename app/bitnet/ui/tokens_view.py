"""An answer shown as its tokens, and the dialog with what else was likely in one place."""

from __future__ import annotations

from functools import lru_cache

from bitnet.ui.node import Node, View, does
from bitnet.ui.tokens import Alternative, Piece, Tokens, marked, percent, shade, spoken

#: Tokens whose elements are kept in mind; an answer that is longer costs time, and nothing else.
MOST_ELEMENTS = 4096
N_SHADES = 5


def token_article(name: str, tokens: Tokens, text: str) -> Node:
    """The tokens of the answer *text*, as far as they are known, then its rest."""
    known = tokens.text()
    pieces = [
        node for place, piece in enumerate(tokens.pieces) for node in _piece(name, tokens.entry, place, piece)
    ]
    rest = Node("span", f"{name}-rest", {"class": "muted"}, text[len(known) :])
    attributes = {"class": "entry tokens", "aria-label": "Tokens of the answer", "aria-live": "off"}
    return Node("article", f"{name}-tokens", attributes, children=(*pieces, rest, _legend(name)))


def token_id(name: str, place: int) -> str:
    return f"{name}-token-{place}"


@lru_cache(maxsize=MOST_ELEMENTS)
def _piece(name: str, entry: int, place: int, piece: Piece) -> tuple[Node, ...]:
    """The token, which opens what else was likely; after a line break a new line begins."""
    attributes = {
        "type": "button",
        "class": "token",
        "aria-label": f"{spoken(piece.text)}, {percent(piece.probability)}",
        "aria-haspopup": "dialog",
        "tabindex": "-1" if place else "0",
        "data-shade": str(shade(piece.probability)),
        "data-percent": percent(piece.probability),
        **does("choose_token", place=str(place)),
    }
    token = Node("button", token_id(name, place), attributes, marked(piece.text))
    if not piece.text.endswith("\n"):
        return (token,)
    return (token, Node("span", f"{token.id}-end", {"class": "line-end"}))


@lru_cache(maxsize=8)
def _legend(name: str) -> Node:
    shades = tuple(
        Node("span", f"{name}-shade-{n}", {"class": "shade", "data-shade": str(n)}) for n in range(N_SHADES)
    )
    words = (
        Node("span", f"{name}-legend-likely", text="Likely"),
        *shades,
        Node("span", f"{name}-legend-unlikely", text="unlikely. Choose a token to see what else was."),
    )
    return Node("p", f"{name}-legend", {"class": "legend"}, children=words)


def _row(place: int, n: int, other: Alternative, is_written: bool) -> Node:
    """An alternative; one that is text of its own is a button, which has the answer go on from it."""
    name, share = f"alternative-{n}", percent(other.probability)
    words = (
        Node("span", f"{name}-text", {"class": "piece"}, marked(other.text, "␣") or other.name),
        Node("span", f"{name}-share", text=f" {share}"),
    )
    if not other.text:
        return Node("li", name, {"class": "alternative"}, children=words)
    label = f"Continue from {spoken(other.text)}, {share}{', as it is written' if is_written else ''}"
    attributes = {
        "type": "button",
        "class": "alternative",
        "aria-label": label,
        "aria-current": "true" if is_written else None,
        "data-closes": "alternatives",
        **does("branch", place=str(place), n=str(n), focus="message"),
    }
    return Node("li", name, children=(Node("button", f"{name}-button", attributes, children=words),))


def alternatives(name: str, tokens: Tokens | None) -> View:
    """The dialog: its contents before it is opened, so that it finds its place."""
    if tokens is None or tokens.chosen is None:
        return (Node("", "alternatives", {"data-open": None}),)
    place, piece = tokens.chosen, tokens.pieces[tokens.chosen]
    together = f" · {piece.n_tokens} tokens make this character" if piece.n_tokens > 1 else ""
    title = f"“{marked(piece.text, '␣')}” · {percent(piece.probability)}{together}"
    rows = tuple(
        _row(place, n, other, other.text == piece.text) for n, other in enumerate(piece.alternatives)
    )
    return (
        Node("", "alternatives-title", text=title),
        Node("", "alternatives-list", children=rows),
        Node("", "alternatives", {"data-open": token_id(name, place)}),
    )
