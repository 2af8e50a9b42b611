"""The work of the list of conversations: each is kept while it is written, and can be opened again."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol

from bitnet.ui import state as states
from bitnet.ui.chat_list import Record, Saved
from bitnet.ui.chats_view import RENAME_FIELD
from bitnet.ui.conversation import Conversation, Entry
from bitnet.ui.screen import Screen
from bitnet.ui.state import Alert, State

logger = logging.getLogger("bitnet")

KEY = "chat/"


class Texts(Protocol):
    """Small texts that outlive the page, by key; a method raises whatever the platform raises."""

    async def entries(self) -> Mapping[str, str]:
        """All of them."""

    async def write(self, key: str, text: str) -> None:
        """Keep a text in place of the one before."""

    async def remove(self, key: str) -> None:
        """Delete a text, if there is one."""


def new_chat() -> Conversation:
    """An empty conversation with a name that no other has."""
    return Conversation(secrets.token_hex(8))


class Chats:
    """Keeps the conversation of the screen, and opens, changes and deletes the others.

    Args:
        texts: Where they are kept, None where that is not possible.
        between_turns: Does some work when no answer is being written; one that is, is stopped.
    """

    def __init__(
        self,
        screen: Screen,
        texts: Texts | None,
        *,
        between_turns: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        self._screen, self._texts, self._between_turns = screen, texts, between_turns
        self._waiting: dict[str, str | None] = {}  # what is still to be written, or deleted, by key
        self._writing: asyncio.Task[None] | None = None
        self._deleted: Record | None = None
        self._last_entries: tuple[Entry, ...] = ()  # of the conversation that was kept last

    # ---- Keeping ----

    def keep(self, state: State) -> State:
        """Write what *state* shows; returns it with the list as it is then."""
        chat = state.chat
        if not chat.entries:
            self._put(chat.name, None)
            return replace(state, chats=state.chats.without(chat.name))
        record = record_of(state)
        if chat.entries is self._last_entries:  # a title says nothing new
            record = replace(record, changed_s=state.chats.changed_s(chat.name) or record.changed_s)
        self._last_entries = chat.entries
        self._put(chat.name, json.dumps(record.to_json()))
        return replace(state, chats=state.chats.with_record(record))

    def _put(self, name: str, text: str | None) -> None:
        if self._texts is None:
            return
        self._waiting[KEY + name] = text
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(self._texts))

    async def _write(self, texts: Texts) -> None:
        """One after the other: of one key the last text counts."""
        while self._waiting:
            key = next(iter(self._waiting))
            text = self._waiting.pop(key)
            try:
                await (texts.remove(key) if text is None else texts.write(key, text))
            except Exception:
                logger.exception("A conversation could not be kept")
                self._say_not_kept()
                return

    def _say_not_kept(self) -> None:
        """Once: the tab still has the conversation, and says so no more."""
        self._texts = None
        self._waiting.clear()
        self._screen.show(replace(self._screen.state, alert=Alert(NOT_KEPT)))

    async def settled(self) -> None:
        """Wait until everything is written."""
        if self._writing:
            await self._writing

    # ---- The list ----

    async def read(self) -> dict[str, Record]:
        """All conversations that are kept, by name; the list shows them from now on."""
        if self._texts is None:
            return {}
        await self.settled()
        try:
            texts = await self._texts.entries()
        except Exception:  # a browser that keeps nothing in this window: the first write will say so
            logger.exception("The kept conversations cannot be read")
            return {}
        read = (Record.read(text) for key, text in texts.items() if key.startswith(KEY))
        records = {record.chat.name: record for record in read if record}
        items = tuple(Saved.of(record) for record in records.values())
        self._show_list(items=items)
        return records

    async def look(self) -> None:
        """Show the list as it is now; another tab may have changed it."""
        await self.read()

    def _show_list(self, **changes: object) -> None:
        state = self._screen.state
        self._screen.show(replace(state, chats=replace(state.chats, **changes)))  # type: ignore[arg-type]

    async def search(self, words: str) -> None:
        """Show those in which all of *words* occur, "" for all of them."""
        records = await self.read() if words.strip() else {}
        found = frozenset(name for name, record in records.items() if record.says(words))
        self._show_list(words=words.strip(), found=found)

    # ---- What a person can do with them ----

    def begin_anew(self) -> None:
        self._open(new_chat())

    def _open(self, chat: Conversation) -> None:
        async def open_it() -> None:
            self._screen.show(states.chat_opened(self._screen.state, chat), save=True)

        self._between_turns(open_it)

    async def open(self, name: str) -> None:
        """Show a conversation with the settings that it had."""
        record = (await self.read()).get(name)
        if record is None:
            self._forget(name)
            self._screen.show(replace(self._screen.state, alert=Alert(GONE, is_problem=False)))
            return

        async def open_it() -> None:
            screen, self._last_entries = self._screen, record.chat.entries
            state = states.chat_opened(screen.state, record.chat)
            screen.state = replace(state, settings=state.settings.with_chat(record.settings))
            screen.show_settings(save=True)

        self._between_turns(open_it)

    def rename(self, title: str) -> None:
        self._change_chat(given_title=" ".join(title.split()))

    def ask_for_title(self, *, wanted: bool) -> None:
        self._show_list(renaming=wanted)
        if wanted:
            self._screen.show(self._screen.state, ["focus", RENAME_FIELD])

    def pin(self) -> None:
        self._change_chat(pinned=not self._screen.state.chat.pinned)

    def _change_chat(self, **changes: object) -> None:
        state = self._screen.state
        chat = replace(state.chat, **changes)  # type: ignore[arg-type]
        chats = replace(state.chats, renaming=False)
        self._screen.show(replace(state, chat=chat, chats=chats), save=True)

    def delete(self) -> None:
        """The open conversation; it can be had back until something else happens."""

        async def delete_it() -> None:
            state = self._screen.state
            self._deleted = record_of(state)
            self._forget(state.chat.name)
            alert = Alert(f"“{state.chat.title}” is deleted.", "restore_chat", is_problem=False)
            emptied = states.chat_opened(self._screen.state, new_chat())
            self._screen.show(replace(emptied, alert=alert), save=True)

        self._between_turns(delete_it)

    def _forget(self, name: str) -> None:
        self._put(name, None)
        state = self._screen.state
        self._screen.show(replace(state, chats=state.chats.without(name)))

    def restore(self) -> None:
        if self._deleted:
            self._open(self._deleted.chat)

    # ---- Files ----

    def export(self, kind: str) -> None:
        """Give the visitor the open conversation, as "json" or "md"."""
        record = record_of(self._screen.state)
        text = record.markdown() if kind == "md" else json.dumps([record.to_json()], ensure_ascii=False)
        self._give(record.chat.title, kind, text)

    async def export_all(self) -> None:
        records = [record.to_json() for record in (await self.read()).values()]
        self._give("Conversations", "json", json.dumps(records, ensure_ascii=False))

    def _give(self, title: str, kind: str, text: str) -> None:
        plain = "".join(c if c.isalnum() or c in " -" else " " for c in title)
        name = f"{' '.join(plain.split())[:50].strip() or 'Conversation'}.{kind}"
        self._screen.show(self._screen.state, ["download", name, text])

    async def take_in(self, text: str) -> None:
        """Keep the conversations of an exported file beside those that there are, and open the first."""
        try:
            data = json.loads(text)
            found = [Record.from_json(item) for item in data] if isinstance(data, list) else []
        except (ValueError, KeyError, TypeError, AttributeError):
            found = []
        if not found:
            self._screen.show(replace(self._screen.state, alert=Alert(NOT_OURS)))
            return
        state = self._screen.state
        known = {item.name for item in state.chats.items}
        records = [
            replace(record, chat=replace(record.chat, name=new_chat().name))
            if record.chat.name in known
            else record
            for record in found
        ]
        for record in records:
            self._put(record.chat.name, json.dumps(record.to_json()))
        chats = state.chats.with_items(map(Saved.of, records))
        self._screen.show(replace(state, chats=chats))
        await self.open(records[0].chat.name)


NOT_KEPT = (
    "This conversation cannot be kept beyond this tab: the browser refuses to store it. Export what you need."
)
NOT_OURS = "This file holds no conversations of this page: choose a JSON file that was exported here."
GONE = "This conversation is no longer there: it was deleted, perhaps in another tab."


def record_of(state: State) -> Record:
    """What is kept of the conversation that *state* shows."""
    model = state.model.title if state.model else ""
    return Record(state.chat, state.settings, model, state.address, time.time())
