"""State -> view: what every part of the page shows. Pure functions; nothing here knows a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from bitnet.ui import sharing
from bitnet.ui.settings import OWN
from bitnet.ui.state import Alert, Entry, ModelCard, State

#: At this share of the context length the page says that the end is near.
NEARLY_FULL = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An element of the page: text or children. An attribute that is None is absent."""

    tag: str
    id: str
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    text: str = ""
    children: tuple[Node, ...] = ()


#: Nodes whose elements stand in index.html; their tag is of no account.
View = tuple[Node, ...]


def view(state: State) -> View:
    return (
        Node("", "page", {"data-state": state.phase}),
        *_header(state),
        *_loading(state),
        *_conversation(state),
        *_composer(state),
        *_models(state),
        Node("", "settings-problem", children=_problem(state.settings_problem)),
        Node("", "about-context", text=_context_cost(state.model)),
        Node("", "about-ranks", text=sharing.about(state.cores, may_isolate=state.may_isolate)),
        Node("", "field-own_template", _hidden(state.settings.template != OWN)),
    )


def entry_id(entry: Entry) -> str:
    return f"entry-{entry.id}"


def _hidden(hide: bool) -> dict[str, str | None]:
    return {"hidden": "" if hide else None}


def _disabled(disable: bool) -> dict[str, str | None]:
    return {"disabled": "" if disable else None}


def _header(state: State) -> View:
    words = {
        "starting": "starting",
        "loading": "loading",
        "ready": "ready",
        "answering": "answering",
        "error": "no model is loaded",
    }
    name = state.loading if state.phase == "loading" else state.model.title if state.model else ""
    return (
        Node("", "model-name", text=name),
        Node("", "model-state", text=words[state.phase]),
        Node("", "new-chat", _disabled(state.phase not in ("ready", "answering"))),
    )


def _loading(state: State) -> View:
    waiting = state.phase in ("starting", "loading")
    text, value, total = f"Loading {state.loading}", None, "1"
    if state.progress is not None:
        received = state.progress.received_bytes
        text += f": {megabytes(received)}"
        if state.progress.total_bytes:
            text += f" of {megabytes(state.progress.total_bytes)}"
            value, total = str(received), str(state.progress.total_bytes)
    return (
        Node("", "loading", _hidden(not waiting)),
        Node("", "loading-text", text=text),
        Node("", "progress", {"max": total, "value": value}),
    )


def _conversation(state: State) -> View:
    children = tuple(node for entry in state.entries for node in _entry(entry))
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
        Node("", "hint", _hidden(bool(state.entries))),
        Node("", "hint-text", text=text),
        Node("", "samples", children=tuple(_sample(n, prompt) for n, prompt in enumerate(samples))),
        Node("", "log", children=children),
    )


@lru_cache(maxsize=512)
def _entry(entry: Entry) -> tuple[Node, ...]:
    name = entry_id(entry)
    busy = None if entry.role == "user" else "true" if entry.busy else "false"
    label = "You" if entry.role == "user" else "Answer"
    attributes = {"data-role": entry.role, "aria-busy": busy, "aria-label": label, "class": "entry"}
    article = Node("article", name, attributes, entry.text)
    if entry.role == "user" or entry.busy:
        return (article,)
    copy = {"type": "button", "class": "quiet", "data-copies": name, "aria-label": "Copy answer"}
    remark = (
        Node("span", f"{name}-speed", text=entry.remark),
        Node("button", f"{name}-copy", copy, "Copy"),
    )
    return (article, Node("div", f"{name}-remark", {"class": "remark"}, children=remark))


@lru_cache(maxsize=64)
def _sample(n: int, prompt: str) -> Node:
    attributes = {"type": "button", "data-event": "sample", "data-text": prompt, "data-focus": "message"}
    return Node("li", f"sample-{n}", children=(Node("button", f"sample-{n}-button", attributes, prompt),))


