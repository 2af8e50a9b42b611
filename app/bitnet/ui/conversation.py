"""A conversation: a tree of messages, of which one path is shown. Frozen data, and what can happen to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Role = Literal["user", "assistant"]

TITLE_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """One message. *remark* stands under an answer; *parent* is what it follows, None for a first message.

    *model* is the title of the one that wrote it, "" for a person.
    """

    id: int
    role: Role
    text: str
    parent: int | None = None
    busy: bool = False
    remark: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages by their *id*, and the last one that is shown; an *id* is larger than those of all before it.

    Attributes:
        name: What tells it from all others.
        given_title: The title that a person gave, "" for none.
    """

    name: str
    entries: tuple[Entry, ...] = ()
    leaf: int | None = None
    given_title: str = ""
    pinned: bool = False

    @property
    def path(self) -> tuple[Entry, ...]:
        """The messages that are shown, from the first to the last."""
        return tuple(self._upwards(self.leaf))[::-1]

    @property
    def title(self) -> str:
        """The given title, else how the first question begins; "" if there is neither."""
        if self.given_title or not self.entries:
            return self.given_title
        words = " ".join(self.entries[0].text.split())
        if len(words) <= TITLE_CHARACTERS:
            return words
        head = words[:TITLE_CHARACTERS].rpartition(" ")[0]
        if len(head) < TITLE_CHARACTERS // 2:  # a long word stands there
            head = words[: TITLE_CHARACTERS - 1]
        return f"{head}…"

    def entry(self, number: int) -> Entry:
        return next(entry for entry in self.entries if entry.id == number)

    def versions(self) -> Mapping[int | None, tuple[int, ...]]:
        """By what they follow: the ids of all messages that stand in one place."""
        places: dict[int | None, tuple[int, ...]] = {}
        for entry in self.entries:
            places[entry.parent] = (*places.get(entry.parent, ()), entry.id)
        return places

    def _upwards(self, number: int | None) -> Iterator[Entry]:
        by_id = {entry.id: entry for entry in self.entries}
        while number is not None:
            yield by_id[number]
            number = by_id[number].parent

    def _newest_below(self, number: int) -> int:
        """The end of the path through a message that was written to last."""
        below = {number}
        for entry in self.entries:  # parents come before what follows them
            if entry.parent in below:
                below.add(entry.id)
        return max(below)

    def _added(self, role: Role, text: str, parent: int | None, *, busy: bool = False) -> Conversation:
        number = self.entries[-1].id + 1 if self.entries else 0
        entry = Entry(number, role, text, parent, busy)
        return replace(self, entries=(*self.entries, entry), leaf=number)

    def changed(self, number: int, **changes: Any) -> Conversation:
        """With another text, remark or state of a message."""
        entries = (replace(entry, **changes) if entry.id == number else entry for entry in self.entries)
        return replace(self, entries=tuple(entries))

    # ---- What a person can do ----

    def asked(self, text: str) -> Conversation:
        """A question at the end, and its answer, which is still to be written."""
        return self._added("user", text, self.leaf)._answering()

    def _answering(self) -> Conversation:
        return self._added("assistant", "", self.leaf, busy=True)

    def asked_again(self, number: int) -> Conversation:
        """Another answer beside this one."""
        return replace(self, leaf=self.entry(number).parent)._answering()

    def edited(self, number: int, text: str) -> Conversation:
        """Another version beside this message: a question is asked anew, an answer is as it was written."""
        entry = self.entry(number)
        beside = self._added(entry.role, text, entry.parent)
        if entry.role == "user":
            return beside._answering()
        return beside.changed(beside.entries[-1].id, remark="edited")

    def going_on(self, number: int) -> Conversation:
        """The answer, which is the last message, is written on."""
        return self.changed(number, busy=True, remark="")

    def branched(self, number: int, text: str) -> Conversation:
        """Another version beside this answer, which begins with *text* and is written on."""
        answering = self.asked_again(number)
        return answering.changed(answering.entries[-1].id, text=text)

    def switched(self, number: int, step: int) -> Conversation:
        """Another version in the place of this message, with what followed; at the ends nothing changes."""
        versions = self.versions()[self.entry(number).parent]
        place = min(max(versions.index(number) + step, 0), len(versions) - 1)
        return replace(self, leaf=self._newest_below(versions[place]))

    def without(self, number: int) -> Conversation:
        """Without a message and all that followed it; another version takes its place if there is one."""
        entry, gone = self.entry(number), {number}
        for other in self.entries:
            if other.parent in gone:
                gone.add(other.id)
        rest = replace(self, entries=tuple(other for other in self.entries if other.id not in gone))
        left = rest.versions().get(entry.parent)
        return replace(rest, leaf=rest._newest_below(left[-1]) if left else entry.parent)

    # ---- To keep it ----

    def to_json(self) -> dict[str, Any]:
        """All of it; an answer that has no text yet is left out."""
        followed = {entry.parent for entry in self.entries}
        kept = [entry for entry in self.entries if entry.text or entry.id in followed]
        ids = {entry.id for entry in kept}
        leaf = next((entry.id for entry in reversed(self.path) if entry.id in ids), None)
        return {
            "name": self.name,
            "title": self.given_title,
            "pinned": self.pinned,
            "leaf": leaf,
            "entries": [
                [entry.id, entry.parent, entry.role, entry.text, entry.remark, entry.model] for entry in kept
            ],
        }

    @classmethod
    def from_json(cls, data: Any) -> Conversation:
        """What ``to_json`` gave.

        Raises:
            ValueError, KeyError, TypeError: It is something else.
        """
        entries: list[Entry] = []
        known: set[int | None] = {None}
        for number, parent, role, text, remark, *model in data["entries"]:
            if parent not in known or number in known or role not in ("user", "assistant"):
                raise ValueError(f"message {number!r} has no place in the conversation")
            if entries and number <= entries[-1].id:
                raise ValueError(f"message {number!r} comes too late")
            by = str(model[0]) if model else ""  # older ones do not say it
            entries.append(Entry(int(number), role, str(text), parent, remark=str(remark), model=by))
            known.add(number)
        if data["leaf"] not in known:
            raise ValueError(f"there is no message {data['leaf']!r}")
        title, pinned = str(data.get("title", "")), bool(data.get("pinned", False))
        return cls(str(data["name"]), tuple(entries), data["leaf"], title, pinned)
