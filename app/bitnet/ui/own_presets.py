"""The work of presets: they are chosen, and kept on this device."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bitnet.errors import BadArgument
from bitnet.ui.chats import Texts
from bitnet.ui.presets import Preset, Presets, built_in
from bitnet.ui.screen import Screen
from bitnet.ui.settings import Settings

logger = logging.getLogger("bitnet")

KEY = "preset/"


class OwnPresets:
    """Keeps presets, and makes the settings those of one.

    Args:
        texts: Where they are kept, None where that is not possible.
        change: Makes settings of fields.
    """

    def __init__(
        self, screen: Screen, texts: Texts | None, *, change: Callable[[Mapping[str, str]], None]
    ) -> None:
        self._screen, self._texts, self._change = screen, texts, change

    async def look(self) -> None:
        """Show those that are kept now; another tab may have changed them."""
        if self._texts is None:
            return
        try:
            texts = await self._texts.entries()
        except Exception:  # a browser that keeps nothing in this window: the first write will say so
            logger.exception("The kept presets cannot be read")
            return
        read = (_read(key.removeprefix(KEY), text) for key, text in texts.items() if key.startswith(KEY))
        self._show(own=tuple(preset for preset in read if preset))

    def choose(self, name: str) -> None:
        """Make the settings of the conversation those of the preset *name*, "" for none."""
        state = self._screen.state
        if preset := state.presets.named(name, state.defaults):
            self._screen.state = replace(state, presets=replace(state.presets, chosen=name))
            self._change(preset.fields)

    async def save(self, name: str) -> None:
        """Keep the settings of the conversation under *name*, in place of what had that name."""
        await self._put(name, self._screen.state.settings.chat_fields())

    async def rename(self, before: str, name: str) -> None:
        preset = self._own(before)
        if preset and name.strip() != before and await self._put(name, preset.fields):
            await self.delete(before)

    async def delete(self, name: str) -> None:
        if self._own(name) and await self._write(lambda texts: texts.remove(KEY + name)):
            self._show(own=self._without(name))

    async def _put(self, name: str, fields: Mapping[str, str]) -> bool:
        name = " ".join(name.split())
        if not name or name in {preset.name for preset in built_in(self._screen.state.defaults)}:
            self._say("A preset needs a name of its own: choose another one.")
            return False
        text = json.dumps(dict(fields))
        if not await self._write(lambda texts: texts.write(KEY + name, text)):
            return False
        self._say("")
        self._show(own=(*self._without(name), Preset(name, fields)), chosen=name)
        self._screen.show(self._screen.state, ["value", "preset-name", ""])
        return True

    def _own(self, name: str) -> Preset | None:
        return next((preset for preset in self._screen.state.presets.own if preset.name == name), None)

    def _without(self, name: str) -> tuple[Preset, ...]:
        return tuple(preset for preset in self._screen.state.presets.own if preset.name != name)

    async def _write(self, work: Callable[[Texts], Awaitable[None]]) -> bool:
        """Whether it was possible."""
        try:
            if self._texts:
                await work(self._texts)
                return True
        except Exception:
            logger.exception("A preset could not be kept")
        self._say("This browser refuses to store presets: allow this site to store data, then try again.")
        return False

    def _say(self, problem: str) -> None:
        self._screen.show(replace(self._screen.state, settings_problem=problem))

    def _show(self, **changes: object) -> None:
        state = self._screen.state
        presets: Presets = replace(state.presets, **changes)  # type: ignore[arg-type]
        self._screen.state = replace(state, presets=presets)
        self._screen.show_settings()


def _read(name: str, text: str) -> Preset | None:
    """The preset that *text* holds, None if it holds none that still has a meaning."""
    try:
        fields = Settings().with_fields(json.loads(text)).chat_fields()
        return Preset(name, fields)
    except (ValueError, TypeError, AttributeError, BadArgument):
        return None
