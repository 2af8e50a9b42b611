"""The decode loop: the tokens after one prompt, as a stream."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence

from bitnet.engine import Engine
from bitnet.records import Sampling, Timings, Token
from bitnet.stream import Stream
from bitnet.text import TextStream


class Generation(Stream[Token]):
    """At most *max_tokens* tokens after *prompt_ids*; nothing runs before it is iterated.

    An end token is the last one of the stream, with the text "". A new generation on the same engine takes
    the session over: this one then ends as cancelled.

    Args:
        logprobs: Give each token its logprob.
        n_top: Give each token this many most probable ones.
        on_prompt: Called with how many tokens of the prompt have been run, and how many there are to run.
    Raises:
        BadArgument, ContextFull: From the first step; the KV cache is as it was.
    """

    def __init__(
        self,
        engine: Engine,
        prompt_ids: Sequence[int],
        *,
        max_tokens: int,
        sampling: Sampling,
        logprobs: bool = False,
        n_top: int = 0,
        on_prompt: Callable[[int, int], object] = lambda *_: None,
    ) -> None:
        super().__init__()
        self.prompt_ids = list(prompt_ids)
        self._engine, self._max_tokens, self._sampling = engine, max_tokens, sampling
        self._logprobs, self._n_top, self._on_prompt = logprobs, n_top, on_prompt

    async def _run(self) -> AsyncGenerator[Token, None]:
        engine, text = self._engine, TextStream()
        engine.check(self.prompt_ids)
        engine.claim(self)
        self._set_sampling()
        clock = time.perf_counter()
        prefill_tokens = await engine.prefill(self.prompt_ids, user=self, on_progress=self._on_prompt)
        if not engine.owned_by(self):
            self.stop_reason = "cancelled"
            return
        prefill_ms, decode_ms = 1000 * (time.perf_counter() - clock), 0.0
        self.timings = Timings(prefill_tokens, prefill_ms)
        if self._max_tokens < 1:
            self.stop_reason = "length"
            return
        token = self._choose(text, is_last=self._max_tokens == 1)
        n_scored = engine.session.n_scored
        self.timings = Timings(prefill_tokens, prefill_ms, scored_rows=n_scored)
        yield token
        for n_decoded in range(1, self._max_tokens):
            if self.stop_reason:
                return
            clock = time.perf_counter()  # what the caller did with the token is not decoding
            await asyncio.sleep(0)
            if not engine.owned_by(self):
                self.stop_reason = "cancelled"
                return
            engine.decode(token.id)
            token = self._choose(text, is_last=n_decoded + 1 == self._max_tokens)
            decode_ms += 1000 * (time.perf_counter() - clock)
            n_scored += engine.session.n_scored
            mean_scored = n_scored / (n_decoded + 1)
            self.timings = Timings(prefill_tokens, prefill_ms, n_decoded, decode_ms, mean_scored)
            yield token

    def _set_sampling(self) -> None:
        settings = self._sampling
        self._engine.session.set_sampling(
            settings.temperature,
            settings.top_k,
            settings.top_p,
            settings.min_p,
            settings.repeat_penalty,
            settings.repeat_last_n,
            secrets.randbits(63) if settings.seed is None else settings.seed,
        )

    def _choose(self, text: TextStream, *, is_last: bool) -> Token:
        session, model = self._engine.session, self._engine.model
        token = session.sample()
        piece = model.piece(token)
        logprob = session.logprob(token) if self._logprobs else None
        top = session.top(self._n_top) if self._n_top else None
        if model.is_end(token):
            self.stop_reason = "end"
        elif is_last:
            self.stop_reason = "length"
        elif len(self._engine.ids) == self._engine.capacity:
            self.stop_reason = "context"
        return Token(token, piece, text.push(piece), logprob, top)
