"""Presets: settings of a conversation under a name. Frozen data, and how one is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bitnet.ui.settings import Settings

SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")


@dataclass(frozen=True, slots=True)
class Preset:
    """*fields* are the settings that it stands for, as text; the others stay as they are."""

    name: str
    fields: Mapping[str, str]
    is_own: bool = True

    def fits(self, settings: Settings) -> bool:
        """Whether *settings* are what it stands for."""
        return self.fields.items() <= settings.fields().items()


def built_in(defaults: Settings) -> tuple[Preset, ...]:
    """How freely words are chosen: as a model's *defaults* have it, less so, and more so."""
    own = {name: text for name, text in defaults.fields().items() if name in SAMPLING}
    precise, lively = {"temperature": "0.2"}, {"temperature": "1", "min_p": "0.05"}
    return (
        Preset("Balanced", own, is_own=False),
        Preset("Precise", own | precise, is_own=False),
        Preset("Lively", own | lively, is_own=False),
    )


@dataclass(frozen=True, slots=True)
class Presets:
    """Those that this device keeps; *chosen* is the name of the last one that was chosen or saved."""

    own: tuple[Preset, ...] = ()
    chosen: str = ""

    def all(self, defaults: Settings) -> tuple[Preset, ...]:
        """The built-in ones, then one's own by their names."""
        own = sorted(self.own, key=lambda preset: preset.name.casefold())
        return (*built_in(defaults), *own)

    def named(self, name: str, defaults: Settings) -> Preset | None:
        return next((preset for preset in self.all(defaults) if preset.name == name), None)

    def current(self, settings: Settings, defaults: Settings) -> Preset | None:
        """The one that *settings* are: one's own before the others, None if they are none of them."""
        fitting = [preset for preset in self.all(defaults) if preset.fits(settings)]
        fitting.sort(key=lambda preset: (preset.name != self.chosen, not preset.is_own))
        return fitting[0] if fitting else None
