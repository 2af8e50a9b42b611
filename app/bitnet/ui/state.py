"""The state of the page: frozen data, and one function for each thing that can happen to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bitnet.ranks import Cores
from bitnet.records import Message, Progress, Timings, WeightCounts
from bitnet.ui.benchmark import Benchmark
from bitnet.ui.chat_list import ChatList
from bitnet.ui.conversation import Conversation, Entry
from bitnet.ui.inspector import Inspector
from bitnet.ui.opening import Choice, Opening, Report
from bitnet.ui.presets import Presets
from bitnet.ui.settings import Settings
from bitnet.ui.stored import Shelf
from bitnet.ui.tokens import Piece, Tokens

Phase = Literal["starting", "loading", "ready", "answering", "error"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the page says of a model: one that is loaded, or one of the catalogue."""

    name: str
    title: str
    size_bytes: int | None
    licence: str
    description: str = ""
    kind: str = ""
    kernel: str = ""
    n_ranks: int = 1
    context_length: int = 0
    n_ctx_train: int = 0
    kv: str = "f16"
    #: Of each precision: what a position costs.
    kv_bytes_per_position: tuple[tuple[str, int], ...] = ()
    #: What the screened output head adds, 0 where there can be none.
    screen_bytes: int = 0
    sample_prompts: tuple[str, ...] = ()
    #: Where one of the catalogue comes from.
    address: str = ""
    warnings: tuple[str, ...] = ()

    def context_bytes(self, n_positions: int, kv: str = "") -> int:
        """Memory of so many positions of the KV cache, in the precision *kv*, "" for its own."""
        return n_positions * dict(self.kv_bytes_per_position)[kv or self.kv]


