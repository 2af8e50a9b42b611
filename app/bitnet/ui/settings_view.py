"""The settings on the page: the presets, and what stands beside the fields."""

from __future__ import annotations

from functools import lru_cache

from bitnet.ui import memory, sharing
from bitnet.ui.node import Node, View, hidden
from bitnet.ui.settings import OWN
from bitnet.ui.state import State


def settings(state: State) -> View:
    current = state.presets.current(state.settings, state.defaults)
    names = [preset.name for preset in state.presets.all(state.defaults)]
    is_own = current is not None and current.is_own
    return (
        Node("", "settings-problem", children=_problem(state.settings_problem)),
        Node("", "preset", children=(_option("", "None of these"), *(_option(name, name) for name in names))),
        Node("", "rename-preset", hidden(not is_own)),
        Node("", "delete-preset", {**hidden(not is_own), "data-name": current.name if current else None}),
        Node("", "about-context", text=memory.about_context(state.model)),
        Node("", "about-kv", text=memory.about_kv(state.model)),
        Node("", "about-profile", text=memory.about_head(state.model)),
        Node("", "about-ranks", text=sharing.about(state.cores, may_isolate=state.may_isolate)),
        Node("", "field-own_template", hidden(state.settings.template != OWN)),
    )


@lru_cache(maxsize=256)
def _option(value: str, text: str) -> Node:
    return Node("option", f"preset-{value}", {"value": value}, text)


@lru_cache(maxsize=8)
def _problem(sentence: str) -> tuple[Node, ...]:
    return (Node("p", "settings-alert", {"role": "alert", "class": "notice"}, sentence),) if sentence else ()
