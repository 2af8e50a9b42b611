"""Loads a model: finds what is meant, has it fetched or taken from storage, and gives it to the engine."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from bitnet import engine
from bitnet.delivery import Control, Delivery, Origin, Shelf, resolve_one
from bitnet.errors import (
    BadArgument,
    BadFile,
    BitNetError,
    DamagedFile,
    ExchangeFailed,
    FetchError,
    SourceChanged,
    Unsupported,
)
from bitnet.host import Host, this_host
from bitnet.model import Model, describe, precision_of
from bitnet.ranks import Cores, Ranks
from bitnet.records import PROFILES, KvPrecision, ModelInfo, Progress

logger = logging.getLogger("bitnet")

#: How long ``on_header`` may think before the connection is given back.
PATIENCE_S = 2.0


async def load(
    source: Any,
    *,
    context_length: int | None = None,
    ranks: int | None = None,
    kernel: str | None = None,
    profile: str | None = None,
    kv: str = "f16",
    chat_template: str | None = None,
    keep: bool = False,
    control: Control | None = None,
    on_header: Callable[[ModelInfo], object] | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    host: Host | None = None,
) -> Model:
    """Load a GGUF model.

    A broken download goes on where it broke off. A stored copy is used whenever there is a whole one.

    Args:
        source: URL, local path, bytes-like, browser File, ``owner/repo[@revision][:file]`` of Hugging Face, a
            name of the catalogue such as "tiny-tales", the title of a stored model, or an ``Origin``. Of a
            split model the first part, whose name tells the others', or a list of all parts.
        context_length: Positions of the KV cache, None for the model's own number, but at most 4096.
        ranks: Cores that share the matrices, each computing a part: threads in CPython, workers in a browser,
            where the page must be cross-origin isolated. None for what suits the model in a browser, and for
            one in CPython. Any number gives the same bits.
        kernel: Name of a kernel set, None for the fastest of this machine; all give the same bits.
        profile: "lean" needs the least memory; "fast", like None, adds a copy of the output head in 7 bits
            (half of what half floats take), which makes choosing a token faster and changes none.
        kv: Precision of the KV cache: "f16", or "int8", which takes half the memory and half the time of
            attention, and changes the logits a little (docs/decisions/0042).
        chat_template: A name of ``bitnet.formats`` such as "chatml", or a Jinja2 template.
        keep: Store what is fetched from a server, also where the load does not come to its end: the next one
            goes on there. ``Model.verification`` then compares the SHA-256 of the whole.
        control: Pauses the transfer, and lets it go on.
        on_header: Called once, when it is known what the model is, and before its weights are fetched; may
            be async. Raising ends the load, and what it has begun to store is removed.
        on_progress: Called for every chunk that has arrived, and when the state of the transfer changes.
        host: The platform, None for the one this runs on.
    Raises:
        BitNetError: Why not, and what to do; nothing of the model stays in memory.
    """
    host = host or this_host()
    cores = host.cores()
    precision = precision_of(kv)
    _check(profile, context_length, ranks, cores)
    core = host.core_name()
    kernel = kernel or engine.fastest_kernel(core)
    control = control or Control()
    origin = await resolve_one(source, host)
    header, report = _Header(on_header, precision), _Report(control, on_progress)

    def begin() -> Delivery:
        header.delivery = report.delivery = Delivery(origin, host, keep=keep, control=control)
        return header.delivery

    async def read(delivery: Delivery) -> Model:
        async with aclosing(delivery.bodies()) as bodies:
            loaded = await engine.load(
                core,
                bodies,
                kernel=kernel,
                screened_head=profile != "lean",
                context_length=context_length,
                kv=precision,
                total_bytes=await delivery.total_bytes(),
                start_ranks=partial(_start_ranks, host, cores, ranks, kernel),
                on_header=header.ask,
                on_progress=report.arrived,
            )
            try:
                await delivery.finish(loaded.n_files)
                return Model(loaded, chat_template=chat_template)
            except BaseException:
                loaded.close()
                raise

    try:
        try:
            model = await read(begin())
        except (BadFile, DamagedFile, SourceChanged, Unsupported) as error:
            model = await read(await _begin_again(begin, report.delivery, error, control))
    finally:
        report.end()
        await header.end()
    if keep and host.files:
        await _verify_later(model, origin, Shelf(host.files, host))
    return model


def _check(profile: str | None, context_length: int | None, ranks: int | None, cores: Cores) -> None:
    if profile not in (None, *PROFILES):
        raise BadArgument(f'profile={profile!r} does not exist: choose "fast" or "lean", or leave it out.')
    if context_length is not None and context_length < 1:
        raise BadArgument(f"context_length={context_length} is too small: give at least 1, or leave it out.")
    if ranks is not None and not 1 <= ranks <= cores.most:
        reason = cores.why or f"there can be 1 to {cores.most}"
        raise BadArgument(f"ranks={ranks} is not possible here, because {reason}: leave it out, or give 1.")


async def _start_ranks(
    host: Host, cores: Cores, asked: int | None, kernel: str, file_bytes: int | None
) -> Ranks | None:
    """The other ranks of a model of *file_bytes*, None where it has one."""
    n_ranks = asked or cores.usual_for(file_bytes)
    if n_ranks == 1:
        return None
    try:
        return await host.start_ranks(n_ranks, kernel)
    except ExchangeFailed as error:
        if asked is not None:
            raise
        logger.warning("The model gets one core: %s", error)  # nobody has asked for more
        return None


async def _begin_again(
    begin: Callable[[], Delivery], before: Delivery | None, error: BitNetError, control: Control
) -> Delivery:
    """After bytes that a model must not get any more of: with a mended file, or with a new one.

    Raises:
        BitNetError: The *error*, where that cannot help.
    """
    remark = f"{error} This has begun."
    if not isinstance(error, SourceChanged):
        if before is None or not before.from_storage_bytes:
            raise error
        try:
            # What is damaged may look strange before it is found to be damaged.
            if not await begin().mend():
                raise error
            remark = f"The stored file of {before.origin.title} was damaged: it was repaired."
        except SourceChanged as changed:  # nothing is stored any more
            remark = f"{changed} This has begun."
        except FetchError:
            raise error from None
    control.say("receiving", remark=remark)
    return begin()


async def _verify_later(model: Model, origin: Origin, shelf: Shelf) -> None:
    stored = await shelf.find(origin)
    if stored and stored.complete and stored.verified is None:
        key = stored.key

        async def verify() -> bool | None:
            verified = await shelf.verify(key)
            if verified is False:
                logger.warning("%s does not have the SHA-256 it should have: load it again.", origin.title)
            return verified

        model.verification = asyncio.create_task(verify())


class _Header:
    """Asks whoever wants to know what the model is before it is loaded: once, also if it is read twice."""

    def __init__(self, on_header: Callable[[ModelInfo], object] | None, kv: KvPrecision) -> None:
        self._on_header, self._kv = on_header, kv
        self.delivery: Delivery | None = None
        self._declined = False

    async def ask(self, raw: dict[str, Any], n_ctx: int, n_ranks: int) -> None:
        on_header, self._on_header = self._on_header, None
        if on_header is None:
            return
        self._declined = True
        answer = on_header(describe(raw, self._kv, n_ctx, n_ranks))
        if inspect.isawaitable(answer):
            await self._wait(answer)
        self._declined = False

    async def end(self) -> None:
        """Nobody will ask any more."""
        if self._declined and self.delivery:
            await self.delivery.discard()

    async def _wait(self, answer: Awaitable[object]) -> None:
        """For an answer; a server is not kept waiting with it for long."""
        thinking = asyncio.ensure_future(answer)
        try:
            await asyncio.wait([thinking], timeout=PATIENCE_S)
            if not thinking.done() and self.delivery:
                await self.delivery.release()
            await thinking
        finally:
            thinking.cancel()


class _Report:
    """What ``on_progress`` gets: the bytes by the engine, the state by the transfer."""

    def __init__(self, control: Control, on_progress: Callable[[Progress], object] | None) -> None:
        self._control, self._on_progress, self._others = control, on_progress, control.on_change
        self._last = Progress(0, None)
        self.delivery: Delivery | None = None
        control.on_change = self._changed

    def arrived(self, progress: Progress) -> None:
        self._last = progress
        self._say()

    def _changed(self) -> None:
        if self._others:
            self._others()
        self._say()

    def _say(self) -> None:
        if self._on_progress is None:
            return
        control, last = self._control, self._last
        stored = self.delivery.from_storage_bytes if self.delivery else 0
        self._on_progress(
            replace(
                last,
                state=control.state,
                retry_in_s=control.retry_in_s,
                from_storage_bytes=min(stored, last.received_bytes),
                remark=control.remark,
            )
        )

    def end(self) -> None:
        self._control.on_change = self._others
