"""The larger model that the page offers, and how fast it says that it would be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import bitnet
import pytest
from bitnet.ui import state as states
from bitnet.ui.offer import TOKEN_OVER_MATRICES, matrices_ms, offer
from bitnet.ui.state import ModelCard, Offer, State
from bitnet.ui.stored import Shelf, StoredCard
from test_view import MODEL, shown

SMALL = replace(MODEL, name="small", size_bytes=10_000_000)
UNKNOWN = ModelCard("unknown", "Unknown", None, "MIT")
LARGE = ModelCard("large", "Large", 1_000_000_000, "MIT", address="https://example.org/large.gguf")
CATALOGUE = (SMALL, UNKNOWN, replace(SMALL, name="other", size_bytes=90_000_000), LARGE)
OFFER = Offer("large", "Large", LARGE.address, 1_000_000_000, 20.0)


def test_the_first_that_is_much_larger_is_offered() -> None:
    found = offer(SMALL, CATALOGUE, least_ms=0.5)
    assert found == replace(OFFER, tokens_per_s=1000 / (0.5 * 100 * TOKEN_OVER_MATRICES))


@pytest.mark.parametrize("in_use", [LARGE, replace(SMALL, name="a file"), replace(SMALL, size_bytes=None)])
def test_nobody_else_is_offered_anything(in_use: ModelCard) -> None:
    assert offer(in_use, CATALOGUE, 0.5) is None


def test_without_a_measurement_no_speed_is_promised() -> None:
    state = states.model_ready(State(), SMALL, offer=replace(OFFER, tokens_per_s=None))
    assert shown(state)["offer-about"].text == "1.00 GB to download once."


def test_the_offer_says_speed_size_and_room() -> None:
    state = states.model_ready(State(shelf=Shelf(free_bytes=5_000_000_000)), SMALL, offer=OFFER)
    nodes = shown(state)
    assert nodes["offer-about"].text == (
        "About 20 tokens/s on this machine; 1.00 GB to download once; 5.00 GB are left on this device."
    )
    assert nodes["offer-get"].attributes["data-name"] == "large"
    assert shown(states.loading_began(state, "Large"))["offer"].attributes["hidden"] == ""


def test_what_is_stored_already_is_not_downloaded() -> None:
    card = StoredCard("key", "large.gguf", LARGE.address, 1_000_000_000, 1_000_000_000, complete=True)
    nodes = shown(states.model_ready(State(shelf=Shelf(cards=(card,))), SMALL, offer=OFFER))
    assert nodes["offer-get"].text == "Use it"
    assert "stored on this device" in nodes["offer-about"].text


def test_the_matrices_of_a_ternary_model_are_timed_and_of_no_other(tiny_tales: Path) -> None:
    async def run() -> float | None:
        async with await bitnet.load(tiny_tales) as model:
            return matrices_ms(model)

    measured = asyncio.run(run())
    assert measured is not None
    assert 0.05 < measured < 500