@dataclass(frozen=True, slots=True)
class Offer:
    """A larger model of the catalogue; *tokens_per_s* is predicted, None where nothing was measured."""

    name: str
    title: str
    address: str
    size_bytes: int
    tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class Alert:
    """A problem, in one sentence, or news that are none.

    *offer* names a button that helps: "new_chat", "open_stored", "repair", "undo",
    "restore_chat" or "models"; "" for none. *key* is that of the stored model which the button is about.
    """

    sentence: str
    offer: str = ""
    key: str = ""
    is_problem: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """*model* answers; *opening* is the one that will, while there is one. *failed*: there is neither."""

    model: ModelCard | None = None
    opening: Opening | None = None
    answering: bool = False
    #: While a long question is read: tokens that have been, and all.
    reading: tuple[int, int] | None = None
    failed: bool = False
    catalogue: tuple[ModelCard, ...] = ()
    offer: Offer | None = None
    shelf: Shelf = field(default_factory=Shelf)
    chat: Conversation = field(default_factory=lambda: Conversation(""))
    #: The message that is being edited.
    editing: int | None = None
    #: The tokens of one answer, in place of what they make up.
    tokens: Tokens | None = None
    #: The conversation before something of it was deleted.
    before: Conversation | None = None
    chats: ChatList = field(default_factory=ChatList)
    settings: Settings = field(default_factory=Settings)
    defaults: Settings = field(default_factory=Settings)
    presets: Presets = field(default_factory=Presets)
    #: What is being looked at of the model in use.
    inspector: Inspector | None = None
    #: How fast a model was here.
    benchmark: Benchmark | None = None
    alert: Alert | None = None
    settings_problem: str = ""
    #: Tokens in the KV cache after the last turn.
    used_tokens: int = 0
    cores: Cores = field(default_factory=Cores)
    #: Whether the page could be isolated, which it is not yet.
    may_isolate: bool = False
    #: Where the model in use comes from, or the one before a reload; "" for a file of this machine.
    address: str = ""
    #: What the address of the page asked for and what became of it.
    remarks: tuple[str, ...] = ()

    @property
    def phase(self) -> Phase:
        if self.answering:
            return "answering"
        if self.opening is not None:
            return "loading"
        return "ready" if self.model else "error" if self.failed else "starting"

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The messages that are shown."""
        return self.chat.path

    @property
    def answer(self) -> Entry:
        """The answer that is being written, or was last."""
        return self.entries[-1]

    @property
    def answered_by(self) -> str:
        """Title of the model that wrote last in this conversation, "" if that is not known."""
        return next((entry.model for entry in reversed(self.entries) if entry.model), "")

    def messages(self, last: int | None = None) -> list[Message]:
        """The conversation as the model gets it, without an answer that is still empty.

        *last* is the message that it ends with, None for the last one of all.
        """
        system = [Message("system", self.settings.system)] if self.settings.system.strip() else []
        path = replace(self.chat, leaf=last).path if last is not None else self.entries
        return system + [Message(entry.role, entry.text) for entry in path if entry.text]


def work_failed(state: State, reason: str) -> State:
    """Something failed that nobody has foreseen; a model from before goes on working."""
    sentence = f"Something unexpected went wrong ({reason}): reload the page; the conversation is kept."
    if state.answering:
        state = _with_answer(state, busy=False, remark="broke off")
    return replace(loading_ended(state, Alert(sentence)), answering=False, reading=None)


def alerted(state: State, alert: Alert | None) -> State:
    return replace(state, alert=alert)


# ---- Models ----


def catalogue_read(state: State, offers: tuple[ModelCard, ...]) -> State:
    return replace(state, catalogue=offers)


def loading_began(state: State, title: str, *, can_pause: bool = False) -> State:
    """The model before, if there is one, goes on answering meanwhile."""
    return replace(state, opening=Opening(title, can_pause), alert=None)


def asked_to_choose(state: State, choices: tuple[Choice, ...]) -> State:
    """An address means several models."""
    return _with_opening(state, choices=choices)


def reported(state: State, report: Report) -> State:
    """The download waits until the visitor agrees to it."""
    return _with_opening(state, report=report)


def agreed(state: State) -> State:
    return _with_opening(state, choices=(), report=None, pace=None)  # thinking is no slowness


def _with_opening(state: State, **changes: Any) -> State:
    return replace(state, opening=replace(state.opening, **changes)) if state.opening else state


def bytes_arrived(state: State, progress: Progress, now_s: float) -> State:
    opening = state.opening.with_progress(progress, now_s) if state.opening else None
    return replace(state, opening=opening)


def retrying_in(state: State, seconds: float) -> State:
    """The connection is lost, and the transfer waits before it tries again."""
    return _with_opening(state, retry_in_s=seconds)


def model_ready(state: State, model: ModelCard, address: str = "", offer: Offer | None = None) -> State:
    answers = replace(state, model=model, address=address, offer=offer)
    return replace(answers, opening=None, failed=False, used_tokens=0, tokens=None, inspector=None)


def model_let_go(state: State) -> State:
    """It has made room for the one that is being opened."""
    return replace(state, model=None, used_tokens=0, tokens=None, inspector=None)


def model_changed(state: State, model: ModelCard) -> State:
    """Its context or chat template is another one; what a KV cache held that is gone has to be run again."""
    before = state.model
    same = before is not None and (before.context_length, before.kv) == (model.context_length, model.kv)
    return replace(state, model=model, used_tokens=state.used_tokens if same else 0, tokens=None)


def loading_failed(state: State, sentence: str) -> State:
    """The model before, if there is one, goes on working."""
    if state.model is not None:
        sentence = f"{sentence} {state.model.title} is still in use."
    return loading_ended(state, Alert(sentence))


def loading_ended(state: State, alert: Alert | None) -> State:
    """Without a new model."""
    return replace(state, opening=None, failed=state.model is None, alert=alert)


# ---- Turns ----


def asked(state: State, text: str) -> State:
    return _answering(state, state.chat.asked(text))


def asked_again(state: State, number: int) -> State:
    return _answering(state, state.chat.asked_again(number))


def going_on(state: State, number: int) -> State:
    return _answering(state, state.chat.going_on(number))


def edited(state: State, number: int, text: str) -> State:
    """A question is asked anew; an answer says what the visitor has written."""
    chat = state.chat.edited(number, text)
    return _answering(state, chat) if chat.path[-1].busy else _with_chat(state, chat)


def _answering(state: State, chat: Conversation) -> State:
    title = state.model.title if state.model else ""
    chat = chat.changed(chat.path[-1].id, model=title)
    return replace(_with_chat(state, chat), answering=True)


def _with_chat(state: State, chat: Conversation) -> State:
    return replace(state, chat=chat, editing=None, tokens=None, before=None, alert=None)


def _with_answer(state: State, **changes: Any) -> State:
    return replace(state, chat=state.chat.changed(state.answer.id, **changes))


def reading_went_on(state: State, n_read: int, n_tokens: int) -> State:
    """Of a question; nothing is shown of it once all has been read."""
    return replace(state, reading=(n_read, n_tokens) if state.answering and n_read < n_tokens else None)


def piece_came(state: State, piece: str) -> State:
    return _with_answer(state, text=state.answer.text + piece)


def answer_cut(state: State, n_characters: int) -> State:
    """Stopped: of the tokens that came after, nothing stays."""
    return _with_answer(state, text=state.answer.text[:n_characters])


def answered(state: State, reason: str, timings: Timings, used_tokens: int) -> State:
    if reason == "stop" and not state.settings.stops:
        reason = "end"  # at a string of the chat template, as every answer
    state = _with_answer(state, busy=False, remark=describe(reason, timings))
    alert = state.alert
    if reason == "context" and state.model is not None:
        room = f"{state.model.context_length:,} tokens"
        alert = Alert(f"The conversation fills the context of {room}: start a new chat to go on.", "new_chat")
    return replace(state, answering=False, reading=None, used_tokens=used_tokens, alert=alert)


def turn_failed(state: State, alert: Alert) -> State:
    """What was said stays said; a question without any answer is taken back."""
    state, answer = replace(state, answering=False, reading=None, alert=alert), state.answer
    if answer.text:
        return _with_answer(state, busy=False, remark="broke off")
    chat = state.chat.without(answer.id)
    question = answer.parent
    if question is not None and all(entry.parent != question for entry in chat.entries):
        chat = chat.without(question)
    return replace(state, chat=chat)


def describe(reason: str, timings: Timings) -> str:
    """The line under an answer."""
    endings = {
        "length": "stopped at Max tokens",
        "stop": "ended at a stop string",
        "cancelled": "stopped",
        "context": "stopped: context full",
    }
    parts = [
        f"{timings.decode_tokens_per_s:.1f} tokens/s",
        _count(timings.decode_tokens),
        f"prompt {_count(timings.prefill_tokens)} in {timings.prefill_ms / 1000:.2f} s",
    ]
    if reason in endings:
        parts.append(endings[reason])
    return " · ".join(parts)


def _count(n_tokens: int) -> str:
    return f"{n_tokens:,} token" + ("" if n_tokens == 1 else "s")


# ---- Tokens ----


def tokens_asked(state: State, number: int) -> State:
    """Those of an answer: they come one after the other."""
    return replace(state, tokens=Tokens(number), editing=None, alert=None)


def token_came(state: State, piece: Piece) -> State:
    return replace(state, tokens=state.tokens.with_piece(piece)) if state.tokens else state


def token_chosen(state: State, place: int | None) -> State:
    """What else was likely in its *place* is shown; None: of none."""
    return replace(state, tokens=replace(state.tokens, chosen=place)) if state.tokens else state


def tokens_left(state: State) -> State:
    return replace(state, tokens=None)


def branched(state: State, place: int, n: int) -> State:
    """The answer goes on from another token: the *n*-th alternative in a *place*."""
    if state.tokens is None:
        return state
    text = state.tokens.text(place) + state.tokens.pieces[place].alternatives[n].text
    return _answering(state, state.chat.branched(state.tokens.entry, text))


# ---- The inspector ----


def inspected(state: State, seen: Inspector | None) -> State:
    """The model in use is looked into; None: no longer."""
    return replace(state, inspector=seen)


def metadata_searched(state: State, text: str) -> State:
    return _inspecting(state, lambda seen: replace(seen, metadata=replace(seen.metadata, wanted=text)))


def tensors_filtered(state: State, text: str) -> State:
    return _inspecting(state, lambda seen: replace(seen, table=replace(seen.table, wanted=text)))


def tensors_sorted(state: State, column: str) -> State:
    return _inspecting(state, lambda seen: replace(seen, table=seen.table.sorted_by(column)))


def counting_began(state: State) -> State:
    return _inspecting(
        state, lambda seen: replace(seen, weights=replace(seen.weights, counts=(), counting=True))
    )


def weights_counted(state: State, counts: WeightCounts) -> State:
    """Those of one more tensor."""
    return _inspecting(
        state,
        lambda seen: replace(seen, weights=replace(seen.weights, counts=(*seen.weights.counts, counts))),
    )


def counting_ended(state: State) -> State:
    return _inspecting(
        state,
        lambda seen: replace(
            seen,
            weights=replace(seen.weights, counting=False),
            table=seen.table.with_counts(seen.weights.counts),
        ),
    )


def _inspecting(state: State, change: Callable[[Inspector], Inspector]) -> State:
    return replace(state, inspector=change(state.inspector)) if state.inspector else state


# ---- The conversation ----


def chat_opened(state: State, chat: Conversation) -> State:
    """Another conversation, or a new one."""
    return replace(_with_chat(state, chat), answering=False, reading=None, used_tokens=0)


def editing_began(state: State, number: int | None) -> State:
    """*number* is that of the message, None where the visitor leaves it as it is."""
    return replace(state, editing=number)


def version_shown(state: State, number: int, step: int) -> State:
    return _with_chat(state, state.chat.switched(number, step))


def message_deleted(state: State, number: int) -> State:
    """With all that followed it, until the visitor thinks better of it."""
    chat = state.chat.without(number)
    n_gone = len(state.chat.entries) - len(chat.entries)
    gone = "The message is deleted." if n_gone == 1 else f"{n_gone} messages are deleted."
    alert = Alert(gone, "undo", is_problem=False)
    return replace(_with_chat(state, chat), before=state.chat, alert=alert)


def deletion_undone(state: State) -> State:
    return _with_chat(state, state.before) if state.before else state


# ---- Reload ----


def snapshot(state: State) -> str:
    """What must survive a reload, as JSON: the conversation, settings, and which model was in use."""
    kept = {"chat": state.chat.to_json(), "settings": state.settings.to_json(), "address": state.address}
    return json.dumps({"version": 2, **kept})


def with_device(state: State, kept: str) -> State:
    """The state with the settings that this device keeps, JSON; what cannot be read is left aside."""
    try:
        return replace(state, settings=state.settings.with_fields(json.loads(kept)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return state


def restored(state: State, saved: str) -> State:
    """The state with what *saved* holds; a snapshot that cannot be read is left aside."""
    try:
        data = json.loads(saved)
        chat, settings = Conversation.from_json(data["chat"]), Settings.from_json(data["settings"])
        return replace(state, chat=chat, settings=settings, address=str(data.get("address", "")))
    except (ValueError, KeyError, TypeError):
        return state
