"""What the page says about cores, and when it wants to be isolated."""

from __future__ import annotations

import pytest
from bitnet.ranks import SMALL_FILE_BYTES, Cores
from bitnet.ui import sharing

ISOLATED = Cores(most=64, usual=4)
PLAIN = Cores(why="this page is not isolated", once_isolated=4)
HOPELESS = Cores(why="this page has no script for it")


def test_a_large_model_has_the_usual_number_and_a_small_one_has_one() -> None:
    assert ISOLATED.usual_for(SMALL_FILE_BYTES) == 4
    assert ISOLATED.usual_for(None) == 4
    assert ISOLATED.usual_for(SMALL_FILE_BYTES - 1) == 1


@pytest.mark.parametrize(
    ("chosen", "cores", "possible", "isolation"),
    [
        (None, ISOLATED, None, False),
        (3, ISOLATED, 3, False),
        (None, PLAIN, None, False),
        (1, PLAIN, 1, False),
        (3, PLAIN, 1, True),
        (3, HOPELESS, 1, False),
    ],
)
def test_what_is_possible_and_what_needs_isolation(
    chosen: int | None, cores: Cores, possible: int | None, isolation: bool
) -> None:
    assert sharing.possible(chosen, cores) == possible
    assert sharing.wants_isolation(chosen, cores) is isolation


def test_only_a_large_model_would_gain() -> None:
    assert sharing.would_gain(PLAIN, SMALL_FILE_BYTES)
    assert not sharing.would_gain(PLAIN, SMALL_FILE_BYTES - 1)
    assert not sharing.would_gain(ISOLATED, SMALL_FILE_BYTES)
    assert not sharing.would_gain(HOPELESS, SMALL_FILE_BYTES)


def test_one_core_that_nobody_has_chosen_has_a_reason() -> None:
    assert sharing.in_use(2, None, ISOLATED, None) == "2"
    assert sharing.in_use(1, 1, PLAIN, None) == "1"
    assert sharing.in_use(1, None, PLAIN, None) == "1, because this page is not isolated"
    assert "faster" in sharing.in_use(1, None, ISOLATED, SMALL_FILE_BYTES - 1)
    assert "not be started" in sharing.in_use(1, None, ISOLATED, SMALL_FILE_BYTES)
    assert sharing.in_use(1, 3, PLAIN, None) == "1, because this page is not isolated"


def test_the_setting_says_what_it_would_do() -> None:
    assert "up to 4" in sharing.about(ISOLATED, may_isolate=False)
    assert "reloads once" in sharing.about(PLAIN, may_isolate=True)
    assert sharing.about(PLAIN, may_isolate=False) == "Only one, because this page is not isolated."
