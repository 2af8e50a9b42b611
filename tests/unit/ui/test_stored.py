"""What is said of stored models, and of the room for more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bitnet.ui.stored import Check, Shelf, StoredCard

WHOLE = StoredCard(
    *("key", "Big", "https://example.org/big.gguf", 1_187_801_280, 1_187_801_280),
    complete=True,
    checkable=True,
    used="today",
)
PART = replace(WHOLE, received_bytes=480_000_000, complete=False)


@pytest.mark.parametrize(
    ("check", "words"),
    [("verified", "verified"), ("unverified", "not verified yet"), ("damaged", "damaged")],
)
def test_a_whole_model_says_whether_it_is_what_it_should_be(check: Check, words: str) -> None:
    line = replace(WHOLE, check=check).line()
    assert line.startswith(f"1.19 GB · {words}")
    assert line.endswith("· used today")


def test_a_model_without_a_known_hash_says_that_it_cannot_be_verified() -> None:
    assert "no hash is known" in replace(WHOLE, checkable=False).line()


def test_a_part_says_how_much_is_here_and_nothing_about_its_hash() -> None:
    assert PART.line() == "480 MB of 1.19 GB are here · used today"


def test_a_verification_shows_how_far_it_is() -> None:
    shelf = Shelf((WHOLE, PART)).with_check("key", 593_900_640)
    assert "being verified: 50 %" in shelf.cards[0].line()


def test_the_shelf_says_how_much_is_stored_and_how_much_could_be() -> None:
    assert Shelf((), free_bytes=10_000_000_000).line() == "Nothing is stored yet, room for 10.00 GB more."
    assert Shelf((WHOLE, PART)).line() == "1.67 GB in 2 stored models."


def test_a_shelf_that_cannot_be_says_what_is_lost() -> None:
    assert Shelf(why_none="Models are downloaded anew each time.").line().startswith("Models are")
