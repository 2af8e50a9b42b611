"""The state of the page: frozen data, and one function for each thing that can happen to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bitnet.ranks import Cores
from bitnet.records import Message, Progress, Timings
from bitnet.ui.settings import Settings

Phase = Literal["starting", "loading", "ready", "answering", "error"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the conversation as it is shown. *remark* stands under an answer."""

    id: int
    role: Literal["user", "assistant"]
    text: str
    busy: bool = False
    remark: str = ""


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
    kv_bytes_per_position: int = 0
    sample_prompts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """A problem, in one sentence. *offer* names a button that helps: "new_chat", "" for none."""

    sentence: str
    offer: str = ""


@dataclass(frozen=True, slots=True)
class State:
    phase: Phase = "starting"
    model: ModelCard | None = None
    catalogue: tuple[ModelCard, ...] = ()
    entries: tuple[Entry, ...] = ()
    settings: Settings = field(default_factory=Settings)
    defaults: Settings = field(default_factory=Settings)
    loading: str = ""
    progress: Progress | None = None
    alert: Alert | None = None
    settings_problem: str = ""
    #: Tokens in the KV cache after the last turn.
    used_tokens: int = 0
    cores: Cores = field(default_factory=Cores)
    #: Whether the page could be isolated, which it is not yet.
    may_isolate: bool = False
    #: What the address of the page asked for and what became of it.
    remarks: tuple[str, ...] = ()

    @property
    def answer(self) -> Entry:
        """The answer that is being written, or was last."""
        return self.entries[-1]

    def messages(self) -> list[Message]:
        """The conversation as the model gets it, without an answer that is still empty."""
        system = [Message("system", self.settings.system)] if self.settings.system.strip() else []
        said = [Message(entry.role, entry.text) for entry in self.entries if entry.text]
        return system + said


# ---- Models ----


def loading_began(state: State, title: str) -> State:
    return replace(state, phase="loading", loading=title, progress=None, alert=None)


def bytes_arrived(state: State, progress: Progress) -> State:
    return replace(state, progress=progress)


def model_ready(state: State, model: ModelCard) -> State:
    return replace(state, phase="ready", model=model, loading="", progress=None, used_tokens=0)


def model_changed(state: State, model: ModelCard) -> State:
    """Its context or chat template is another one; what the KV cache held has to be run again."""
    same = state.model is not None and state.model.context_length == model.context_length
    return replace(state, model=model, used_tokens=state.used_tokens if same else 0)


def loading_failed(state: State, sentence: str) -> State:
    """The model before, if there is one, goes on working."""
    if state.model is not None:
        sentence = f"{sentence} {state.model.title} is still in use."
        return replace(state, phase="ready", loading="", progress=None, alert=Alert(sentence))
    return replace(state, phase="error", loading="", progress=None, alert=Alert(sentence))


# ---- Turns ----


def asked(state: State, text: str) -> State:
    n = len(state.entries)
    question, answer = Entry(n, "user", text), Entry(n + 1, "assistant", "", busy=True)
    return replace(state, phase="answering", entries=(*state.entries, question, answer), alert=None)


def _with_answer(state: State, **changes: Any) -> State:
    return replace(state, entries=(*state.entries[:-1], replace(state.answer, **changes)))


def piece_came(state: State, piece: str) -> State:
    return _with_answer(state, text=state.answer.text + piece)


def answer_cut(state: State, n_characters: int) -> State:
    """Stopped: of the tokens that came after, nothing stays."""
    return _with_answer(state, text=state.answer.text[:n_characters])


def answered(state: State, reason: str, timings: Timings, used_tokens: int) -> State:
    state = _with_answer(state, busy=False, remark=describe(reason, timings))
    alert = state.alert
    if reason == "context" and state.model is not None:
        room = f"{state.model.context_length:,} tokens"
        alert = Alert(f"The conversation fills the context of {room}: start a new chat to go on.", "new_chat")
    return replace(state, phase="ready", used_tokens=used_tokens, alert=alert)


def turn_failed(state: State, alert: Alert) -> State:
    """What was said stays said; a question without any answer is taken back."""
    state = replace(state, phase="ready", alert=alert)
    if state.answer.text:
        return _with_answer(state, busy=False, remark="broke off")
    return replace(state, entries=state.entries[:-2])


def describe(reason: str, timings: Timings) -> str:
    """The line under an answer."""
    endings = {"length": "stopped at Max tokens", "cancelled": "stopped", "context": "stopped: context full"}
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


def chat_cleared(state: State) -> State:
    return replace(state, phase="ready", entries=(), alert=None, used_tokens=0)


# ---- Reload ----


def snapshot(state: State) -> str:
    """What must survive a reload, as JSON: the conversation, without an answer that has no text yet."""
    entries = [[entry.role, entry.text, entry.remark] for entry in state.entries if entry.text]
    return json.dumps({"version": 1, "entries": entries, "settings": state.settings.to_json()})


def restored(state: State, saved: str) -> State:
    """The state with what *saved* holds; a snapshot that cannot be read is left aside."""
    try:
        data = json.loads(saved)
        entries = tuple(
            Entry(n, "user" if role == "user" else "assistant", str(text), remark=str(remark))
            for n, (role, text, remark) in enumerate(data["entries"])
        )
        return replace(state, entries=entries, settings=Settings.from_json(data["settings"]))
    except (ValueError, KeyError, TypeError):
        return state
