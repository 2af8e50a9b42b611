"""The work of opening models: from what a visitor names to a model that answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import bitnet
from bitnet.catalogue import Entry, read_catalogue
from bitnet.delivery import Control, Origin, resolve
from bitnet.errors import BadArgument, BitNetError, OutOfMemory
from bitnet.host import Host
from bitnet.records import ModelInfo, Progress
from bitnet.ui import cards, sharing
from bitnet.ui import state as states
from bitnet.ui.offer import matrices_ms, offer
from bitnet.ui.query import Query
from bitnet.ui.screen import Screen
from bitnet.ui.settings import Settings
from bitnet.ui.state import Alert
from bitnet.ui.storage import Storage
from bitnet.ui.work import Work

#: Of what is larger, and not stored, the visitor is told what it is before it is downloaded.
LARGE_BYTES = 50_000_000
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that answers, and what it was opened from."""

    model: bitnet.Model
    origin: Origin
    size_bytes: int | None

    @property
    def entry(self) -> Entry | None:
        return self.origin.entry


class Models:
    """Opens one model at a time; the one before goes on answering until the next is there.

    Args:
        asked: The settings that the next model is opened with.
        taken: Called when a model has become the one in use, with whether it is the first.
        turns: The work that a model must not be taken away from.
    """

    def __init__(
        self,
        host: Host,
        screen: Screen,
        query: Query,
        storage: Storage,
        *,
        asked: Callable[[], Settings],
        taken: Callable[[bool], None],
        turns: Work,
    ) -> None:
        self._host, self._screen, self._query, self._storage = host, screen, query, storage
        self._asked, self._taken, self._turns = asked, taken, turns
        self._work = Work(screen)
        self._begun: Callable[[], Awaitable[None]] = self._open_first
        self._catalogue: Mapping[str, Entry] = {}
        self._control = Control()
        self._origin: Origin | None = None  # of the model that is being opened, or was last
        self._reply: asyncio.Future[int] | None = None  # what the visitor answers
        #: The visitor's access token of Hugging Face, which is stored nowhere.
        self.token = ""
        self._is_first = True  # of all models that have been opened
        self.opened: Opened | None = None

    @property
    def model(self) -> bitnet.Model | None:
        return self.opened.model if self.opened else None

    # ---- What a visitor may ask for ----

    def open_first(self) -> None:
        """What the page's address names, else what was in use before a reload, else the catalogue's first."""
        self._begin(self._open_first)

    def open_named(self, name: str, token: str = "") -> None:
        """A model by its name in the catalogue, its URL, or its repository.

        Args:
            token: For private repositories; it is kept until the page closes.
        """
        self.token = token or self.token
        self._begin(lambda: self._open(name, name.rsplit("/", 1)[-1] or name))

    def open_files(self, files: list[Any]) -> None:
        """One file of this machine, or all parts of a split model."""
        source, title = files if len(files) > 1 else files[0], min(file.name for file in files)
        self._begin(lambda: self._open(source, title))

    def open_stored(self, key: str) -> None:
        """A stored model, or the rest of one."""
        if card := self._screen.state.shelf.card(key):
            self._begin(lambda: self._open(card.url, card.title))

    def begin_again(self) -> None:
        """What is being opened, from its beginning."""
        self._begin(self._begun)

    def reopen(self) -> None:
        """The model in use, read again."""
        if opened := self.opened:
            self._begin(lambda: self._load(opened.origin))

    def reply(self, choice: int) -> None:
        """The visitor agrees to a download, or chooses one of several models."""
        if self._reply and not self._reply.done():
            self._reply.set_result(choice)

    def pause(self) -> None:
        self._control.pause()

    def go_on(self) -> None:
        self._control.go_on()

    def cancel(self) -> None:
        """Open nothing; what has arrived stays stored."""
        if self._screen.state.opening:
            self._work.begin(self._say_what_is_kept)

    # ---- The work ----

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        self._begun = work
        self._work.begin(work)

    async def _open_first(self) -> None:
        screen = self._screen
        if screen.state.may_isolate and sharing.wants_isolation(self._asked().ranks, screen.state.cores):
            screen.show(screen.state, ["isolate", "now"])  # before a model has been fetched
            return
        try:
            self._catalogue = await read_catalogue(self._host)
        except BitNetError as error:
            if not self._query.model:
                screen.show(states.loading_failed(screen.state, str(error)))
                return
        offers = tuple(cards.from_catalogue(entry) for entry in self._catalogue.values())
        screen.show(states.catalogue_read(screen.state, offers))
        name = self._query.model or await self._before_reload() or offers[0].name
        await self._open(name, name.rsplit("/", 1)[-1])
        self._storage.offer_help()

    async def _before_reload(self) -> str:
        """The model that this tab had in use, if it is stored: a reload fetches nothing again."""
        await self._storage.refresh()
        state = self._screen.state
        whole = {card.url for card in state.shelf.cards if card.complete and card.check != "damaged"}
        if state.address not in whole:
            return ""
        names = (name for name, entry in self._catalogue.items() if entry.location == state.address)
        return next(names, state.address)

    async def _open(self, given: Any, title: str) -> None:
        screen = self._screen
        if entry := self._catalogue.get(given) if isinstance(given, str) else None:
            title = entry.title
        screen.show(states.loading_began(screen.state, title))
        self._origin = None
        try:
            origins = await resolve(given, self._host, token=self.token)
        except BitNetError as error:
            screen.show(states.loading_failed(screen.state, str(error)))
            return
        await self._load(self._with_entry(origins[await self._choose(origins)]))

    def _with_entry(self, origin: Origin) -> Origin:
        """A stored model of the catalogue is still one of the catalogue."""
        entries = (entry for entry in self._catalogue.values() if entry.location == origin.source)
        return origin if origin.entry else replace(origin, entry=next(entries, None))

    async def _choose(self, origins: list[Origin]) -> int:
        if len(origins) == 1:
            return 0
        screen = self._screen
        choices = tuple(cards.choice(origin) for origin in origins)
        screen.show(states.asked_to_choose(screen.state, choices))
        return await self._answer()

    async def _answer(self) -> int:
        """What the visitor says; whoever cancels instead ends this work."""
        self._reply = asyncio.get_running_loop().create_future()
        answer = await self._reply
        self._screen.show(states.agreed(self._screen.state))
        return answer

    async def _load(self, origin: Origin) -> None:
        screen, before = self._screen, self.opened
        self._origin = origin
        title = origin.entry.title if origin.entry else origin.title
        screen.show(states.loading_began(screen.state, title, can_pause=origin.is_remote))
        try:
            model = await self._read(origin)
        except BitNetError as error:
            screen.show(states.loading_failed(screen.state, str(error)))
            await self._storage.refresh()
            if before and self.opened is None:  # it has made room in vain
                await self._load(before.origin)
                screen.show(replace(screen.state, alert=Alert(str(error))))
            return
        try:
            await self._turns.idle()  # an answer is written to its end by the model that has begun it
        except BaseException:
            model.close()
            raise
        opening = screen.state.opening
        size_bytes = opening.progress.received_bytes if opening and opening.progress else None
        if self.model:
            self.model.close()
        self.opened = Opened(model, origin, size_bytes)
        is_first, self._is_first = self._is_first, False
        card = cards.from_model(model.info, title, size_bytes, origin.entry)
        larger = offer(card, screen.state.catalogue, matrices_ms(model))
        address = origin.source if origin.is_remote else ""
        screen.state = states.model_ready(screen.state, card, address, larger)
        self._taken(is_first)
        screen.show(screen.state, save=True)
        await self._storage.refresh()
        if model.verification:
            self._storage.watch(model.verification, title)

    async def _read(self, origin: Origin) -> bitnet.Model:
        """The model with the context that is asked for, or with its own where it cannot have that one."""
        asked, self._control = self._asked(), Control()
        known = await self._storage.find(origin)
        load = partial(
            bitnet.load,
            origin,
            kernel=self._query.kernel,
            profile=asked.profile,
            kv=asked.kv,
            ranks=sharing.possible(asked.ranks, self._screen.state.cores),
            keep=self._host.files is not None,
            control=self._control,
            on_header=None if known or not origin.is_remote else partial(self._ask, origin),
            on_progress=self._progress,
            host=self._host,
        )
        ticking = asyncio.create_task(self._tick())
        try:
            if asked.context:
                # Refused after the header; why is said when the model is there, or if it cannot be had.
                with suppress(BadArgument, OutOfMemory):
                    return await load(context_length=asked.context)
            try:
                return await load()
            except OutOfMemory:
                if self.opened is None:
                    raise
                await self._make_room()
                return await load()
        finally:
            ticking.cancel()

    async def _make_room(self) -> None:
        """Both models do not fit: the one before is let go when it has said what it is saying."""
        await self._turns.idle()
        if self.opened:
            self.opened.model.close()
            self.opened = None
            self._screen.show(states.model_let_go(self._screen.state))

    async def _ask(self, origin: Origin, info: ModelInfo) -> None:
        """Before much is downloaded: whether the visitor wants it, now that it is known what it is."""
        progress = self._screen.state.opening.progress if self._screen.state.opening else None
        size_bytes = origin.size_bytes or (progress.total_bytes if progress else None)
        if (size_bytes or info.weights_bytes) <= LARGE_BYTES:
            return
        room = await self._storage.room_for(size_bytes or info.weights_bytes)
        report = cards.report(info, origin, size_bytes, room)
        self._screen.show(states.reported(self._screen.state, report))
        await self._answer()
        await self._storage.persist()

    def _progress(self, progress: Progress) -> None:
        before = self._screen.state.opening.progress if self._screen.state.opening else None
        state = states.bytes_arrived(self._screen.state, progress, time.monotonic())
        if before and (before.state, before.remark) != (progress.state, progress.remark):
            self._screen.show(state)
        else:
            self._screen.show_at_leisure(state)

    async def _tick(self) -> None:
        """Show the last bytes before a silence and how slow that makes it, or count down to the next try."""
        while True:
            await asyncio.sleep(TICK_S)
            state = self._screen.state
            opening = state.opening
            if opening and opening.retry_in_s is not None:
                state = states.retrying_in(state, max(0.0, opening.retry_in_s - TICK_S))
            elif opening and opening.progress and not opening.asks:
                state = states.bytes_arrived(state, opening.progress, time.monotonic())
            self._screen.show(state)

    async def _say_what_is_kept(self) -> None:
        """The visitor has cancelled, or declined."""
        screen = self._screen
        await self._storage.refresh()
        stored = await self._storage.find(self._origin) if self._origin else None
        alert = None
        if stored and not stored.complete and (card := screen.state.shelf.card(stored.key)):
            sentence = f"The download of {card.title} has ended: {card.amount}."
            alert = Alert(sentence, "open_stored", card.key, is_problem=False)
        elif why := screen.state.shelf.why_none:
            alert = Alert(f"The download has ended, and nothing of it is kept. {why}", is_problem=False)
        screen.show(states.loading_ended(screen.state, alert))
