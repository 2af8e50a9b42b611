"""State -> view: what every part of the page shows. Pure functions; nothing here knows a browser."""

from __future__ import annotations

from functools import lru_cache

from bitnet.ui import amounts
from bitnet.ui.benchmark_view import benchmark
from bitnet.ui.chats_view import chats
from bitnet.ui.conversation_view import entry_id, messages
from bitnet.ui.inspector_view import inspector
from bitnet.ui.models_view import models
from bitnet.ui.node import Node, View, button, disabled, hidden
from bitnet.ui.settings_view import settings
from bitnet.ui.state import Alert, State
from bitnet.ui.tokens_view import alternatives

#: At this share of the context length the page says that the end is near.
NEARLY_FULL = 0.85


def view(state: State) -> View:
    return (
        Node("", "page", {"data-state": state.phase}),
        *_header(state),
        *_loading(state),
        *_conversation(state),
        *_alternatives(state),
        *_composer(state),
        *chats(state),
        *models(state),
        *settings(state),
        *inspector(state),
        *benchmark(state),
    )


def _header(state: State) -> View:
    words = {
        "starting": "starting",
        "loading": "loading",
        "ready": "ready",
        "answering": "answering",
        "error": "no model is loaded",
    }
    name = state.model.title if state.model else ""
    if state.phase == "loading" and state.opening:
        name = state.opening.title
    return (
        Node("", "model-name", text=name),
        Node("", "model-state", text=words[state.phase]),
        Node("", "new-chat", disabled(state.model is None)),
    )


def _loading(state: State) -> View:
    if state.opening is None and state.reading:
        return _reading(*state.reading)
    opening = state.opening
    progress = opening.progress if opening else None
    known = progress is not None and progress.total_bytes
    paused = opening is not None and opening.is_paused
    lasts = opening is not None and opening.lasts
    return (
        Node("", "loading", hidden(opening is None and state.phase != "starting")),
        Node("", "loading-text", text=opening.line() if opening else "Starting"),
        Node("", "loading-remark", text=progress.remark if progress else ""),
        Node(
            "",
            "progress",
            {
                "max": str(progress.total_bytes) if progress and known else "1",
                "value": str(progress.received_bytes) if progress and known else None,
            },
        ),
        Node("", "loading-actions", hidden(not lasts)),
        Node("", "pause", {"data-event": "go_on" if paused else "pause"}, "Continue" if paused else "Pause"),
    )


def _reading(n_read: int, n_tokens: int) -> View:
    return (
        Node("", "loading"),
        Node("", "loading-text", text=f"Reading your message: {n_read:,} of {n_tokens:,} tokens"),
        Node("", "loading-remark"),
        Node("", "progress", {"max": str(n_tokens), "value": str(n_read)}),
        Node("", "loading-actions", hidden(True)),
    )


def _conversation(state: State) -> View:
    model = state.model
    demonstration = bool(model and model.sample_prompts)
    text = "Python and the model start inside this page, on your own processor."
    if model:
        kind = "a small demonstration model that" if demonstration else "a model that"
        text = (
            f"{model.title} is {kind} runs in this tab, on your own processor: "
            "nothing you write leaves your machine."
        )
    if demonstration:
        text += " It tells children's stories and makes small talk; do not rely on what it says."
    samples = model.sample_prompts if model else ()
    return (
        Node("", "hint", hidden(bool(state.chat.entries))),
        Node("", "hint-text", text=text),
        *_offer(state),
        Node("", "samples", children=tuple(_sample(n, prompt) for n, prompt in enumerate(samples))),
        Node("", "log", children=messages(state)),
        Node("", "handover", text=_handover(state)),
    )


def _handover(state: State) -> str:
    before = state.answered_by
    if state.model is None or before in ("", state.model.title):
        return ""
    return f"Answered by {before}; {state.model.title} will continue."


def _alternatives(state: State) -> View:
    tokens = state.tokens
    name = entry_id(state.chat, state.chat.entry(tokens.entry)) if tokens else ""
    return alternatives(name, tokens)


def _offer(state: State) -> View:
    larger, opening = state.offer, state.opening is not None
    if larger is None:
        return (Node("", "offer", hidden(True)),)
    stored = any(card.complete and card.url == larger.address for card in state.shelf.cards)
    speed = f"about {larger.tokens_per_s:.0f} tokens/s on this machine" if larger.tokens_per_s else ""
    room = state.shelf.free_bytes
    left = f"{amounts.size(room)} are left on this device" if room is not None and not stored else ""
    size = "stored on this device" if stored else f"{amounts.size(larger.size_bytes)} to download once"
    about = "; ".join(part for part in (speed, size, left) if part)
    return (
        Node("", "offer", hidden(opening)),
        Node("", "offer-title", text=larger.title),
        Node("", "offer-about", text=f"{about[:1].upper()}{about[1:]}."),
        Node("", "offer-get", {"data-name": larger.name}, "Use it" if stored else "Get it"),
    )


@lru_cache(maxsize=64)
def _sample(n: int, prompt: str) -> Node:
    attributes = {"type": "button", "data-event": "sample", "data-text": prompt, "data-focus": "message"}
    return Node("li", f"sample-{n}", children=(Node("button", f"sample-{n}-button", attributes, prompt),))


def _composer(state: State) -> View:
    answering = state.answering
    does = {"data-action": "stop" if answering else "send", **disabled(state.model is None)}
    context = ""
    if state.model and state.used_tokens:
        context = f"{state.used_tokens:,} of {state.model.context_length:,} tokens used"
        if state.used_tokens >= NEARLY_FULL * state.model.context_length:
            context += ": nearly full, a new chat makes room"
    return (
        Node("", "send", does, "Stop" if answering else "Send"),
        Node("", "context", text=context),
        Node("", "notices", children=_alert(state.alert)),
    )


#: What an alert's button does, and what it says.
OFFERS = {
    "new_chat": ("new_chat", "Start over"),
    "open_stored": ("open_stored", "Continue"),
    "repair": ("repair", "Repair"),
    "undo": ("undo", "Undo"),
    "restore_chat": ("restore_chat", "Undo"),
}


@lru_cache(maxsize=8)
def _alert(alert: Alert | None) -> tuple[Node, ...]:
    if alert is None:
        return ()
    parts = [Node("span", "alert-text", text=alert.sentence)]
    if alert.offer in OFFERS:
        event, text = OFFERS[alert.offer]
        parts.append(button("alert-offer", text, event, focus="message", key=alert.key))
    elif alert.offer == "models":
        opens = {"type": "button", "data-opens": "models"}
        parts.append(Node("button", "alert-offer", opens, "Show the models"))
    dismiss = {"type": "button", "class": "quiet", "data-event": "dismiss", "data-focus": "message"}
    parts.append(Node("button", "alert-dismiss", dismiss, "Dismiss"))
    role, look = ("alert", "notice") if alert.is_problem else ("status", "notice calm")
    return (Node("div", role, {"role": role, "class": look}, children=tuple(parts)),)
