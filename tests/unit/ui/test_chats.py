"""The list of conversations over texts in memory: what is kept when, and what is said when nothing can be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from bitnet.records import Timings
from bitnet.ui import state as states
from bitnet.ui.chat_list import Record
from bitnet.ui.chats import KEY, NOT_KEPT, NOT_OURS, Chats, Texts
from bitnet.ui.conversation import Conversation
from bitnet.ui.patches import Patches
from bitnet.ui.screen import Screen
from bitnet.ui.settings import Settings
from bitnet.ui.state import ModelCard, State
from bitnet.ui.work import Work

PRICES = (("f16", 10_000), ("int8", 5_156))
MODEL = ModelCard(
    "tiny", "Tiny Model", 1000, "MIT", context_length=64, n_ctx_train=64, kv_bytes_per_position=PRICES
)


class Memory:
    """Keeps texts, slowly."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.n_writes = 0

    async def entries(self) -> dict[str, str]:
        return dict(self.texts)

    async def write(self, key: str, text: str) -> None:
        await asyncio.sleep(0)
        self.texts[key] = text
        self.n_writes += 1

    async def remove(self, key: str) -> None:
        await asyncio.sleep(0)
        self.texts.pop(key, None)


class Refusing(Memory):
    """As a browser in a window that keeps nothing."""

    async def write(self, key: str, text: str) -> None:
        raise OSError("QuotaExceededError")


class Desk:
    """A screen whose conversations are kept in *texts*."""

    def __init__(self, texts: Texts | None) -> None:
        self.sent: list[list[Any]] = []
        state = states.model_ready(State(chat=Conversation("one")), MODEL)
        self.screen = Screen(state, Patches(lambda text: self.sent.extend(json.loads(text)["patches"])))
        self._work = Work(self.screen)
        self.chats = Chats(self.screen, texts, between_turns=self._work.begin)
        self.screen.keep = self.chats.keep

    def say(self, question: str, answer: str) -> None:
        screen = self.screen
        screen.show(states.asked(screen.state, question), save=True)
        screen.state = states.piece_came(screen.state, answer)
        screen.show(states.answered(screen.state, "end", Timings(), 9), save=True)

    async def settled(self) -> None:
        await self._work.idle()
        await self.chats.settled()


def at_a_desk(test: Callable[[Desk], Awaitable[None]], texts: Texts | None) -> Desk:
    async def run() -> Desk:
        desk = Desk(texts)
        await test(desk)
        return desk

    return asyncio.run(run())


def titles(desk: Desk) -> list[str]:
    return [item.title for item in desk.screen.state.chats.shown()]


def test_a_conversation_is_kept_while_it_is_written() -> None:
    texts = Memory()

    async def test(desk: Desk) -> None:
        desk.screen.show(states.asked(desk.screen.state, "Hello!"), save=True)
        await desk.settled()
        assert [entry.text for entry in (read(texts, "one")).chat.entries] == ["Hello!"]
        desk.screen.show(states.piece_came(desk.screen.state, "Hi"), save=True)
        await desk.settled()
        assert [entry.text for entry in (read(texts, "one")).chat.entries] == ["Hello!", "Hi"]

    at_a_desk(test, texts)


def read(texts: Memory, name: str) -> Record:
    record = Record.read(texts.texts[KEY + name])
    assert record is not None
    return record


def test_of_what_waits_to_be_written_the_last_counts() -> None:
    texts = Memory()

    async def test(desk: Desk) -> None:
        for n in range(20):
            desk.say(f"Question {n}", "Answer")
        await desk.settled()
        assert len(read(texts, "one").chat.entries) == 40
        assert texts.n_writes < 5

    at_a_desk(test, texts)


def test_an_empty_conversation_is_not_listed() -> None:
    texts = Memory()

    async def test(desk: Desk) -> None:
        desk.say("Hello!", "Hi")
        desk.screen.show(states.message_deleted(desk.screen.state, 0), save=True)
        await desk.settled()
        assert titles(desk) == []
        assert texts.texts == {}

    at_a_desk(test, texts)


