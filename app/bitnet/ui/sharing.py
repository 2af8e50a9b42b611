"""What the page says and does about the cores that a model may use: pure functions, as view and state are."""

from __future__ import annotations

from bitnet.ranks import Cores


def possible(chosen: int | None, cores: Cores) -> int | None:
    """*chosen* as ``bitnet.load`` takes it: not more than there can be, None for the usual number."""
    return None if chosen is None else min(chosen, cores.most)


def wants_isolation(chosen: int | None, cores: Cores) -> bool:
    """Whether the visitor asks for more cores than this page can use before it is isolated."""
    return chosen is not None and chosen > cores.most and cores.once_isolated > 1


def would_gain(cores: Cores, file_bytes: int | None) -> bool:
    """Whether a model of this size would usually have more cores if the page were isolated."""
    return Cores(usual=cores.once_isolated).usual_for(file_bytes) > cores.most


def one_core(cores: Cores) -> str:
    """What stands where somebody has chosen more than there can be."""
    return f"Only one core can be used, because {cores.why}."


def in_use(n_ranks: int, chosen: int | None, cores: Cores, file_bytes: int | None) -> str:
    """The number of cores on the model's card; with a reason where it is one that nobody has chosen."""
    if n_ranks > 1 or chosen == 1:
        return str(n_ranks)
    if cores.usual_for(file_bytes) > 1:
        return "1, because the others could not be started"
    return f"1, because {cores.why or 'more would not make a model of this size faster'}"


def about(cores: Cores, *, may_isolate: bool) -> str:
    """What stands under the setting."""
    if not cores.why:
        return (
            "How many cores share the work; empty for the usual number, "
            f"up to {cores.usual} for a large model. A change reads the model again."
        )
    if may_isolate:
        return (
            "How many cores share the work. More than one needs a page that is isolated from others: "
            "this one then reloads once, and the conversation stays."
        )
    return f"Only one, because {cores.why}."
