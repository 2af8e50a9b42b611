"""What the page offers somebody who has only the small model yet: a large one, and how fast it would be."""

from __future__ import annotations

from bitnet import Model
from bitnet.ui.state import ModelCard, Offer

#: A token of BitNet-b1.58-2B-4T at position 512 takes so many times as long as the small model's matrices,
#: for each byte of their files: 1.2 in Chromium, 1.0 in Firefox, 1.2 natively (bench of commit 2ebb6d2).
TOKEN_OVER_MATRICES = 1.2
#: What is not so much larger is no other kind of model.
LEAST_RATIO = 10
N_TIMES = 6


def matrices_ms(model: Model) -> float | None:
    """The least time that the matrices of one token take; None where that says nothing of other models."""
    if model.info.n_ranks > 1 or not any(tensor["type"] == "I2_S" for tensor in model.info.raw["tensors"]):
        return None
    return 1000 * model.engine.matrices_s(N_TIMES)


def offer(in_use: ModelCard, catalogue: tuple[ModelCard, ...], least_ms: float | None) -> Offer | None:
    """The catalogue's first model that is much larger than the one in use, if that is of the catalogue."""
    if in_use.size_bytes is None or in_use.name not in {card.name for card in catalogue}:
        return None
    for card in catalogue:
        if card.size_bytes and card.size_bytes >= LEAST_RATIO * in_use.size_bytes:
            ratio = card.size_bytes / in_use.size_bytes
            speed = 1000 / (least_ms * ratio * TOKEN_OVER_MATRICES) if least_ms else None
            return Offer(card.name, card.title, card.address, card.size_bytes, speed)
    return None
