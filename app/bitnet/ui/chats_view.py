"""The list of conversations on the page."""

from __future__ import annotations

from functools import lru_cache

from bitnet.ui.chat_list import Saved
from bitnet.ui.node import Node, View, disabled, does, hidden, icon
from bitnet.ui.state import State

RENAME_FIELD = "chat-title"


def chats(state: State) -> View:
    shown = state.chats.shown()
    nothing = ""
    if not shown:
        nothing = (
            f"Nothing with “{state.chats.words}”." if state.chats.words else "Conversations appear here."
        )
    is_open = {item.name: item.name == state.chat.name for item in shown}
    items = tuple(_item(item, is_open[item.name], state.chats.renaming) for item in shown)
    return (
        Node("", "chats", {"data-empty": None if state.chats.items else ""}),
        Node("", "chat-list", children=items),
        Node("", "no-chats", hidden(not nothing), nothing),
        Node("", "export-chats", disabled(not state.chats.items)),
    )


@lru_cache(maxsize=1024)
def _item(item: Saved, is_open: bool, renaming: bool) -> Node:
    name, title = f"chat-{item.name}", item.title
    if not is_open:
        children: tuple[Node, ...] = (_opener(name, item, is_open=False),)
    elif renaming:
        children = (_title_form(name, title),)
    else:
        pin = "Unpin" if item.pinned else "Pin"
        actions = (
            icon(f"{name}-rename", "pencil", "Rename conversation", does("rename")),
            icon(f"{name}-pin", "pin-off" if item.pinned else "pin", f"{pin} conversation", does("pin")),
            icon(f"{name}-md", "file-text", "Export as Markdown", does("export_chat", kind="md")),
            icon(f"{name}-json", "file-json", "Export as JSON", does("export_chat", kind="json")),
            icon(f"{name}-delete", "trash-2", "Delete conversation", does("delete_chat", focus="message")),
        )
        children = (
            _opener(name, item, is_open=True),
            Node("div", f"{name}-actions", {"class": "actions"}, children=actions),
        )
    look = {"class": "pinned" if item.pinned else None}
    return Node("li", name, look, children=children)


def _opener(name: str, item: Saved, *, is_open: bool) -> Node:
    attributes = {
        "type": "button",
        "class": "chat",
        "aria-current": "true" if is_open else None,
        "data-icon": "pin" if item.pinned else None,
        **does("open_chat", name=item.name, focus="message", closes="chats"),
    }
    return Node("button", f"{name}-open", attributes, item.title)


def _title_form(name: str, title: str) -> Node:
    field = {"type": "text", "name": "title", "value": title, "aria-label": "Title of the conversation"}
    form = {"class": "row", "data-event": "renamed", "data-dismissed": "keep_title"}
    children = (
        Node("input", RENAME_FIELD, field),
        icon(f"{name}-renamed", "check", "Save the title", {"type": "submit"}),
    )
    return Node("form", f"{name}-title", form, children=children)
