"""Load and prefill as asynchronous work over the native core; the KV cache is reused between prompts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from bitnet.errors import BadArgument, BitNetError, ContextFull, NotReady
from bitnet.host import Body
from bitnet.native import Library, NativeModel, NativeSession
from bitnet.native.session import Parts
from bitnet.ranks import Ranks
from bitnet.records import KvPrecision, Progress
from bitnet.shares import Shares

# Tokens of a prompt between two turns of the event loop. The more, the less work each is; the fewer, the
# sooner Stop is heard: after a slice that took longer than SLICE_S they become shorter.
LEAST_SLICE_TOKENS, MOST_SLICE_TOKENS = 16, 64
SLICE_S = 1.5
READ_BYTES = 4 << 20  # at most per read, so that progress is reported and the event loop runs
DEFAULT_CONTEXT = (
    4096  # positions at most, where nobody asks for more: models of 131,072 would want gigabytes
)


async def load(
    core: str,
    bodies: AsyncIterator[Body],
    *,
    kernel: str | None = None,
    screened_head: bool = True,
    context_length: int | None = None,
    kv: KvPrecision = "f16",
    total_bytes: int | None = None,
    start_ranks: Callable[[int | None], Awaitable[Ranks | None]] | None = None,
    on_header: Callable[[dict[str, Any], int, int], Awaitable[None]] | None = None,
    on_progress: Callable[[Progress], object] | None = None,
) -> Engine:
    """Read a GGUF file, or all files of a split model, into the memory of the core with the file name *core*.

    Args:
        bodies: The files in order; only as many are asked for as the first one says that there are.
        total_bytes: Size of all files together, where there is more than one and it is known.
        start_ranks: Called with the size of all files, if it is known; starts the other ranks, if any.
        on_header: Called once, before weights are asked for, with what the core says of the model, the length
            of its context, and its number of ranks.
    Raises:
        NoCore, FetchError, BadFile, Unsupported, OutOfMemory, BadArgument: Everything has been freed again.
    """
    body = first = await anext(bodies)
    ranks = await start_ranks(total_bytes or body.total_bytes) if start_ranks else None
    model = _new_model(
        core, file_bytes=body.total_bytes or 0, kernel=kernel, screened_head=screened_head, ranks=ranks
    )
    shares = Shares(model, ranks) if ranks else None
    session: NativeSession | None = None
    report = on_progress or (lambda progress: None)

    def new_session() -> NativeSession:
        return NativeSession(model, context_length or default_context(model), kv)

    try:
        received, n_files = 0, 1
        while True:
            while n_bytes := await (shares.take(body) if shares else _take(body, model)):
                received += n_bytes
                knows_header = session is None and model.knows_header
                if knows_header:  # if it does not fit, fetch no weights
                    session = new_session()
                is_only = body is first and not model.parts_left
                report(Progress(received, body.total_bytes if is_only else total_bytes))
                if knows_header and session and on_header:
                    await on_header(model.info(), session.capacity, model.n_ranks)
                await asyncio.sleep(0)
            following = await anext(bodies, None) if model.parts_left else None
            if following is None:
                break
            body = following
            model.next_part(body.total_bytes or 0)
            if shares:
                shares.begin_file()
            n_files += 1
        model.finish()
        return Engine(model, session or new_session(), kv=kv, n_files=n_files)
    except BaseException:
        if session is not None:
            session.close()
        model.close()
        raise


def fastest_kernel(core: str) -> str:
    """The kernel set of *core* that wins a short race on this machine.

    Raises:
        NoCore: There is no such core.
    """
    return Library(core).fastest_kernel()


def _new_model(core: str, *, ranks: Ranks | None, **options: Any) -> NativeModel:
    try:
        return NativeModel(Library(core), ranks=ranks, **options)
    except BaseException:
        if ranks is not None:
            ranks.close()
        raise


async def _take(body: Body, model: NativeModel) -> int:
    """Write the next bytes of a file to where the model wants them; returns how many there were."""
    address, room = model.window()
    if room == 0:  # the core wants no more
        return 0
    n_bytes = await body.read_into(address, min(room, READ_BYTES))
    if n_bytes:
        model.commit(n_bytes)
    return n_bytes


def default_context(model: NativeModel) -> int:
    """What the model was trained with, but not more than ``DEFAULT_CONTEXT``."""
    return min(int(model.info()["n_ctx_train"]), DEFAULT_CONTEXT)


class Engine:
    """A ready model with one KV cache. It knows the ids in there, so that a prompt runs only what is new."""

    def __init__(
        self, model: NativeModel, session: NativeSession, *, kv: KvPrecision = "f16", n_files: int = 1
    ) -> None:
        self.model, self.session, self.kv, self.n_files = model, session, kv, n_files
        self.n_vocab, self.capacity = session.n_vocab, session.capacity
        self.ids: list[int] = []  # what the KV cache holds
        self._slice_tokens = MOST_SLICE_TOKENS
        self._user: object = None  # the one piece of work that owns the session

    def second_session(self, n_ctx: int) -> NativeSession:
        """A session beside that of the conversation, which does not notice it; the caller closes it.

        Raises:
            OutOfMemory: There is no room for both.
        """
        return NativeSession(self.model, n_ctx, self.kv)

    def matrices_s(self, n_times: int) -> float:
        """The least time, of so many, that the matrices of the layers take for one token."""
        times = []
        for _ in range(n_times):
            clock = time.perf_counter()
            self.session.run_kernels(Parts.LAYER_MATRICES)
            times.append(time.perf_counter() - clock)
        return min(times)

    def close(self) -> None:
        """Free all memory; streams still open end with NotReady."""
        self.session.close()
        self.model.close()

    def resize(self, n_ctx: int, kv: KvPrecision) -> None:
        """Give the session a KV cache of *n_ctx* positions in the precision *kv*.

        What the cache held is run again when it is next needed.

        The memory of the old cache is given back first, so that both need not fit at once.

        Raises:
            BadArgument, OutOfMemory: The cache is as it was before.
        """
        before = self.capacity
        self.session.close()
        self._user, self.ids = None, []
        self.capacity = 0  # until there is a session again
        try:
            self.session = NativeSession(self.model, n_ctx, kv)
            self.kv = kv
        except BitNetError:
            self.session = NativeSession(self.model, before, self.kv)
            raise
        finally:
            self.capacity = self.session.capacity if self.session.handle else 0

    def claim(self, user: object) -> None:
        """Give the session to *user*; the stream that had it ends as cancelled when it is next asked."""
        self._user = user

    def owned_by(self, user: object) -> bool:
        return self._user is user

    def check(self, ids: Sequence[int]) -> None:
        """Refuse ids that are not tokens, and prompts that are longer than the context.

        Raises:
            BadArgument, ContextFull: Nothing has changed.
        """
        if not ids:
            raise BadArgument("The prompt is empty: give at least one token.")
        self.check_tokens(ids)
        if len(ids) > self.capacity:
            raise ContextFull(
                f"The prompt has {len(ids):,} tokens, but the context holds {self.capacity:,} positions: "
                "shorten the prompt, start a new chat, or load the model with a larger context length."
            )

    def check_tokens(self, ids: Sequence[int]) -> None:
        """Refuse ids outside the vocabulary: ctypes would cut a large one to 32 bits without a word."""
        for token in ids:
            if not 0 <= token < self.n_vocab:
                raise BadArgument(f"{token} is not a token: this model has ids 0 to {self.n_vocab - 1}.")

    async def prefill(
        self, ids: Sequence[int], *, user: object, on_progress: Callable[[int, int], object] = lambda *_: None
    ) -> int:
        """Make the KV cache hold *ids*, with logits of the last one; returns how many had to be run.

        The common prefix with what the cache holds is kept. Stops early when *user* has lost the session.

        Args:
            on_progress: Called with how many have been run, and how many there are to run.
        """
        kept = 0
        for mine, wanted in zip(self.ids, ids[:-1], strict=False):
            if mine != wanted:
                break
            kept += 1
        self.rewind(kept)
        while len(self.ids) < len(ids) and self.owned_by(user):
            self._run_slice(ids)
            on_progress(len(self.ids) - kept, len(ids) - kept)
            await asyncio.sleep(0)
        return len(ids) - kept

    def _run_slice(self, ids: Sequence[int]) -> None:
        """Run the next tokens of the prompt *ids*, as many as can be waited for."""
        begin = len(self.ids)
        part = ids[begin : begin + self._slice_tokens]
        clock = time.perf_counter()
        self.session.prefill(part, want_logits=begin + len(part) == len(ids))
        duration = time.perf_counter() - clock
        self.ids += part
        if duration > SLICE_S:
            self._slice_tokens = max(self._slice_tokens // 2, LEAST_SLICE_TOKENS)
        elif duration < SLICE_S / 3:
            self._slice_tokens = min(2 * self._slice_tokens, MOST_SLICE_TOKENS)

    def rewind(self, n_positions: int) -> None:
        """Keep only the first *n_positions* of the KV cache."""
        self.session.rewind(n_positions)
        del self.ids[n_positions:]

    def decode(self, token: int) -> None:
        self.session.decode(token)
        self.ids.append(token)

    async def logits(self, ids: Sequence[int]) -> memoryview[float]:
        """Logits at every position: float32, shape ``(len(ids), n_vocab)``, a copy that stays valid."""
        ids = list(ids)
        self.check(ids)
        user = object()
        self.claim(user)
        self.rewind(0)
        rows = bytearray(4 * self.n_vocab * len(ids))
        for row, token in enumerate(ids):
            if not self.owned_by(user):
                raise NotReady("Another prompt has interrupted the logits: ask for them again.")
            self.decode(token)
            begin = 4 * self.n_vocab * row
            rows[begin : begin + 4 * self.n_vocab] = self.session.logits().cast("B")
            await asyncio.sleep(0)
        return memoryview(rows).cast("f", (len(ids), self.n_vocab))
