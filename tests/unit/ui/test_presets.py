"""Presets: which one the settings are, and what is kept of one's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from bitnet.ui.own_presets import KEY, OwnPresets
from bitnet.ui.patches import Patches
from bitnet.ui.presets import Preset, Presets
from bitnet.ui.screen import Screen
from bitnet.ui.settings import Settings
from bitnet.ui.state import State

COOL = Settings().with_fields({"temperature": "0.35"})
WARM = Settings.of_sampling({"temperature": 0.9, "top_p": 0.8})
KIND = Settings().with_fields({"system": "Be kind.", "temperature": "0.35"})


class Memory:
    def __init__(self, **texts: str) -> None:
        self.texts = texts

    async def entries(self) -> dict[str, str]:
        return dict(self.texts)

    async def write(self, key: str, text: str) -> None:
        self.texts[key] = text

    async def remove(self, key: str) -> None:
        del self.texts[key]


class Refusing(Memory):
    async def write(self, key: str, text: str) -> None:
        raise OSError("QuotaExceededError")


class Desk:
    """A screen with presets, whose settings are changed as *fields* say."""

    def __init__(self, texts: Memory | None, settings: Settings = KIND) -> None:
        self.sent: list[list[Any]] = []
        patches = Patches(lambda text: self.sent.extend(json.loads(text)["patches"]))
        self.screen = Screen(State(settings=settings), patches)
        self.fields: Mapping[str, str] = {}
        self.presets = OwnPresets(self.screen, texts, change=self._change)

    def _change(self, fields: Mapping[str, str]) -> None:
        self.fields = fields

    @property
    def own(self) -> list[str]:
        return [preset.name for preset in self.screen.state.presets.own]


def test_settings_are_the_preset_that_they_fit() -> None:
    presets = Presets((Preset("Mine", COOL.chat_fields()),))
    for settings, name in ((WARM, "Balanced"), (COOL, "Mine")):
        current = presets.current(settings, WARM)
        assert current is not None
        assert current.name == name
    assert presets.current(COOL.with_fields({"top_k": "7"}), WARM) is None


def test_of_equal_presets_it_is_the_one_that_was_chosen() -> None:
    two = (Preset("One", COOL.chat_fields()), Preset("Two", COOL.chat_fields()))
    for name in ("One", "Two"):
        current = Presets(two, chosen=name).current(COOL, WARM)
        assert current is not None
        assert current.name == name


def test_built_in_presets_follow_the_model_and_leave_the_system_prompt() -> None:
    precise, lively = (Presets().named(name, WARM) for name in ("Precise", "Lively"))
    assert precise
    assert lively
    assert precise.fields == {**precise.fields, "temperature": "0.2", "top_p": "0.8"}
    assert lively.fields["temperature"] == "1"
    assert "system" not in precise.fields | lively.fields


def test_a_saved_preset_is_kept_renamed_and_deleted() -> None:
    async def run(desk: Desk) -> None:
        await desk.presets.save("  Kind  words ")
        assert json.loads(texts.texts[KEY + "Kind words"]) == KIND.chat_fields()
        assert ["value", "preset", "Kind words"] in desk.sent
        await desk.presets.rename("Kind words", "Kinder")
        assert list(texts.texts) == [KEY + "Kinder"]
        desk.presets.choose("Kinder")
        assert desk.fields == KIND.chat_fields()
        await desk.presets.delete("Kinder")
        assert texts.texts == {}
        assert desk.own == []

    texts = Memory()
    asyncio.run(run(Desk(texts)))


def test_presets_are_found_again_except_those_that_mean_nothing() -> None:
    kept = {"chat/1": "{}", KEY + "Good": '{"temperature": "0.5"}', KEY + "Hot": '{"temperature": "99"}'}
    desk = Desk(Memory(**kept, **{KEY + "Torn": '{"tem'}))
    asyncio.run(desk.presets.look())
    assert desk.own == ["Good"]


def test_a_preset_needs_a_name_that_no_built_in_one_has() -> None:
    desk = Desk(Memory())
    for name in (" ", "Precise"):
        asyncio.run(desk.presets.save(name))
        assert "needs a name of its own" in desk.screen.state.settings_problem
    assert desk.own == []


def test_a_browser_that_keeps_nothing_is_told_of() -> None:
    for texts in (Refusing(), None):
        desk = Desk(texts)
        asyncio.run(desk.presets.save("Mine"))
        assert "refuses to store presets" in desk.screen.state.settings_problem
        assert desk.own == []
