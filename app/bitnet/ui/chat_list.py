"""The conversations that this browser keeps: frozen data for the list, and the record that each one is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from bitnet.ui.conversation import Conversation, Entry
from bitnet.ui.settings import Settings

#: Format of a record and of an exported file.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Record:
    """A conversation with what belongs to it, as it is kept and exported.

    Attributes:
        model: Title of the model that answered last.
        address: Where that model comes from, "" for a file of this machine.
        changed_s: When something was last said, in seconds since 1970.
    """

    chat: Conversation
    settings: Settings
    model: str = ""
    address: str = ""
    changed_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        rest = {"model": self.model, "address": self.address, "changed_s": self.changed_s}
        return {
            "version": VERSION,
            "chat": self.chat.to_json(),
            "settings": self.settings.chat_fields(),
            **rest,
        }

    @classmethod
    def from_json(cls, data: Any) -> Record:
        """What ``to_json`` gave.

        Raises:
            ValueError, KeyError, TypeError: It is something else.
        """
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']!r} is unknown")
        settings = Settings().with_fields(data["settings"])
        chat, model, address = Conversation.from_json(data["chat"]), str(data["model"]), str(data["address"])
        return cls(chat, settings, model, address, float(data["changed_s"]))

    @classmethod
    def read(cls, text: str) -> Record | None:
        """The record that *text* holds, None if it holds none."""
        try:
            return cls.from_json(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def says(self, words: str) -> bool:
        """Whether all of *words* occur in it."""
        said = " ".join([self.chat.title, *(entry.text for entry in self.chat.entries)]).casefold()
        return all(word in said for word in words.casefold().split())

    def markdown(self) -> str:
        """What is shown of it, for people to read."""
        said = [f"**{self._name(entry)}**\n\n{entry.text}" for entry in self.chat.path if entry.text]
        return "\n\n".join([f"# {self.chat.title}", *said]) + "\n"

    def _name(self, entry: Entry) -> str:
        return "You" if entry.role == "user" else entry.model or self.model or "Model"


@dataclass(frozen=True, slots=True)
class Saved:
    """A line of the list."""

    name: str
    title: str
    pinned: bool
    changed_s: float

    @classmethod
    def of(cls, record: Record) -> Saved:
        chat = record.chat
        return cls(chat.name, chat.title, chat.pinned, record.changed_s)


@dataclass(frozen=True, slots=True)
class ChatList:
    """*found* are the names of those in which *words* were found; *renaming*: the open one gets a title."""

    items: tuple[Saved, ...] = ()
    words: str = ""
    found: frozenset[str] = frozenset()
    renaming: bool = False

    def shown(self) -> tuple[Saved, ...]:
        """The pinned ones first, then those in which something was said last."""
        items = (item for item in self.items if not self.words or item.name in self.found)
        return tuple(sorted(items, key=lambda item: (not item.pinned, -item.changed_s)))

    def changed_s(self, name: str) -> float | None:
        """When something was last said in this one, None if it is not in the list."""
        return next((item.changed_s for item in self.items if item.name == name), None)

    def with_record(self, record: Record) -> ChatList:
        return self.without(record.chat.name).with_items([Saved.of(record)])

    def with_items(self, items: Iterable[Saved]) -> ChatList:
        return replace(self, items=(*self.items, *items))

    def without(self, name: str) -> ChatList:
        return replace(self, items=tuple(item for item in self.items if item.name != name))
