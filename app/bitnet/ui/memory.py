"""What the page says about memory, and about what takes less of it: pure functions, as view and state are."""

from __future__ import annotations

from bitnet.records import KV_PRECISIONS
from bitnet.ui import amounts
from bitnet.ui.state import ModelCard


def of_context(model: ModelCard) -> str:
    """The line of the model's card."""
    size = amounts.size(model.context_bytes(model.context_length))
    bits = " in 8 bits" if model.kv == "int8" else ""
    return f"{model.context_length:,} of {model.n_ctx_train:,} tokens, {size}{bits}"


def about_context(model: ModelCard | None) -> str:
    """What the number in the settings means in memory."""
    if model is None:
        return "How many tokens of a conversation the model can look back on."
    return (
        f"Tokens that a conversation may have, at most {model.n_ctx_train:,}; empty for the usual number. "
        f"Now {model.context_length:,} in {amounts.size(model.context_bytes(model.context_length))} "
        f"of memory; each 1,024 take {amounts.size(model.context_bytes(1024))}."
    )


def about_kv(model: ModelCard | None) -> str:
    """What a precision of the KV cache costs, for the context that the model has."""
    text = (
        "What the model keeps of a conversation. With 8 bits long ones are faster, "
        "and about two words in a hundred come out as others."
    )
    if model is None:
        return text
    exact, coarse = (amounts.size(model.context_bytes(model.context_length, kv)) for kv in KV_PRECISIONS)
    return f"{text} For {model.context_length:,} tokens 16 bits take {exact}, 8 bits {coarse}."


def about_head(model: ModelCard | None) -> str:
    """What finding the next token faster costs."""
    text = (
        "A copy of the model's largest table in 7 bits finds the next word faster, and changes none. "
        "A change reads the model again."
    )
    if model is None:
        return text
    if not model.screen_bytes:
        return "This model's largest table is small as it is: there is no copy."
    return f"{text} The copy takes {amounts.size(model.screen_bytes)}."
