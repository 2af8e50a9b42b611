"""The work of the benchmark: measures the model in use beside its conversation, which stays as it is."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import bitnet
from bitnet.bench import Speed
from bitnet.errors import BitNetError
from bitnet.host import Host
from bitnet.ui import figures
from bitnet.ui.benchmark import Benchmark
from bitnet.ui.benchmark_view import KINDS, picture
from bitnet.ui.models import Models
from bitnet.ui.screen import Screen
from bitnet.ui.work import Work


class Benchmarking:
    """One run at a time; it waits for an answer that is being written.

    Args:
        turns: The work of the conversation.
    """

    def __init__(self, host: Host, screen: Screen, models: Models, turns: Work) -> None:
        self._host, self._screen, self._models, self._turns = host, screen, models, turns
        self._work = Work(screen, stopped=lambda: self._change(running=None))

    def open(self) -> None:
        """Show what was measured of the model in use, if anything was."""
        if seen := self._of_the_model_in_use():
            self._show(replace(seen, is_open=True, problem=""))

    def _of_the_model_in_use(self) -> Benchmark | None:
        card, seen = self._screen.state.model, self._screen.state.benchmark
        if card is None or (seen and seen.model == card.title):
            return seen
        return Benchmark(card.title, {})

    def leave(self) -> None:
        """Close the dialog; what runs is stopped."""
        self._work.stop()
        self._change(is_open=False, running=None)

    def run(self) -> None:
        model, seen = self._models.model, self._of_the_model_in_use()
        if model and seen:
            self._show(seen)
            self._work.begin(lambda: self._measure(model))

    def stop(self) -> None:
        self._work.stop()

    def export(self, kind: str) -> None:
        """Hand out the numbers ("json"), or one of the pictures."""
        seen = self._screen.state.benchmark
        if seen is None:
            return
        name = f"benchmark-{seen.model}"
        file = [f"{name}.json", seen.to_json()]
        if kind in KINDS:
            file = [f"{name}-{kind}.svg", figures.as_file(picture(kind, seen.speeds), seen.model)]
        self._screen.show(self._screen.state, ["download", *file])

    async def _measure(self, model: bitnet.Model) -> None:
        self._change(running=(0, 1), problem="", conditions=self._conditions(model))
        await self._turns.idle()
        try:
            async with aclosing(model.measure(on_progress=self._progress)) as measured:
                async for speeds in measured:
                    self._found(speeds)
                    await asyncio.sleep(0)
        except BitNetError as error:
            self._change(problem=str(error))
        self._change(running=None)

    def _conditions(self, model: bitnet.Model) -> dict[str, Any]:
        return {"kernel": model.info.kernel, "kv": model.info.kv, **self._host.conditions()}

    def _found(self, speeds: list[Speed]) -> None:
        seen = self._screen.state.benchmark
        if seen:
            self._show(seen.with_speeds(speeds))

    def _progress(self, n_run: int, n_tokens: int) -> None:
        state = self._screen.state
        if state.benchmark:
            seen = replace(state.benchmark, running=(n_run, n_tokens))
            self._screen.show_at_leisure(replace(state, benchmark=seen))

    def _change(self, **changes: Any) -> None:
        if seen := self._screen.state.benchmark:
            self._show(replace(seen, **changes))

    def _show(self, seen: Benchmark) -> None:
        self._screen.show(replace(self._screen.state, benchmark=seen))
