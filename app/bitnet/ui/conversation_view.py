"""The conversation on the page: its messages, and what can be done with each of them."""

from __future__ import annotations

from functools import lru_cache

from bitnet.ui.conversation import Conversation, Entry
from bitnet.ui.node import Node, disabled, does, hidden, icon
from bitnet.ui.state import State
from bitnet.ui.tokens_view import token_article

#: Messages whose elements are kept in mind; a conversation that is longer costs time, and nothing else.
MOST_ELEMENTS = 4096


def entry_id(chat: Conversation, entry: Entry) -> str:
    """The same for as long as the entry is shown, and no other conversation's."""
    return f"entry-{chat.name}-{entry.id}"


def messages(state: State) -> tuple[Node, ...]:
    """The elements of the messages that are shown."""
    chat, path = state.chat, state.entries
    versions = chat.versions()
    nodes: list[Node] = []
    for entry in path:
        name = entry_id(chat, entry)
        if entry.id == state.editing:
            nodes.append(_form(name, entry))
            continue
        spelled = state.tokens if state.tokens and state.tokens.entry == entry.id else None
        nodes.append(_article(name, entry, is_hidden=spelled is not None))
        if spelled:
            nodes.append(token_article(name, spelled, entry.text))
        if not entry.busy:
            places = versions[entry.parent]
            place, is_last = places.index(entry.id), entry is path[-1]
            nodes.append(_below(name, entry, place, len(places), is_last, shows_tokens=spelled is not None))
    return tuple(nodes)


@lru_cache(maxsize=MOST_ELEMENTS)
def _article(name: str, entry: Entry, *, is_hidden: bool) -> Node:
    busy = None if entry.role == "user" else "true" if entry.busy else "false"
    label = "You" if entry.role == "user" else "Answer"
    attributes = {"data-role": entry.role, "aria-busy": busy, "aria-label": label, "class": "entry"}
    return Node("article", name, attributes | hidden(is_hidden), entry.text)


@lru_cache(maxsize=MOST_ELEMENTS)
def _below(
    name: str, entry: Entry, place: int, n_versions: int, is_last: bool, *, shows_tokens: bool
) -> Node:
    """The line under a message: how fast it came, which version it is, and what can be done with it."""
    words, number = "answer" if entry.role == "assistant" else "question", str(entry.id)
    buttons = [icon(f"{name}-copy", "copy", f"Copy {words}", {"data-copies": name})]
    if entry.role == "assistant":
        buttons.append(icon(f"{name}-again", "refresh-cw", "Answer again", does("again", entry=number)))
        if is_last:
            goes_on = does("go_on_writing", entry=number)
            buttons.append(icon(f"{name}-more", "play", "Continue the answer", goes_on))
        pressed = {"aria-pressed": "true" if shows_tokens else "false"}
        spell = does("tokens", entry=number) | pressed
        buttons.append(icon(f"{name}-spell", "whole-word", "Show tokens", spell))
    buttons.append(icon(f"{name}-edit", "pencil", f"Edit {words}", does("edit", entry=number)))
    delete = does("delete_message", entry=number, focus="message")
    buttons.append(icon(f"{name}-delete", "trash-2", f"Delete {words}", delete))
    children = [Node("span", f"{name}-speed", text=entry.remark)]
    if n_versions > 1:
        children.append(_switcher(name, number, place, n_versions))
    children.append(Node("span", f"{name}-actions", {"class": "entry-actions"}, children=tuple(buttons)))
    attributes = {"class": "remark", "data-role": entry.role}
    return Node("div", f"{name}-remark", attributes, children=tuple(children))


def _switcher(name: str, number: str, place: int, n_versions: int) -> Node:
    back = does("version", entry=number, step="-1") | disabled(place == 0)
    forth = does("version", entry=number, step="1") | disabled(place == n_versions - 1)
    earlier = icon(f"{name}-earlier", "chevron-left", "Earlier version", back)
    later = icon(f"{name}-later", "chevron-right", "Later version", forth)
    count = Node("span", f"{name}-version", text=f"{place + 1} of {n_versions}")
    return Node("span", f"{name}-versions", {"class": "versions"}, children=(earlier, count, later))


def edit_field(name: str) -> str:
    return f"{name}-text"


@lru_cache(maxsize=8)
def _form(name: str, entry: Entry) -> Node:
    """In place of a message while it is edited."""
    asks = entry.role == "user"
    number = {"type": "hidden", "name": "entry", "value": str(entry.id)}
    label = "Edit the question" if asks else "Edit the answer"
    text = {"name": "text", "aria-label": label}
    cancel = {"type": "button", "data-event": "leave", "data-focus": "message"}
    about = "The answer is written anew; this version is kept." if asks else "The answer before is kept."
    actions = (
        Node("span", f"{name}-about", {"class": "muted"}, about),
        Node("button", f"{name}-leave", cancel, "Cancel"),
        Node("button", f"{name}-done", {"type": "submit", "class": "main"}, "Send" if asks else "Save"),
    )
    children = (
        Node("input", f"{name}-entry", number),
        Node("textarea", edit_field(name), text, entry.text),
        Node("div", f"{name}-edit-actions", {"class": "actions"}, children=actions),
    )
    attributes = {"class": "edit", "data-role": entry.role, "data-event": "edited", "data-dismissed": "leave"}
    return Node("form", f"{name}-form", attributes, children=children)
