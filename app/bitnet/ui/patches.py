"""View -> patches: the smallest list of changes, sent to the page in one message that nobody waits for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bitnet.ui.node import Node, View

#: An operation and its arguments; web/messages.js lists them.
Patch = list[Any]


def post_to_page(text: str) -> None:
    """Send *text* from the worker, that this interpreter runs in, to its page."""
    import js

    js.postMessage(text)


def hand_to_page(file: Any) -> None:
    """Send a browser's File to the page, which gives it to the visitor."""
    import js

    js.postMessage(file)


class Patches:
    """Keeps in mind what the page shows, and sends what differs.

    Args:
        post: Takes each message, as JSON text.
    Attributes:
        answers: Number of the last event that has been received: the page knows what is newer.
    """

    def __init__(self, post: Callable[[str], None] = post_to_page) -> None:
        self._post = post
        self.answers = 0
        self._shown: dict[str, Node] = {}
        self._texts: dict[str, str] = {}

    def show(self, view: View, *extra: Patch) -> None:
        """Make the page show *view*, then do what *extra* says."""
        patches: list[Patch] = []
        for node in view:
            self._update(node, patches)
        self._send([*patches, *extra])

    def append(self, element: str, text: str) -> None:
        """Add *text* to an element: the one change that comes with every token."""
        self._texts[element] = self._texts.get(element, "") + text
        self._send([["append", element, text]])

    def rewrite(self, element: str, text: str) -> None:
        """Set the text of an element, whatever it shows."""
        self._texts[element] = text
        self._send([["text", element, text]])

    def _send(self, patches: list[Patch]) -> None:
        if patches:
            self._post(json.dumps({"type": "patches", "answers": self.answers, "patches": patches}))

    def _update(self, node: Node, patches: list[Patch]) -> None:
        shown = self._shown.get(node.id)
        if shown is node:
            return
        before = shown.attributes if shown else {}
        for name in {**before, **node.attributes}:
            value = node.attributes.get(name)
            if shown is None or before.get(name) != value:
                patches.append(["attribute", node.id, name, value])
        self._update_text(node, patches)
        self._update_children(shown.children if shown else (), node, patches)
        self._shown[node.id] = node

    def _update_text(self, node: Node, patches: list[Patch]) -> None:
        shown = self._texts.get(node.id)
        if node.children or shown == node.text or (shown is None and not node.text):
            return
        if shown and node.text.startswith(shown):
            patches.append(["append", node.id, node.text[len(shown) :]])
        else:
            patches.append(["text", node.id, node.text])
        self._texts[node.id] = node.text

    def _update_children(self, before: tuple[Node, ...], node: Node, patches: list[Patch]) -> None:
        wanted = {child.id for child in node.children}
        for child in before:
            if child.id not in wanted:
                patches.append(["remove", child.id])
                self._forget(child)
        there = {child.id for child in before}
        order = [child.id for child in before if child.id in wanted]  # as the page has them by then
        for index, child in enumerate(node.children):
            if child.id not in there:
                patches.append(["create", node.id, index, _tree(child)])
                self._remember(child)
                order.insert(index, child.id)
                continue
            if order[index] != child.id:
                patches.append(["move", node.id, index, child.id])
                order.remove(child.id)
                order.insert(index, child.id)
            self._update(child, patches)

    def _remember(self, node: Node) -> None:
        self._shown[node.id], self._texts[node.id] = node, node.text
        for child in node.children:
            self._remember(child)

    def _forget(self, node: Node) -> None:
        self._shown.pop(node.id, None)
        self._texts.pop(node.id, None)
        for child in node.children:
            self._forget(child)


def _tree(node: Node) -> Mapping[str, Any]:
    return {
        "tag": node.tag,
        "id": node.id,
        "attributes": dict(node.attributes),
        "text": node.text,
        "children": [_tree(child) for child in node.children],
    }
