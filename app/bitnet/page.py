"""The page's Python, in its worker: the one place where the user interface meets a model.

web/worker.js calls ``start`` once, then ``receive`` for every event of the page.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from bitnet.errors import BitNetError, ContextFull, NotReady
from bitnet.host import Host
from bitnet.records import Timings
from bitnet.ui import state as states
from bitnet.ui.benchmarking import Benchmarking
from bitnet.ui.chats import Chats, Texts, new_chat
from bitnet.ui.conversation_view import edit_field, entry_id
from bitnet.ui.inspecting import Inspecting
from bitnet.ui.models import Models
from bitnet.ui.own_presets import OwnPresets
from bitnet.ui.patches import Patch, Patches, hand_to_page
from bitnet.ui.preferences import Preferences
from bitnet.ui.query import Query, parse_query
from bitnet.ui.recall import Recall
from bitnet.ui.screen import Screen
from bitnet.ui.settings import Settings
from bitnet.ui.spelling import Spelling
from bitnet.ui.state import Alert, State
from bitnet.ui.storage import Storage
from bitnet.ui.work import Work

SHOW_READING_S = 0.5


class Page:
    """Takes events and has the work done that they ask for; the turns of the conversation are its own.

    Args:
        saved: The snapshot that this tab kept, "" for none.
        device: The settings that this device keeps, "" for none.
        may_isolate: The page is not cross-origin isolated, but it could be.
        hand: Gives the visitor a file to keep.
        texts: Where conversations are kept beyond this tab, None where that is not possible.
        recall: What models have read of them.
    """

    def __init__(
        self,
        host: Host,
        patches: Patches,
        query: Query,
        saved: str,
        *,
        device: str = "",
        may_isolate: bool = False,
        hand: Callable[[Any], None] = hand_to_page,
        texts: Texts | None = None,
        recall: Recall | None = None,
    ) -> None:
        self._patches = patches
        state = State(chat=new_chat(), remarks=query.remarks, cores=host.cores(), may_isolate=may_isolate)
        self._screen = Screen(states.with_device(states.restored(state, saved), device), patches)
        self._turns = Work(self._screen, stopped=self._settle)
        self._chats = chats = Chats(self._screen, texts, between_turns=self._turns.begin)
        self._screen.keep = chats.keep
        self._lists, self._keeping = Work(self._screen), Work(self._screen)
        self._recall = recall or Recall(host.files)
        self._storage = storage = Storage(host, self._screen, hand)
        self._models = Models(
            *(host, self._screen, query, storage),
            asked=self._asked,
            taken=lambda is_first: self._preferences.take(is_first=is_first),
            turns=self._turns,
        )
        self._preferences = Preferences(
            *(self._screen, query, self._models), restored=bool(saved), turns=self._turns
        )
        self._spelling = Spelling(self._screen, self._models, self._turns, self._recall)
        models, preferences = self._models, self._preferences
        inspecting = Inspecting(host, self._screen, models)
        benchmarking = Benchmarking(host, self._screen, models, self._turns)
        presets = OwnPresets(self._screen, texts, change=preferences.change)
        self._actions: Mapping[str, Callable[[Mapping[str, str], Any], None]] = {
            "send": lambda fields, _: self._ask(fields["text"], ["value", "message", ""]),
            "sample": lambda fields, _: self._ask(fields["text"]),
            "stop": lambda fields, _: self._stop(int(fields["shown"])),
            "again": lambda fields, _: self._answer_with(states.asked_again, int(fields["entry"])),
            "go_on_writing": lambda fields, _: self._answer_with(states.going_on, int(fields["entry"])),
            "edit": lambda fields, _: self._begin_to_edit(int(fields["entry"])),
            "leave": lambda *_: self._change(states.editing_began, None),
            "edited": lambda fields, _: self._edit(int(fields["entry"]), fields["text"].strip()),
            "version": lambda fields, _: self._change(
                states.version_shown, int(fields["entry"]), int(fields["step"])
            ),
            "delete_message": lambda fields, _: self._change(states.message_deleted, int(fields["entry"])),
            "tokens": lambda fields, _: self._spelling.toggle(int(fields["entry"])),
            "choose_token": lambda fields, _: self._spelling.choose(int(fields["place"])),
            "leave_token": lambda *_: self._spelling.choose(None),
            "branch": lambda fields, _: self._branch(int(fields["place"]), int(fields["n"])),
            "inspect": lambda *_: inspecting.begin(),
            "leave_inspector": lambda *_: inspecting.end(),
            "search_metadata": lambda fields, _: inspecting.search(fields["text"]),
            "filter_tensors": lambda fields, _: inspecting.filter(fields["text"]),
            "sort_tensors": lambda fields, _: inspecting.sort(fields["by"]),
            "count_weights": lambda *_: inspecting.count(),
            "export_inspection": lambda *_: inspecting.export(),
            "open_benchmark": lambda *_: benchmarking.open(),
            "leave_benchmark": lambda *_: benchmarking.leave(),
            "run_benchmark": lambda *_: benchmarking.run(),
            "stop_benchmark": lambda *_: benchmarking.stop(),
            "export_benchmark": lambda fields, _: benchmarking.export(fields["kind"]),
            "undo": lambda *_: self._change(states.deletion_undone),
            "new_chat": lambda *_: chats.begin_anew(),
            "open_chat": lambda fields, _: self._lists.begin(lambda: chats.open(fields["name"])),
            "look_at_chats": lambda *_: self._lists.begin(chats.look),
            "search": lambda fields, _: self._lists.begin(lambda: chats.search(fields["text"])),
            "rename": lambda *_: chats.ask_for_title(wanted=True),
            "renamed": lambda fields, _: chats.rename(fields["title"]),
            "keep_title": lambda *_: chats.ask_for_title(wanted=False),
            "pin": lambda *_: chats.pin(),
            "delete_chat": lambda *_: self._delete_chat(),
            "restore_chat": lambda *_: chats.restore(),
            "export_chat": lambda fields, _: chats.export(fields["kind"]),
            "export_chats": lambda *_: self._lists.begin(chats.export_all),
            "import_chats": lambda _, files: self._lists.begin(lambda: self._import(files)),
            "dismiss": lambda *_: self._screen.show(replace(self._screen.state, alert=None)),
            "open_url": lambda fields, _: models.open_named(
                fields["url"].strip(), fields.get("token", "").strip()
            ),
            "open_named": lambda fields, _: models.open_named(fields["name"]),
            "open_files": lambda _, files: models.open_files(list(files)),
            "open_stored": lambda fields, _: models.open_stored(fields["key"]),
            "choose": lambda fields, _: models.reply(int(fields["number"])),
            "download": lambda *_: models.reply(0),
            "pause": lambda *_: models.pause(),
            "go_on": lambda *_: models.go_on(),
            "cancel": lambda *_: models.cancel(),
            "look": lambda *_: storage.look(),
            "delete": lambda fields, _: storage.ask_to_delete(fields["key"]),
            "keep": lambda fields, _: storage.keep(fields["key"]),
            "delete_now": lambda fields, _: storage.delete(fields["key"]),
            "verify": lambda fields, _: storage.verify(fields["key"]),
            "repair": lambda fields, _: storage.repair(fields["key"], models.token),
            "export": lambda fields, _: storage.export(fields["key"]),
            "settings": lambda fields, _: preferences.change(fields),
            "look_at_presets": lambda *_: self._lists.begin(presets.look),
            "choose_preset": lambda fields, _: presets.choose(fields["value"]),
            "save_preset": lambda fields, _: self._keeping.begin(lambda: presets.save(fields["name"])),
            "rename_preset": lambda fields, _: self._keeping.begin(
                lambda: presets.rename(fields["preset"], fields["name"])
            ),
            "delete_preset": lambda fields, _: self._keeping.begin(lambda: presets.delete(fields["name"])),
            "not_isolated": lambda *_: preferences.stay(),
            "reset_settings": lambda *_: preferences.reset(),
        }
        models.open_first()
        self._lists.begin(chats.look)

    def receive(self, number: int, name: str, fields: Mapping[str, str], files: Any) -> None:
        """React to the page's event of this *number*."""
        self._patches.answers = number
        self._actions[name](fields, files)

    def _asked(self) -> Settings:
        return self._preferences.asked()

    # ---- Turns ----

    def _ask(self, text: str, *extra: Patch) -> None:
        question, state = text.strip(), self._screen.state
        if self._models.model and not state.answering and question:
            self._screen.show(states.asked(state, question), *extra, save=True)
            self._turns.begin(self._answer)

    def _answer_with(self, change: Callable[[State, int], State], number: int) -> None:
        """Have the model write another answer, the rest of one, or one to a question that was edited."""
        state = self._screen.state
        if self._models.model and not state.answering:
            self._screen.show(change(state, number), save=True)
            self._turns.begin(self._answer)

    def _branch(self, place: int, n: int) -> None:
        """Have the answer go on from another token in the *place* of one."""
        if self._screen.state.tokens:
            self._answer_with(partial(states.branched, n=n), place)

    def _change(self, change: Callable[..., State], *arguments: Any) -> None:
        """What can be done to the conversation when nobody writes to it."""
        state = self._screen.state
        if not state.answering:
            self._screen.show(change(state, *arguments), save=True)

    def _begin_to_edit(self, number: int) -> None:
        self._change(states.editing_began, number)
        state = self._screen.state
        if state.editing is not None:
            field = edit_field(entry_id(state.chat, state.chat.entry(number)))
            self._screen.show(state, ["focus", field])

    def _delete_chat(self) -> None:
        name = self._screen.state.chat.name
        self._chats.delete()
        self._keeping.begin(lambda: self._recall.forget(name))

    def _edit(self, number: int, text: str) -> None:
        chat = self._screen.state.chat
        if not text or text == chat.entry(number).text:
            self._change(states.editing_began, None)
        elif chat.entry(number).role == "user":
            self._answer_with(partial(states.edited, text=text), number)
        else:
            self._change(states.edited, number, text)

    def _stop(self, n_shown: int) -> None:
        """Stop the turn; its text ends after the *n_shown* characters that the visitor saw."""
        if self._screen.state.answering:
            self._turns.stop()
            self._screen.cut(n_shown)
        else:  # the answer has ended meanwhile: the page, which holds its text back, gets all of it
            self._screen.show_answer()

    def _settle(self) -> None:
        """A turn that was stopped before its first step could not end itself."""
        state = self._screen.state
        if state.answering:
            self._screen.show(states.answered(state, "cancelled", Timings(), state.used_tokens), save=True)

    async def _import(self, files: Any) -> None:
        file = files[0]
        await self._chats.take_in(await file.text())

    async def _answer(self) -> None:
        model = self._models.model
        if model is None:
            raise NotReady("There is no model to answer: open one first.")
        screen, settings, name = self._screen, self._screen.state.settings, self._screen.state.chat.name
        await self._recall.bring_back(model, name, goes_on=len(screen.state.entries) > 2)
        turn = model.chat(
            screen.state.messages(),
            max_tokens=settings.max_tokens,
            stop=settings.stops,
            continue_final_message=bool(screen.state.answer.text),
            on_prompt=self._reading(time.monotonic()),
            **settings.sampling_options(),
        )
        try:
            async with aclosing(turn):
                async for piece in turn:
                    screen.append(piece)
        except asyncio.CancelledError:
            pass  # Stop, or other work: what was said stays said
        except BitNetError as error:
            self._give_back(error)
            return
        reason, used_tokens = turn.stop_reason or "cancelled", model.position
        screen.show(states.answered(screen.state, reason, turn.timings, used_tokens), save=True)
        self._keeping.begin(lambda: self._recall.keep(model, name, turn.timings))

    def _reading(self, began_s: float) -> Callable[[int, int], None]:
        """Shows how far a question has been read, if that takes long enough to be noticed."""

        def show(n_read: int, n_tokens: int) -> None:
            if time.monotonic() - began_s >= SHOW_READING_S:
                self._screen.show(states.reading_went_on(self._screen.state, n_read, n_tokens))

        return show

    def _give_back(self, error: BitNetError) -> None:
        """A turn failed: an answer that has begun stays, else a new question goes back to its field."""
        before = self._screen.state
        offer = "new_chat" if isinstance(error, ContextFull) and len(before.entries) > 2 else ""
        state = states.turn_failed(before, Alert(str(error), offer))
        question = before.entries[-2]
        taken_back = question.id not in {entry.id for entry in state.chat.entries}
        extra: list[Patch] = [["value", "message", question.text]] if taken_back else []
        self._screen.show(state, *extra, save=True)


_page: Page | None = None


def start(
    query: str,
    saved: str,
    device: str,
    ranks: Any,
    storage: Any,
    no_storage: str,
    texts: Any,
    may_isolate: bool,
) -> None:
    """Begin: *query* is the page's ``location.search``, *saved* and *device* what it keeps, or "".

    *ranks* is what ``ranksFrom`` of web/ranks.js gave, *storage* what ``storageFrom`` of web/storage.js gave,
    and *no_storage* its obstacle, *texts* what ``textsFrom`` of web/texts.js gave; *may_isolate* as ``Page``
    takes it.
    """
    from bitnet.host.browser import BrowserHost
    from bitnet.host.texts import BrowserTexts

    global _page
    asked = parse_query(query)
    host = BrowserHost(asked.kernel, ranks, storage, no_storage)
    kept = BrowserTexts(texts)
    _page = Page(host, Patches(), asked, saved, device=device, may_isolate=may_isolate, texts=kept)


def receive(number: int, name: str, fields: str, files: Any) -> None:
    """An event of the page: *fields* is a JSON object of strings, *files* a list of a browser's Files."""
    if _page is None:
        raise NotReady(f"The event {name!r} came before the page was started.")
    _page.receive(number, name, json.loads(fields), files)
