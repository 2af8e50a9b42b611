"""The inspector: what the file of the model in use holds, and what that takes in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bitnet.inspection import TypeUse, type_uses
from bitnet.records import ModelInfo
from bitnet.ui import amounts, figures
from bitnet.ui.inspector import (
    REST,
    SHORT_CHARACTERS,
    SORT_KEYS,
    Inspector,
    Line,
    Metadata,
    Row,
    Shares,
    Table,
    Weights,
)
from bitnet.ui.node import Node, View, button, facts, hidden
from bitnet.ui.state import State
from bitnet.ui.table import row, table

#: Rows whose elements are kept in mind: those of a large model, with and without counts.
MOST_ROWS = 4096
USES = {
    "weights": "Weights",
    "screen": "Copy of the output head in 7 bits",
    "vocabulary": "Vocabulary",
    "header": "Metadata",
    "kv_cache": "KV cache",
    "scratch": "Room to compute in",
    REST: "Python, and what is free",
}
VALUES = {"minus": "−1", "zero": "0", "plus": "+1"}


def inspector(state: State) -> View:
    """The dialog: its contents before it is opened."""
    seen = state.inspector
    if seen is None or state.model is None:
        return _CLOSED
    is_ternary = seen.weights.n_tensors > 0
    return (
        Node("", "inspector-title", text=f"Inside {state.model.title}"),
        Node("", "inspector-facts", children=_facts(seen.info)),
        Node("", "inspector-memory", children=_memory(seen)),
        Node("", "inspector-types", children=_types(seen.info)),
        Node("", "inspector-ternary", hidden(not is_ternary)),
        Node("", "inspector-weights", children=_weights(seen.weights)),
        Node("", "inspector-n-metadata", text=_counted(len(seen.metadata.lines), len(seen.metadata.shown))),
        Node("", "inspector-metadata", children=_metadata(seen.metadata)),
        Node("", "inspector-template-part", hidden(not seen.info.chat_template)),
        Node("", "inspector-template", text=seen.info.chat_template or ""),
        *_tensors(seen.table),
        Node("", "inspector", {"data-open": ""}),
    )


_CLOSED: View = (
    *(
        Node("", f"inspector-{part}")
        for part in ("facts", "memory", "types", "weights", "metadata", "template", "rows")
    ),
    Node("", "inspector", {"data-open": None}),
)


def _counted(n: int, n_shown: int) -> str:
    return f"{n:,}" if n_shown == n else f"{n_shown:,} of {n:,}"


def _facts_lines(info: ModelInfo) -> tuple[tuple[str, str], ...]:
    raw, tokenizer = info.raw, info.raw["tokenizer"]
    rules = ", ".join(filter(None, (tokenizer["model"], tokenizer["pre"])))
    heads = f"{raw['n_heads']} of queries, {raw['n_kv_heads']} of keys and values, {raw['head_dim']} wide"
    return (
        ("Architecture", info.architecture),
        ("Parameters", f"{info.n_params:,}"),
        ("Layers", f"{info.n_layers}, {info.n_embd:,} wide; {raw['n_ff']:,} in the feed-forward part"),
        ("Heads", heads),
        ("Context", f"{info.n_ctx_train:,} tokens in training; RoPE base {raw['rope_base']:,.0f}"),
        ("Activation", raw["activation"]),
        ("Vocabulary", f"{info.n_vocab:,} tokens ({rules})"),
        ("BitLinear", f"{raw['n_bit_linear']} matrices run with ternary weights and activations in 8 bits"),
    )


@lru_cache(maxsize=2)
def _facts_of(lines: tuple[tuple[str, str], ...]) -> tuple[Node, ...]:
    return facts("inspector-fact", lines)


def _facts(info: ModelInfo) -> tuple[Node, ...]:
    return _facts_of(_facts_lines(info))


# ---- Memory and types ----


def _memory(seen: Inspector) -> tuple[Node, ...]:
    n_ranks, kv = len(seen.memory), seen.info
    return _memory_of(tuple(seen.uses()), n_ranks, f"{kv.context_length:,} tokens, {kv.kv}")


@lru_cache(maxsize=2)
def _memory_of(uses: tuple[tuple[str, int], ...], n_ranks: int, kv: str) -> tuple[Node, ...]:
    total = sum(n_bytes for _, n_bytes in uses)
    names = {**USES, "kv_cache": f"{USES['kv_cache']} ({kv})"}
    over = f" over {n_ranks} cores" if n_ranks > 1 else ""
    label = f"{amounts.size(total)} in all{over}: " + ", ".join(
        f"{names[part]} {amounts.size(n_bytes)}" for part, n_bytes in uses
    )
    lines = tuple(
        Node(
            "li",
            f"memory-{part}",
            children=(
                Node("span", f"memory-{part}-key", {"class": "swatch", "data-part": part}),
                Node("span", f"memory-{part}-name", text=names[part]),
                Node("span", f"memory-{part}-size", {"class": "amount"}, amounts.size(n_bytes)),
            ),
        )
        for part, n_bytes in uses
    )
    return (
        figures.stacked_bar("memory-bar", label, uses),
        Node("ul", "memory-list", {"class": "key"}, children=lines),
        Node("p", "memory-total", {"class": "muted"}, f"{amounts.size(total)} in all{over}."),
    )


def _types(info: ModelInfo) -> tuple[Node, ...]:
    return _types_of(tuple(type_uses(info.raw["tensors"])))


@lru_cache(maxsize=2)
def _types_of(uses: tuple[TypeUse, ...]) -> tuple[Node, ...]:
    rows = [
        (
            use.type,
            f"{use.n_tensors:,}",
            f"{use.n_weights:,}",
            amounts.size(use.n_bytes),
            f"{8 * use.n_bytes / use.n_weights:.2f}" if use.n_weights else "",
        )
        for use in uses
    ]
    headings = ("Type", "Tensors", "Weights", "Size", "Bits each")
    return (table("types", "Tensor types", headings, rows),)


# ---- Ternary weights ----


@lru_cache(maxsize=2)
def _weights(weights: Weights) -> tuple[Node, ...]:
    if weights.complete:
        return _spread(weights)
    done, total = len(weights.counts), weights.n_tensors
    if not weights.counting:
        about = f"How many weights of the {total} ternary tensors are −1, 0 and +1, layer by layer."
        return (
            Node("p", "weights-about", {"class": "muted"}, about),
            button("weights-count", "Count them", "count_weights"),
        )
    progress = {"max": str(total), "value": str(done), "aria-label": "Counting the weights"}
    return (
        Node("p", "weights-about", {"class": "muted"}, f"{done} of {total} tensors counted"),
        Node("progress", "weights-progress", progress),
    )


def _spread(weights: Weights) -> tuple[Node, ...]:
    layers, everything = weights.by_layer(), weights.all()
    label = "Shares of −1, 0 and +1 in each layer; the table below has the numbers."
    columns = [(each.group, dict(zip(VALUES, each.shares, strict=True))) for each in layers]
    key = tuple(
        Node(
            "li",
            f"weights-{value}",
            children=(
                Node("span", f"weights-{value}-key", {"class": "swatch", "data-part": value}),
                Node("span", f"weights-{value}-name", text=VALUES[value]),
                Node("span", f"weights-{value}-share", {"class": "amount"}, f"{100 * share:.2f}%"),
            ),
        )
        for value, share in zip(VALUES, everything.shares, strict=True)
    )
    return (
        figures.stacked_columns("weights-figure", label, columns, "Layer"),
        Node("ul", "weights-key", {"class": "key"}, children=key),
        _folded("weights-by-layer", "By layer", "Layer", layers),
        _folded("weights-by-matrix", "By matrix", "Matrix", weights.by_matrix()),
    )


def _folded(name: str, title: str, group: str, shares: Sequence[Shares]) -> Node:
    rows = [
        (each.group, f"{each.n_weights:,}", *(f"{100 * share:.2f}%" for share in each.shares))
        for each in shares
    ]
    numbers = table(f"{name}-table", title, (group, "Weights", *VALUES.values()), rows)
    return Node("details", name, children=(Node("summary", f"{name}-title", text=title), numbers))


# ---- Metadata and tensors ----


@lru_cache(maxsize=2)
def _metadata(metadata: Metadata) -> tuple[Node, ...]:
    return tuple(node for line in metadata.shown for node in _line(line))


@lru_cache(maxsize=MOST_ROWS)
def _line(line: Line) -> tuple[Node, Node]:
    name = f"metadata-{line.key}"
    term = Node("dt", f"{name}-key", text=line.key)
    if line.n_items is not None:
        return term, Node("dd", name, {"class": "muted"}, f"{line.n_items:,} items, {line.type}")
    if len(line.text) <= SHORT_CHARACTERS:
        return term, Node("dd", name, text=line.text)
    start = " ".join(line.text[:SHORT_CHARACTERS].split())
    folded = (Node("summary", f"{name}-start", text=f"{start}…"), Node("pre", f"{name}-text", text=line.text))
    return term, Node("dd", name, children=(Node("details", f"{name}-folded", children=folded),))


def _tensors(shown: Table) -> View:
    orders = {
        column: ("descending" if shown.descending else "ascending") if column == shown.by else None
        for column in SORT_KEYS
    }
    return (
        Node("", "inspector-n-tensors", text=_counted(len(shown.rows), len(_shown(shown)))),
        *(Node("", f"by-{column}", {"aria-sort": order}) for column, order in orders.items()),
        Node("", "inspector-rows", children=_rows(shown)),
    )


@lru_cache(maxsize=2)
def _shown(shown: Table) -> tuple[Row, ...]:
    return tuple(shown.shown)


@lru_cache(maxsize=2)
def _rows(shown: Table) -> tuple[Node, ...]:
    return tuple(_row(each) for each in _shown(shown))


@lru_cache(maxsize=MOST_ROWS)
def _row(tensor: Row) -> Node:
    shape = " × ".join(f"{n:,}" for n in tensor.shape)
    zeros = "" if tensor.zero_share is None else f"{100 * tensor.zero_share:.2f}%"
    return row(f"tensor-{tensor.number}", (tensor.name, tensor.type, shape, f"{tensor.n_bytes:,}", zeros))
