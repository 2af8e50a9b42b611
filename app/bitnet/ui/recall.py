"""What a model has read of a conversation, kept in storage: after a reload it is not read again."""

from __future__ import annotations

import logging
from contextlib import aclosing

import bitnet
from bitnet.errors import BadArgument, BitNetError
from bitnet.host import Files
from bitnet.records import Timings
from bitnet.saved_sessions import SavedSessions

logger = logging.getLogger("bitnet")

#: What is read again faster is not worth its room in the storage.
WORTH_S = 2.0
#: A 2B model's session of 2,000 tokens has 150 MB.
MOST_KEPT = 4


class Recall:
    """The saved sessions of conversations, by their names.

    Args:
        files: Where they are stored, None where nothing can be.
        worth_s: How long reading a conversation has to take for its session to be kept.
    """

    def __init__(self, files: Files | None, worth_s: float = WORTH_S) -> None:
        self._saved = SavedSessions(files) if files else None
        self._worth_s = worth_s
        self._ms_per_token = 0.0
        self._at_hand: tuple[bitnet.Model, str] | None = None  # whose conversation the model holds

    async def bring_back(self, model: bitnet.Model, name: str, *, goes_on: bool) -> None:
        """Give *model* what it had read of the conversation *name*, if that is stored and still fits.

        *goes_on*: something has been said in it before.
        """
        before, self._at_hand = self._at_hand, (model, name)
        if self._saved is None or not goes_on or before == self._at_hand:
            return
        try:
            if name in {saved.name for saved in await self._saved.stored()}:
                async with aclosing(self._saved.read(name)) as pieces:
                    await model.restore_state(pieces)
        except BadArgument:
            pass  # deleted in this moment, by another tab
        except BitNetError as error:  # of another model, say: the conversation is read again
            logger.info("A saved session is of no use: %s", error)
            await self._saved.remove(name)

    async def keep(self, model: bitnet.Model, name: str, timings: Timings) -> None:
        """Store what *model* has read and said, if reading it again would take long; the oldest go."""
        if timings.prefill_tokens > 1:
            self._ms_per_token = timings.prefill_ms / timings.prefill_tokens
        if self._saved is None or self._ms_per_token * model.position < 1000 * self._worth_s:
            return
        try:
            async with aclosing(model.save_state()) as pieces:
                await self._saved.write(name, pieces)
            for old in (await self._saved.stored())[MOST_KEPT:]:
                await self._saved.remove(old.name)
        except BitNetError as error:  # no room, or the next question is already being answered
            logger.info("A session could not be kept: %s", error)

    async def forget(self, name: str) -> None:
        if self._saved:
            await self._saved.remove(name)
