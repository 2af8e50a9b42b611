"""The page's Python, in its worker: the one place where the user interface meets a model.

web/worker.js calls ``start`` once, then ``receive`` for every event of the page.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import bitnet
from bitnet.catalogue import Entry, read_catalogue
from bitnet.errors import BadArgument, BitNetError, ContextFull, NotReady, OutOfMemory
from bitnet.host import Host
from bitnet.records import Progress, Timings
from bitnet.ui import cards, sharing
from bitnet.ui import state as states
from bitnet.ui.patches import Patch, Patches
from bitnet.ui.query import Query, parse_query
from bitnet.ui.screen import Screen
from bitnet.ui.settings import Settings
from bitnet.ui.state import Alert, State

logger = logging.getLogger("bitnet")


class Page:
    """Takes events and does the work they ask for: one piece (a download, a turn) at a time.

    Args:
        saved: The snapshot that this tab kept, "" for none.
        may_isolate: The page is not cross-origin isolated, but it could be.
    """

    def __init__(
        self, host: Host, patches: Patches, query: Query, saved: str, *, may_isolate: bool = False
    ) -> None:
        self._host, self._query, self._restored = host, query, bool(saved)
        self._patches = patches
        state = State(remarks=query.remarks, cores=host.cores(), may_isolate=may_isolate)
        self._screen = Screen(states.restored(state, saved), patches)
        self._opened: tuple[Any, str, Entry | None] | None = None  # the model, as _load took it
        self._model: bitnet.Model | None = None
        self._entry: Entry | None = None  # of the catalogue, where the model comes from there
        self._catalogue: Mapping[str, Entry] = {}
        self._work: asyncio.Task[None] | None = None
        self._begun: Callable[[], Awaitable[None]] = self._open_first  # what the work does
        self._actions: Mapping[str, Callable[[Mapping[str, str], Any], None]] = {
            "send": lambda fields, _: self._ask(fields["text"], ["value", "message", ""]),
            "sample": lambda fields, _: self._ask(fields["text"]),
            "stop": lambda fields, _: self._stop(int(fields["shown"])),
            "new_chat": lambda *_: self._begin(self._clear),
            "dismiss": lambda *_: self._screen.show(replace(self._screen.state, alert=None)),
            "open_url": lambda fields, _: self._begin(lambda: self._open(fields["url"].strip())),
            "open_named": lambda fields, _: self._begin(lambda: self._open(fields["name"])),
            "open_files": lambda _, files: self._begin(lambda: self._open_files(list(files))),
            "settings": lambda fields, _: self._change_settings(fields),
            "not_isolated": lambda *_: self._stay(),
            "reset_settings": lambda *_: self._change_settings(self._screen.state.defaults.fields()),
        }
        self._begin(self._open_first)

    def receive(self, number: int, name: str, fields: Mapping[str, str], files: Any) -> None:
        """React to the page's event of this *number*."""
        self._patches.answers = number
        self._actions[name](fields, files)

    # ---- Work ----

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Stop what runs, then do *work*."""
        before, self._begun = self._work, work
        if before:
            before.cancel()
        self._work = asyncio.create_task(self._after(before, work))
        self._work.add_done_callback(self._settle)

    async def _after(self, before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
        if before:
            await asyncio.wait([before])
        try:
            await work()
        except Exception as error:
            logger.exception("The page's work failed")
            sentence = (
                f"Something unexpected went wrong ({error!r}): reload the page; the conversation is kept."
            )
            state = replace(self._screen.state, alert=Alert(sentence))  # a model from before goes on working
            self._screen.show(replace(state, phase="ready") if self._model else replace(state, phase="error"))

    def _settle(self, task: asyncio.Task[None]) -> None:
        """A turn that was stopped before its first step could not end itself."""
        state = self._screen.state
        if task.cancelled() and state.phase == "answering":
            self._screen.show(states.answered(state, "cancelled", Timings(), state.used_tokens), save=True)

    def _stop(self, n_shown: int) -> None:
        """Stop the turn; its text ends after the *n_shown* characters that the visitor saw."""
        if self._screen.state.phase == "answering" and self._work:
            self._work.cancel()
            self._screen.cut(n_shown)
        else:  # the answer has ended meanwhile: the page, which holds its text back, gets all of it
            self._screen.show_answer()

    async def _clear(self) -> None:
        self._screen.show(states.chat_cleared(self._screen.state), save=True)

    # ---- Models ----

    async def _open_first(self) -> None:
        """What the address of the page names, else the first model of the catalogue."""
        state = self._screen.state
        if state.may_isolate and sharing.wants_isolation(self._asked().ranks, state.cores):
            self._screen.show(state, ["isolate", "now"])  # before a model has been fetched
            return
        try:
            self._catalogue = await read_catalogue(self._host)
        except BitNetError as error:
            if not self._query.model:
                self._screen.show(states.loading_failed(self._screen.state, str(error)))
                return
        offers = tuple(cards.from_catalogue(entry) for entry in self._catalogue.values())
        self._screen.show(replace(self._screen.state, catalogue=offers))
        await self._open(self._query.model or offers[0].name)

    async def _open(self, name: str) -> None:
        """A model by its name in the catalogue, or by its URL."""
        if entry := self._catalogue.get(name):
            await self._load(str(entry.location), entry.title, entry)
        else:
            await self._load(name, name.rsplit("/", 1)[-1] or name)

    async def _open_files(self, files: list[Any]) -> None:
        """One file of this machine, or all parts of a split model."""
        await self._load(files if len(files) > 1 else files[0], min(file.name for file in files))

    async def _load(self, source: Any, title: str, entry: Entry | None = None) -> None:
        screen = self._screen
        screen.show(states.loading_began(screen.state, title))
        try:
            model = await self._read(source)
        except BitNetError as error:
            self._fit_model()  # the model before, since settings may have changed meanwhile
            screen.show(states.loading_failed(screen.state, str(error)))
            return
        is_first, self._entry, self._opened = self._model is None, entry, (source, title, entry)
        if self._model:
            self._model.close()
        self._model = model
        size_bytes = screen.state.progress.received_bytes if screen.state.progress else None
        screen.state = states.model_ready(
            screen.state, cards.from_model(model.info, title, size_bytes, entry)
        )
        self._take_defaults(Settings.of_sampling(entry.sampling if entry else {}), is_first=is_first)
        state = screen.state
        if state.may_isolate and state.settings.ranks is None and sharing.would_gain(state.cores, size_bytes):
            screen.show(state, ["isolate", "next visit"])

    async def _read(self, source: Any) -> bitnet.Model:
        """The model with the context that is asked for, or with its own where it cannot have that one."""
        load = partial(
            bitnet.load,
            source,
            kernel=self._query.kernel,
            profile=self._query.profile,
            ranks=sharing.possible(self._asked().ranks, self._screen.state.cores),
            on_progress=self._progress,
            host=self._host,
        )
        if asked := self._asked().context:
            # Refused after the header; why is said when the model is there, or if it cannot be had at all.
            with suppress(BadArgument, OutOfMemory):
                return await load(context_length=asked)
        return await load()

    def _asked(self) -> Settings:
        """The settings, and for the first model what the address asks for."""
        settings = self._screen.state.settings
        if self._model is None:
            with suppress(BadArgument):  # is said when the model is there
                return settings.with_fields(self._query.fields)
        return settings

    def _progress(self, progress: Progress) -> None:
        self._screen.show_at_leisure(states.bytes_arrived(self._screen.state, progress))

    # ---- Settings ----

    def _take_defaults(self, defaults: Settings, *, is_first: bool) -> None:
        """A model's defaults; settings of this tab stay, and what the address asks for goes before both."""
        screen = self._screen
        untouched = screen.state.settings == screen.state.defaults and not (is_first and self._restored)
        settings, alert = defaults if untouched else screen.state.settings, screen.state.alert
        if is_first:
            try:
                settings = settings.with_fields(self._query.fields)
            except BadArgument as error:
                alert = Alert(f"The address of this page asks for what cannot be: {error}")
        screen.state = replace(screen.state, defaults=defaults, settings=settings, alert=alert)
        if problem := self._fit_model():
            screen.state = replace(screen.state, alert=Alert(problem))
        screen.show_settings()

    def _change_settings(self, fields: Mapping[str, str]) -> None:
        screen = self._screen
        try:
            settings, problem = screen.state.settings.with_fields(fields), ""
        except BadArgument as error:
            settings, problem = screen.state.settings, str(error)
        before = screen.state.settings
        screen.state = replace(screen.state, settings=settings, settings_problem=problem)
        if settings.ranks != before.ranks:
            asked = {name: text for name, text in self._query.fields.items() if name != "ranks"}
            self._query = replace(self._query, fields=asked)  # the visitor has chosen since
            if self._change_ranks():
                return
        fits = (settings.context, settings.chat_template) == (before.context, before.chat_template)
        if fits or screen.state.phase not in ("ready", "answering"):  # a model that arrives is fitted then
            screen.show_settings(save=True)
        else:
            self._begin(self._refit)

    def _change_ranks(self) -> bool:
        """Have the page isolated if so many cores need it; returns whether the model is read again."""
        screen, model, chosen = self._screen, self._model, self._screen.state.settings.ranks
        cores = screen.state.cores
        if sharing.wants_isolation(chosen, cores) and not screen.state.may_isolate:
            screen.state = replace(screen.state, settings_problem=sharing.one_core(cores))
        screen.show_settings(save=True)
        if sharing.wants_isolation(chosen, cores) and screen.state.may_isolate:
            screen.show(screen.state, ["isolate", "now"])
        elif chosen == 1 and cores.why:
            screen.show(screen.state, ["isolate", "never"])
        if screen.state.phase == "loading" and cores.most > 1:
            self._begin(self._begun)  # anew: it began with the number before
            return True
        size_bytes = screen.state.model.size_bytes if screen.state.model else None
        wanted = sharing.possible(chosen, cores) or cores.usual_for(size_bytes)
        if model is None or self._opened is None or wanted == model.info.n_ranks:
            return False
        opened = self._opened
        self._begin(lambda: self._load(*opened))
        return True

    def _stay(self) -> None:
        """The page could not be isolated after all; what runs meanwhile goes on."""
        screen = self._screen
        if screen.state.phase == "starting":  # the first model waits for it
            screen.show(replace(screen.state, may_isolate=False))
            self._begin(self._open_first)
        else:
            problem = sharing.one_core(screen.state.cores)
            screen.show(replace(screen.state, may_isolate=False, settings_problem=problem))

    async def _refit(self) -> None:
        """The model as the settings want it now; an answer that was being written has been stopped."""
        screen, problem = self._screen, self._fit_model()
        screen.state = replace(screen.state, settings_problem=problem)
        screen.show_settings(save=True)

    def _fit_model(self) -> str:
        """Give the model the context and the chat template of the settings; returns what was not possible."""
        model, screen = self._model, self._screen
        if model is None or screen.state.model is None:
            return ""
        settings, problems = screen.state.settings, []
        wanted = settings.context
        if wanted is not None and wanted > model.info.n_ctx_train:
            wanted = model.info.n_ctx_train
            problems.append(
                f"{screen.state.model.title} was trained with {wanted:,} tokens: the context has that many."
            )
        try:
            model.resize(wanted)
        except BitNetError as error:
            problems.append(str(error))
        model.use_chat_template(settings.chat_template)
        if settings.chat_template:
            problems += model.template.warnings
        card = cards.from_model(
            model.info, screen.state.model.title, screen.state.model.size_bytes, self._entry
        )
        screen.state = states.model_changed(screen.state, card)
        return " ".join(problems)

    # ---- Turns ----

    def _ask(self, text: str, *extra: Patch) -> None:
        question = text.strip()
        if self._screen.state.phase == "ready" and question:
            self._screen.show(states.asked(self._screen.state, question), *extra, save=True)
            self._begin(lambda: self._answer(question))

    async def _answer(self, question: str) -> None:
        if self._model is None:
            raise NotReady("There is no model to answer: open one first.")
        screen, settings = self._screen, self._screen.state.settings
        turn = self._model.chat(
            screen.state.messages(), max_tokens=settings.max_tokens, **settings.sampling_options()
        )
        try:
            async with aclosing(turn):
                async for piece in turn:
                    screen.append(piece)
        except asyncio.CancelledError:
            pass  # Stop, or other work: what was said stays said
        except BitNetError as error:
            self._give_back(question, error)
            return
        reason, used_tokens = turn.stop_reason or "cancelled", len(self._model.engine.ids)
        screen.show(states.answered(screen.state, reason, turn.timings, used_tokens), save=True)

    def _give_back(self, question: str, error: BitNetError) -> None:
        """A turn failed: an answer that has begun stays, else the question goes back to its field."""
        state = self._screen.state
        extra: list[Patch] = [] if state.answer.text else [["value", "message", question]]
        offer = "new_chat" if isinstance(error, ContextFull) and len(state.entries) > 2 else ""
        self._screen.show(states.turn_failed(state, Alert(str(error), offer)), *extra, save=True)


_page: Page | None = None


def start(query: str, saved: str, ranks: Any, may_isolate: bool) -> None:
    """Begin: *query* is the page's ``location.search``, *saved* its last snapshot or "".

    *ranks* is what ``ranksFrom`` of web/ranks.js gave; *may_isolate* as ``Page`` takes it.
    """
    from bitnet.host.browser import BrowserHost

    global _page
    asked = parse_query(query)
    _page = Page(BrowserHost(asked.kernel, ranks), Patches(), asked, saved, may_isolate=may_isolate)


def receive(number: int, name: str, fields: str, files: Any) -> None:
    """An event of the page: *fields* is a JSON object of strings, *files* a list of a browser's Files."""
    if _page is None:
        raise NotReady(f"The event {name!r} came before the page was started.")
    _page.receive(number, name, json.loads(fields), files)
