"""The state and what the page shows of it, kept in step."""

from __future__ import annotations

import time
from collections.abc import Callable

from bitnet.ui import state as states
from bitnet.ui.conversation_view import entry_id
from bitnet.ui.patches import Patch, Patches
from bitnet.ui.state import State
from bitnet.ui.view import view

SAVE_EVERY_S = 1.0  # while an answer is being written, so that a crash costs little
PROGRESS_EVERY_S = 0.05


class Screen:
    """Holds the current state; every change of it goes through here.

    Attributes:
        keep: Keeps the conversation beyond this tab, and returns the state as it is then.
    """

    keep: Callable[[State], State] = staticmethod(lambda state: state)

    def __init__(self, state: State, patches: Patches) -> None:
        self.state = state
        self._patches = patches
        self._last_save = self._last_show = 0.0
        self.show(state)

    def show(self, state: State, *extra: Patch, save: bool = False) -> None:
        """Make *state* the current one; *save* also gives the page a snapshot to keep."""
        self.state = self.keep(state) if save else state
        self._last_show = time.monotonic()
        if save:
            self._last_save = self._last_show
            extra = (*extra, ["save", states.snapshot(state)])
        self._patches.show(view(self.state), *extra)

    def show_at_leisure(self, state: State) -> None:
        """The same for what changes faster than anybody reads: it is shown now and then."""
        self.state = state
        if time.monotonic() - self._last_show >= PROGRESS_EVERY_S:
            self.show(state)

    def append(self, piece: str) -> None:
        """Add a piece to the answer: with every token, so it costs one small message."""
        self.state = states.piece_came(self.state, piece)
        self._patches.append(entry_id(self.state.chat, self.state.answer), piece)
        if time.monotonic() - self._last_save >= SAVE_EVERY_S:
            self.show(self.state, save=True)

    def cut(self, n_characters: int) -> None:
        """End the answer after *n_characters*."""
        self.state = states.answer_cut(self.state, n_characters)
        self.show_answer()

    def show_answer(self) -> None:
        """Write the last answer anew, whatever the page shows of it."""
        if self.state.entries:
            self._patches.rewrite(entry_id(self.state.chat, self.state.answer), self.state.answer.text)

    def show_settings(self, *, save: bool = False) -> None:
        """The visitor writes to these fields too, so they are set whether or not the state has changed."""
        state = self.state
        preset = state.presets.current(state.settings, state.defaults)
        values = {f"setting-{name}": text for name, text in state.settings.fields().items()}
        values["preset"] = preset.name if preset else ""
        self.show(state, *(["value", *each] for each in values.items()), save=save)
