"""What a session's KV cache holds as a stream of bytes, and back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

from bitnet.engine import Engine
from bitnet.errors import BadFile, NotReady


def state_bytes(engine: Engine) -> int:
    """How many bytes ``save`` gives."""
    sizes = (engine.session.chunk_bytes(len(engine.ids), index) for index in itertools.count())
    return sum(itertools.takewhile(bool, sizes)) if engine.ids else 0


async def save(engine: Engine) -> AsyncGenerator[bytes, None]:
    """Yield what the KV cache holds now, in pieces of about 1 MiB at most.

    The engine may go on meanwhile: what it adds is left out.

    Raises:
        BadArgument: The KV cache is empty.
        NotReady: It was cut or closed before everything had been read.
    """
    session, ids = engine.session, list(engine.ids)
    for index in itertools.count():
        if engine.session is not session or engine.ids[: len(ids)] != ids:
            raise NotReady("The conversation has changed while it was being saved: save it again.")
        n_bytes = session.chunk_bytes(len(ids), index)
        if not n_bytes:
            return
        chunk = bytearray(n_bytes)
        session.save(len(ids), index, chunk)
        yield bytes(chunk)
        await asyncio.sleep(0)


async def restore(engine: Engine, pieces: AsyncIterable[bytes]) -> int:
    """Make the KV cache hold what *pieces*, cut anyhow, say; returns how many tokens that are.

    Raises:
        BadFile: They are damaged, or end too early.
        Unsupported: They belong to another model, or to another precision of the KV cache.
        ContextFull: They hold more positions than this KV cache has.
        NotReady: Another prompt has come in between.
        After each of them the KV cache is empty.
    """
    user = object()
    engine.claim(user)
    engine.rewind(0)
    session, source, n_positions = engine.session, Chunks(pieces), 0
    for index in itertools.count():
        chunk = await source.take(session.chunk_bytes(n_positions, index))
        await asyncio.sleep(0)
        if not engine.owned_by(user):
            raise NotReady("Another prompt has interrupted the saved session: restore it again.")
        session.restore(index, chunk)
        n_positions = session.restoring
        if not n_positions:
            break
    engine.ids = session.tokens
    return len(engine.ids)


class Chunks:
    """Bytes that come in pieces of any size, taken in other sizes."""

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._pieces: AsyncIterator[bytes] = aiter(pieces)
        self._rest = memoryview(b"")

    async def take(self, n_bytes: int) -> bytearray:
        """The next *n_bytes*.

        Raises:
            BadFile: There are fewer.
        """
        taken = bytearray()
        while len(taken) < n_bytes:
            if not self._rest:
                piece = await anext(self._pieces, None)
                if piece is None:
                    raise BadFile("The saved session is truncated: run the conversation again.")
                self._rest = memoryview(piece)
            part = self._rest[: n_bytes - len(taken)]
            taken += part
            self._rest = self._rest[len(part) :]
        return taken