def _composer(state: State) -> View:
    answering = state.phase == "answering"
    button: dict[str, str | None] = {"data-action": "stop" if answering else "send"}
    button |= _disabled(state.phase not in ("ready", "answering"))
    context = ""
    if state.model and state.used_tokens:
        context = f"{state.used_tokens:,} of {state.model.context_length:,} tokens used"
        if state.used_tokens >= NEARLY_FULL * state.model.context_length:
            context += ": nearly full, a new chat makes room"
    return (
        Node("", "send", button, "Stop" if answering else "Send"),
        Node("", "context", text=context),
        Node("", "notices", children=_alert(state.alert)),
    )


@lru_cache(maxsize=8)
def _alert(alert: Alert | None) -> tuple[Node, ...]:
    if alert is None:
        return ()
    parts = [Node("span", "alert-text", text=alert.sentence)]
    if alert.offer == "new_chat":
        offer = {"type": "button", "data-event": "new_chat", "data-focus": "message"}
        parts.append(Node("button", "alert-new-chat", offer, "Start over"))
    dismiss = {"type": "button", "class": "quiet", "data-event": "dismiss", "data-focus": "message"}
    parts.append(Node("button", "alert-dismiss", dismiss, "Dismiss"))
    return (Node("div", "alert", {"role": "alert", "class": "notice"}, children=tuple(parts)),)


@lru_cache(maxsize=8)
def _problem(sentence: str) -> tuple[Node, ...]:
    return (Node("p", "settings-alert", {"role": "alert", "class": "notice"}, sentence),) if sentence else ()


def _models(state: State) -> View:
    model, cores = state.model, ""
    if model:
        cores = sharing.in_use(model.n_ranks, state.settings.ranks, state.cores, model.size_bytes)
    return (
        Node("", "model-facts", children=_facts(state.model, cores, state.remarks)),
        Node("", "catalogue", children=tuple(_offer(card) for card in state.catalogue)),
    )


@lru_cache(maxsize=8)
def _facts(model: ModelCard | None, cores: str, remarks: tuple[str, ...]) -> tuple[Node, ...]:
    facts = [("Model", model.title if model else "none yet")]
    if model:
        size = megabytes(model.size_bytes) if model.size_bytes else "unknown"
        facts += [("Size", size), ("Type", model.kind), ("Licence", model.licence or "the file names none")]
        memory = megabytes(model.context_length * model.kv_bytes_per_position)
        facts += [
            ("Context", f"{model.context_length:,} of {model.n_ctx_train:,} tokens, {memory}"),
            ("Kernel", model.kernel),
            ("CPU cores", cores),
        ]
        facts += [("Note", warning) for warning in model.warnings]
    facts += [("Note", remark) for remark in remarks]
    return tuple(
        node
        for n, (term, value) in enumerate(facts)
        for node in (Node("dt", f"fact-{n}-term", text=term), Node("dd", f"fact-{n}", text=value))
    )


@lru_cache(maxsize=64)
def _offer(card: ModelCard) -> Node:
    name = f"catalogue-{card.name}"
    size = f"{megabytes(card.size_bytes)} · " if card.size_bytes else ""
    attributes = {
        "type": "button",
        "data-event": "open_named",
        "data-name": card.name,
        "data-closes": "models",
    }
    return Node(
        "li",
        name,
        children=(
            Node("strong", f"{name}-title", text=card.title),
            Node("span", f"{name}-facts", {"class": "muted"}, f"{size}{card.licence}"),
            Node("p", f"{name}-about", text=card.description),
            Node("button", f"{name}-open", attributes | {"aria-label": f"Open {card.title}"}, "Open"),
        ),
    )


def _context_cost(model: ModelCard | None) -> str:
    """What the number in the settings means in memory."""
    if model is None:
        return "How many tokens of a conversation the model can look back on."
    price = megabytes(1024 * model.kv_bytes_per_position)
    return (
        f"Tokens that a conversation may have, at most {model.n_ctx_train:,}; empty for the usual number. "
        f"Now {model.context_length:,} in {megabytes(model.context_length * model.kv_bytes_per_position)} "
        f"of memory; each 1,024 take {price}."
    )


def megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"