def test_what_cannot_be_kept_is_said_once() -> None:
    async def test(desk: Desk) -> None:
        desk.say("Hello!", "Hi")
        await desk.settled()
        alert = desk.screen.state.alert
        assert alert is not None
        assert alert.sentence == NOT_KEPT
        desk.say("And you?", "Well")
        await desk.settled()
        assert desk.screen.state.alert is None
        assert titles(desk) == ["Hello!"]

    at_a_desk(test, Refusing())


def test_a_title_does_not_make_a_conversation_newer() -> None:
    async def test(desk: Desk) -> None:
        desk.say("Hello!", "Hi")
        before = desk.screen.state.chats.changed_s("one")
        desk.chats.rename("  Small \n talk ")
        assert titles(desk) == ["Small talk"]
        assert desk.screen.state.chats.changed_s("one") == before

    at_a_desk(test, Memory())


def test_opening_gives_back_what_belongs_to_a_conversation() -> None:
    async def test(desk: Desk) -> None:
        desk.screen.state = replace(desk.screen.state, settings=Settings(system="Be kind.", context=32))
        desk.say("Hello!", "Hi")
        desk.chats.begin_anew()
        await desk.settled()
        desk.screen.state = replace(desk.screen.state, settings=Settings(system="Be brief.", context=16))
        desk.say("Who are you?", "A model")
        await desk.settled()
        assert titles(desk) == ["Who are you?", "Hello!"]
        await desk.chats.open("one")
        await desk.settled()
        state = desk.screen.state
        assert [entry.text for entry in state.entries] == ["Hello!", "Hi"]
        assert (state.settings.system, state.settings.context) == ("Be kind.", 16)
        assert titles(desk) == ["Who are you?", "Hello!"], "to look at one is not to say something"

    at_a_desk(test, Memory())


def test_one_that_another_tab_has_deleted_is_no_longer_listed() -> None:
    texts = Memory()

    async def test(desk: Desk) -> None:
        desk.say("Hello!", "Hi")
        desk.chats.begin_anew()
        await desk.settled()
        texts.texts.clear()
        await desk.chats.open("one")
        assert titles(desk) == []
        assert desk.screen.state.alert is not None

    at_a_desk(test, texts)


@pytest.mark.parametrize(
    ("words", "found"), [("HI", ["Hello!"]), ("hello i", ["Hello!"]), ("", ["Straße", "Hello!"]), ("no", [])]
)
def test_words_are_found_in_questions_and_answers(words: str, found: list[str]) -> None:
    async def test(desk: Desk) -> None:
        desk.say("Hello!", "Hi")
        desk.chats.begin_anew()
        await desk.settled()
        desk.say("Straße", "A way")
        await desk.chats.search(words)
        assert titles(desk) == found

    at_a_desk(test, Memory())


def test_what_is_imported_stands_beside_what_is_there() -> None:
    async def test(desk: Desk) -> None:
        desk.say("Hello!", "Hi")
        await desk.settled()
        await desk.chats.export_all()
        [exported] = [patch for patch in desk.sent if patch[0] == "download"]
        assert exported[1] == "Conversations.json"
        await desk.chats.take_in(exported[2])
        await desk.settled()
        assert titles(desk) == ["Hello!", "Hello!"]
        assert desk.screen.state.chat.name != "one"

    at_a_desk(test, Memory())


@pytest.mark.parametrize(
    "text", ["", "{", "7", "{}", "[7]", "[[]]", '[{"version": 2}]', '[{"version": 1}]', "null"]
)
def test_a_file_with_something_else_is_refused(text: str) -> None:
    async def test(desk: Desk) -> None:
        desk.say("Hello!", "Hi")
        await desk.chats.take_in(text)
        alert = desk.screen.state.alert
        assert alert is not None
        assert alert.sentence == NOT_OURS
        assert titles(desk) == ["Hello!"]

    at_a_desk(test, Memory())


def test_damaged_texts_are_left_aside() -> None:
    texts = Memory()
    texts.texts = {f"{KEY}bad": "{", f"{KEY}worse": "[]", "other": "something"}

    async def test(desk: Desk) -> None:
        await desk.chats.look()
        assert titles(desk) == []

    at_a_desk(test, texts)
    assert len(texts.texts) == 3, "and not deleted"
