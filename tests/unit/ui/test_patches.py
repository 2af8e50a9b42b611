"""Patches, applied by a small page of dictionaries, give what the view says, and are no more than needed."""

from __future__ import annotations

import json
from typing import Any

from bitnet.ui.node import Node, View
from bitnet.ui.patches import Patches
from hypothesis import given
from hypothesis import strategies as st


class Paper:
    """Applies patches as web/host.js does, to elements that are dictionaries."""

    def __init__(self, *roots: str) -> None:
        self.elements: dict[str, dict[str, Any]] = {}
        self.batches: list[list[list[Any]]] = []
        for name in roots:
            self._make({"tag": "", "id": name, "attributes": {}, "text": "", "children": []})

    def post(self, text: str) -> None:
        message = json.loads(text)
        assert message["type"] == "patches"
        self.batches.append(message["patches"])
        for operation, *arguments in message["patches"]:
            getattr(self, f"_{operation}")(*arguments)

    def tree(self, name: str) -> Any:
        element = self.elements[name]
        children = [self.tree(child) for child in element["children"]]
        return [name, element["attributes"], element["text"], children]

    def _make(self, tree: dict[str, Any]) -> str:
        assert tree["id"] not in self.elements
        attributes = {name: value for name, value in tree["attributes"].items() if value is not None}
        children = [self._make(child) for child in tree["children"]]
        self.elements[tree["id"]] = {"attributes": attributes, "text": tree["text"], "children": children}
        return tree["id"]  # type: ignore[no-any-return]

    def _attribute(self, name: str, attribute: str, value: str | None) -> None:
        attributes = self.elements[name]["attributes"]
        attributes.pop(attribute, None)
        if value is not None:
            attributes[attribute] = value

    def _text(self, name: str, text: str) -> None:
        assert not self.elements[name]["children"], "the text of an element replaces its children"
        self.elements[name]["text"] = text

    def _append(self, name: str, text: str) -> None:
        self.elements[name]["text"] += text

    def _create(self, parent: str, index: int, tree: dict[str, Any]) -> None:
        self.elements[parent]["children"].insert(index, self._make(tree))

    def _move(self, parent: str, index: int, name: str) -> None:
        children = self.elements[parent]["children"]
        assert children.index(name) > index, "what comes too late is moved, and nothing else"
        children.remove(name)
        children.insert(index, name)

    def _remove(self, name: str) -> None:
        for element in self.elements.values():
            if name in element["children"]:
                element["children"].remove(name)
        for child in list(self.elements.pop(name)["children"]):
            self.elements.pop(child)


def wanted(node: Node) -> Any:
    attributes = {name: value for name, value in node.attributes.items() if value is not None}
    return [node.id, attributes, node.text, [wanted(child) for child in node.children]]


attributes = st.dictionaries(st.sampled_from(["class", "title", "hidden"]), st.none() | st.sampled_from("ab"))
leaves = st.builds(
    lambda number, given_attributes, text: Node("p", f"leaf-{number}", given_attributes, text),
    st.integers(0, 5),
    attributes,
    st.text("xy", max_size=3),
)
lists = st.lists(leaves, unique_by=lambda node: node.id).map(
    lambda nodes: Node("", "list", children=tuple(nodes))
)
views = st.tuples(lists, st.builds(lambda text: Node("", "line", text=text), st.text("xy", max_size=3)))


@given(st.lists(views, min_size=1, max_size=6))
def test_the_page_shows_the_last_view_whatever_came_before(shown: list[View]) -> None:
    paper = Paper("list", "line")
    patches = Patches(paper.post)
    for view in shown:
        patches.show(view)
    assert [paper.tree(node.id) for node in shown[-1]] == [wanted(node) for node in shown[-1]]


def test_the_same_view_again_sends_nothing() -> None:
    paper = Paper("line")
    patches = Patches(paper.post)
    for _ in range(2):
        patches.show((Node("", "line", {"title": "a"}, "text"),))
    assert len(paper.batches) == 1


def test_a_token_is_one_patch_and_is_not_sent_again_with_the_view() -> None:
    paper = Paper("line")
    patches = Patches(paper.post)
    patches.show((Node("", "line", text="Once"),))
    patches.append("line", " upon")
    patches.show((Node("", "line", text="Once upon"),))
    assert paper.batches[1:] == [[["append", "line", " upon"]]]
    assert paper.elements["line"]["text"] == "Once upon"


def test_a_longer_text_is_appended_not_written_again() -> None:
    paper = Paper("line")
    patches = Patches(paper.post)
    patches.show((Node("", "line", text="Once"),))
    patches.show((Node("", "line", text="Once upon"),))
    assert paper.batches[1] == [["append", "line", " upon"]]


def test_extra_patches_come_after_the_view() -> None:
    paper = Paper("line")
    Patches(paper.post).show((Node("", "line", text="a"),), ["append", "line", "b"])
    assert paper.elements["line"]["text"] == "ab"


def test_a_rewritten_text_is_sent_whatever_the_page_shows() -> None:
    paper = Paper("line")
    patches = Patches(paper.post)
    patches.append("line", "Once upon")
    patches.rewrite("line", "Once")
    patches.show((Node("", "line", text="Once"),))
    assert paper.batches[1:] == [[["text", "line", "Once"]]]
