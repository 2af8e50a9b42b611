"""What a model says of tokens that are written already: their probabilities, as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from bitnet.engine import Engine
from bitnet.records import Token
from bitnet.stream import Stream
from bitnet.text import TextStream


class Scoring(Stream[Token]):
    """The tokens *ids* after *prompt_ids*, each as if it had been generated; one step of the model for each.

    A later stream on the same engine takes the session over: this one then ends as cancelled.

    Args:
        n_top: Give each token this many most probable ones of its place.
        drop_space: Leave out the space that the tokenizer puts before a text.
        on_prompt: As ``Generation`` has it.
    Raises:
        BadArgument, ContextFull: From the first step; the KV cache is as it was.
    """

    def __init__(
        self,
        engine: Engine,
        prompt_ids: Sequence[int],
        ids: Sequence[int],
        *,
        n_top: int = 0,
        drop_space: bool = False,
        on_prompt: Callable[[int, int], object] = lambda *_: None,
    ) -> None:
        super().__init__()
        self.prompt_ids, self.ids = list(prompt_ids), list(ids)
        self._engine, self._n_top, self._drop_space = engine, n_top, drop_space
        self._on_prompt = on_prompt

    async def _run(self) -> AsyncGenerator[Token, None]:
        engine, text = self._engine, TextStream(drop_space=self._drop_space)
        engine.check(self.prompt_ids + self.ids)
        engine.claim(self)
        await engine.prefill(self.prompt_ids, user=self, on_progress=self._on_prompt)
        for n, token in enumerate(self.ids):
            await asyncio.sleep(0)
            if not engine.owned_by(self):
                self.stop_reason = "cancelled"
                return
            if n:
                engine.decode(self.ids[n - 1])
            piece = engine.model.piece(token)
            top = engine.session.top(self._n_top) if self._n_top else None
            yield Token(token, piece, text.push(piece), engine.session.logprob(token), top)
        self.stop_reason = "end"
