"""The dialogs about models: what is in use, stored and on offer; and what is asked before a download."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from bitnet.ui import amounts, memory, sharing
from bitnet.ui.node import Node, View, button, disabled, facts, hidden
from bitnet.ui.opening import Opening
from bitnet.ui.state import ModelCard, State
from bitnet.ui.stored import Shelf, StoredCard


def models(state: State) -> View:
    model, cores = state.model, ""
    if model:
        cores = sharing.in_use(model.n_ranks, state.settings.ranks, state.cores, model.size_bytes)
    return (
        Node("", "model-facts", children=_facts(state.model, cores, state.remarks)),
        Node("", "inspect", disabled(model is None)),
        Node("", "open-benchmark", disabled(model is None)),
        Node("", "room", text=state.shelf.line()),
        Node("", "stored", children=_stored(state.shelf)),
        Node("", "catalogue", children=tuple(_offer(card) for card in state.catalogue)),
        *_review(state.opening),
    )


@lru_cache(maxsize=8)
def _facts(model: ModelCard | None, cores: str, remarks: tuple[str, ...]) -> tuple[Node, ...]:
    lines = [("Model", model.title if model else "none yet")]
    if model:
        size = amounts.size(model.size_bytes) if model.size_bytes else "unknown"
        lines += [("Size", size), ("Type", model.kind), ("Licence", model.licence or "the file names none")]
        lines += [
            ("Context", memory.of_context(model)),
            ("Kernel", model.kernel),
            ("CPU cores", cores),
        ]
        lines += [("Note", warning) for warning in model.warnings]
    lines += [("Note", remark) for remark in remarks]
    return facts("fact", tuple(lines))


@lru_cache(maxsize=64)
def _offer(card: ModelCard) -> Node:
    name = f"catalogue-{card.name}"
    size = amounts.size(card.size_bytes) if card.size_bytes else "size shown before the download"
    return Node(
        "li",
        name,
        children=(
            Node("strong", f"{name}-title", text=card.title),
            Node("span", f"{name}-facts", {"class": "muted"}, f"{size} · {card.licence}"),
            Node("p", f"{name}-about", text=card.description),
            button(
                f"{name}-open", "Open", "open_named", f"Open {card.title}", name=card.name, closes="models"
            ),
        ),
    )


# ---- What is stored ----


def _stored(shelf: Shelf) -> tuple[Node, ...]:
    return tuple(_card(card, card.key == shelf.deleting) for card in shelf.cards)


@lru_cache(maxsize=64)
def _card(card: StoredCard, deleting: bool) -> Node:
    name = stored_id(card.key)
    return Node(
        "li",
        name,
        children=(
            Node("strong", f"{name}-title", text=card.title),
            Node("span", f"{name}-facts", {"class": "muted"}, card.line()),
            _confirmation(name, card) if deleting else _actions(name, card),
        ),
    )


def stored_id(key: str) -> str:
    return f"stored-{key}"


def _actions(name: str, card: StoredCard) -> Node:
    key, title = card.key, card.title
    buttons = []
    if not card.complete:
        label = f"Continue {title}"
        buttons.append(button(f"{name}-open", "Continue", "open_stored", label, key=key, closes="models"))
    elif card.check != "damaged":
        label = f"Open stored {title}"
        buttons.append(button(f"{name}-open", "Open", "open_stored", label, key=key, closes="models"))
        if card.checkable and card.checked_bytes is None:
            buttons.append(button(f"{name}-verify", "Verify", "verify", f"Verify {title}", key=key))
        buttons.append(button(f"{name}-export", "Export", "export", f"Export {title}", key=key))
    elif card.checked_bytes is None:
        buttons.append(button(f"{name}-repair", "Repair", "repair", f"Repair {title}", key=key))
    buttons.append(button(f"{name}-delete", "Delete", "delete", f"Delete {title}", key=key))
    return Node("div", f"{name}-actions", {"class": "actions"}, children=tuple(buttons))


def _confirmation(name: str, card: StoredCard) -> Node:
    return Node(
        "div",
        f"{name}-confirm",
        {"class": "actions", "role": "group", "aria-label": f"Delete {card.title}?"},
        children=(
            Node("span", f"{name}-sure", text=f"Delete {amounts.size(card.received_bytes)}?"),
            button(f"{name}-yes", "Delete", "delete_now", f"Delete {card.title} now", key=card.key),
            button(f"{name}-no", "Keep", "keep", f"Keep {card.title}", key=card.key),
        ),
    )


# ---- Before a download ----


def _review(opening: Opening | None) -> View:
    asks = opening is not None and opening.asks
    report = opening.report if opening else None
    choices = opening.choices if opening else ()
    title, about = "", ""
    if opening and report:
        title, about = f"Download {report.title}?", report.about
    elif opening and choices:
        title, about = opening.title, "There are several models here: choose one."
    return (
        Node("", "review", _open(asks)),
        Node("", "review-title", text=title),
        Node("", "review-about", text=about),
        Node("", "review-facts", children=facts("review-fact", report.facts) if report else ()),
        Node(
            "",
            "choices",
            children=tuple(_choice(n, choice.title, choice.about) for n, choice in enumerate(choices)),
        ),
        Node("", "download", hidden(report is None)),
    )


def _open(is_open: bool) -> Mapping[str, str | None]:
    """For a dialog: whether it is shown, above the page."""
    return {"data-open": "" if is_open else None}


@lru_cache(maxsize=256)
def _choice(n: int, title: str, about: str) -> Node:
    return Node(
        "li",
        f"choice-{n}",
        children=(
            Node("strong", f"choice-{n}-title", text=title),
            Node("span", f"choice-{n}-about", {"class": "muted"}, about),
            button(f"choice-{n}-take", "Choose", "choose", f"Choose {title}", number=str(n)),
        ),
    )
