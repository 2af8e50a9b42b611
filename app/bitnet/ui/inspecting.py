"""The work of the inspector: reads what the model in use is, and counts its weights when asked."""

from __future__ import annotations

import json
from contextlib import aclosing

from bitnet import inspection
from bitnet.errors import BitNetError
from bitnet.host import Host
from bitnet.ui import state as states
from bitnet.ui.inspector import Inspector
from bitnet.ui.models import Models
from bitnet.ui.screen import Screen
from bitnet.ui.state import Alert
from bitnet.ui.work import Work

#: What a visitor has looked for is forgotten when the dialog is opened again.
FIELDS = ("inspector-search", "inspector-filter")


class Inspecting:
    """Shows one model at a time: the one in use."""

    def __init__(self, host: Host, screen: Screen, models: Models) -> None:
        self._host, self._screen, self._models = host, screen, models
        self._work = Work(screen)

    def begin(self) -> None:
        model, screen = self._models.model, self._screen
        if model is None:
            return
        try:
            seen = Inspector.of(model.info, model.memory(), self._host.heap_bytes())
        except BitNetError as error:
            screen.show(states.alerted(screen.state, Alert(str(error))))
            return
        screen.show(states.inspected(screen.state, seen), *(["value", field, ""] for field in FIELDS))

    def end(self) -> None:
        self._work.stop()
        self._screen.show(states.inspected(self._screen.state, None))

    def search(self, text: str) -> None:
        self._screen.show(states.metadata_searched(self._screen.state, text))

    def filter(self, text: str) -> None:
        self._screen.show(states.tensors_filtered(self._screen.state, text))

    def sort(self, column: str) -> None:
        self._screen.show(states.tensors_sorted(self._screen.state, column))

    def count(self) -> None:
        self._work.begin(self._count)

    def export(self) -> None:
        """Hand out all that is known, as JSON."""
        seen, model = self._screen.state.inspector, self._screen.state.model
        if seen and model:
            text = json.dumps(inspection.report(seen.info, seen.memory, seen.weights.counts), indent=1)
            self._screen.show(self._screen.state, ["download", f"{model.name}.json", text])

    async def _count(self) -> None:
        model, screen = self._models.model, self._screen
        if model is None:
            return
        screen.show(states.counting_began(screen.state))
        try:
            async with aclosing(model.count_weights()) as counts:
                async for each in counts:
                    screen.show_at_leisure(states.weights_counted(screen.state, each))
        except BitNetError as error:
            screen.show(states.alerted(screen.state, Alert(str(error))))
            return
        screen.show(states.counting_ended(screen.state))
