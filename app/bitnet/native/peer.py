"""A rank above 0: a part of a model, with its sessions. web/rank.js is the same in a worker."""

from __future__ import annotations

from bitnet.native.library import Library
from bitnet.native.model import NativeModel
from bitnet.native.session import NativeSession
from bitnet.ranks import Seat
from bitnet.records import KV_PRECISIONS


class Peer:
    """Its methods are the calls of ``Ranks.begin``; a session is known by the number that rank 0 gave it."""

    def __init__(self, library: Library, seat: Seat, kernel: str | None) -> None:
        self._model = NativeModel(library, kernel=kernel, seat=seat)
        self._sessions: dict[int, NativeSession] = {}
        self._position = 0  # in the file that is arriving

    def push(self, offset: int, address: int, n_bytes: int) -> None:
        self._model.skip(offset - self._position)
        self._model.push(address, n_bytes)
        self._position = offset + n_bytes

    def next_part(self) -> None:
        self._model.next_part(0)
        self._position = 0

    def set_head(self, screened: int) -> None:
        self._model.set_head(screened=bool(screened))

    def finish(self) -> None:
        self._model.finish()

    def count_weights(self, tensor: int) -> None:
        self._model.count_weights(tensor)

    def session_new(self, session: int, n_ctx: int, kv: int) -> None:
        self._sessions[session] = NativeSession(self._model, n_ctx, KV_PRECISIONS[kv])

    def session_free(self, session: int) -> None:
        if session in self._sessions:  # it could not be made here
            self._sessions.pop(session).close()

    def rewind(self, session: int, n_positions: int) -> None:
        self._sessions[session].rewind(n_positions)

    def save(self, session: int, n_positions: int, index: int, n_bytes: int) -> None:
        self._sessions[session].save(n_positions, index, bytearray(n_bytes))

    def restore(self, session: int, index: int, n_bytes: int) -> None:
        self._sessions[session].restore(index, bytearray(n_bytes))

    def prefill(self, session: int, want_logits: int, *tokens: int) -> None:
        self._sessions[session].prefill(tokens, want_logits=bool(want_logits))

    def decode(self, session: int, token: int) -> None:
        self._sessions[session].decode(token)

    def logits(self, session: int) -> None:
        self._sessions[session].logits()

    def set_sampling(
        self,
        session: int,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repeat_penalty: float,
        repeat_last_n: int,
        seed: int,
    ) -> None:
        self._sessions[session].set_sampling(
            temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, seed
        )

    def sample(self, session: int) -> None:
        self._sessions[session].sample()

    def logprob(self, session: int, token: int) -> None:
        self._sessions[session].logprob(token)

    def top(self, session: int, k: int) -> None:
        self._sessions[session].top(k)

    def memory(self, session: int) -> None:
        self._sessions[session].memory()

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._model.close()
