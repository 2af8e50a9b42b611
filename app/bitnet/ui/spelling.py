"""The work behind "Show tokens": a model runs an answer once more, to say how likely each token was."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import bitnet
from bitnet.errors import BitNetError
from bitnet.ui import state as states
from bitnet.ui.models import Models
from bitnet.ui.recall import Recall
from bitnet.ui.screen import Screen
from bitnet.ui.state import Alert
from bitnet.ui.tokens import N_ALTERNATIVES, Joiner
from bitnet.ui.work import Work


class Spelling:
    """Shows the tokens of one answer at a time.

    Args:
        turns: What the model does, one thing after the other.
        recall: What it has read of the conversation.
    """

    def __init__(self, screen: Screen, models: Models, turns: Work, recall: Recall) -> None:
        self._screen, self._models, self._turns, self._recall = screen, models, turns, recall

    def toggle(self, number: int) -> None:
        """Show the tokens of an answer, or the answer again."""
        state, model = self._screen.state, self._models.model
        if self._shows(number):
            self._turns.stop()
            self._screen.show(states.tokens_left(state))
        elif model and not state.answering:
            self._screen.show(states.tokens_asked(state, number))
            self._turns.begin(lambda: self._spell(model, number))

    def choose(self, place: int | None) -> None:
        """Show what else was likely in a place; None: no longer."""
        self._screen.show(states.token_chosen(self._screen.state, place))

    def _shows(self, number: int) -> bool:
        tokens = self._screen.state.tokens
        return tokens is not None and tokens.entry == number

    async def _spell(self, model: bitnet.Model, number: int) -> None:
        screen = self._screen
        try:
            await self._recall.bring_back(model, screen.state.chat.name, goes_on=True)
            await self._score(model, number)
            screen.show(screen.state)
        except asyncio.CancelledError:
            if self._shows(number):
                screen.show(states.tokens_left(screen.state))
        except BitNetError as error:
            screen.show(replace(states.tokens_left(screen.state), alert=Alert(str(error))))

    async def _score(self, model: bitnet.Model, number: int) -> None:
        joiner = Joiner(model.control_name, model.engine.model.piece, drops_space=model.adds_space)
        scoring = model.score(self._screen.state.messages(number), top=N_ALTERNATIVES)
        async with aclosing(scoring) as tokens:
            async for token in tokens:
                if not self._shows(number):  # the answer has been deleted, say
                    return
                if piece := joiner.push(token):
                    self._screen.show_at_leisure(states.token_came(self._screen.state, piece))
