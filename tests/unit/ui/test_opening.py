"""A model on its way: its bytes, its speed, and what the visitor may do meanwhile."""

from __future__ import annotations

import pytest
from bitnet.records import Progress, TransferState
from bitnet.ui.opening import Choice, Opening, Report
from hypothesis import given
from hypothesis import strategies as st

MEGABYTE = 1_000_000
REPORT = Report("Big", "From example.org.", (("Size", "1.19 GB"),))


def received(n_bytes: int, state: TransferState = "receiving", **fields: float) -> Progress:
    return Progress(n_bytes, 1000 * MEGABYTE, state, **fields)  # type: ignore[arg-type]


def steady(seconds: int, *, stored: int = 0, can_pause: bool = True) -> Opening:
    """A download of 2 MB a second, looked at four times a second."""
    opening = Opening("Big", can_pause)
    for quarter in range(4 * seconds + 1):
        n_bytes = stored + quarter * MEGABYTE // 2
        opening = opening.with_progress(received(n_bytes, from_storage_bytes=stored), quarter / 4)
    return opening


def test_bytes_speed_and_time_left_are_said() -> None:
    assert steady(10).line() == "Loading Big: 20.0 MB of 1.00 GB · 2.0 MB/s · 8 min left"


def test_the_first_second_has_no_speed_and_no_buttons() -> None:
    opening = steady(0)
    assert opening.line() == "Loading Big: 0.0 MB of 1.00 GB"
    assert not opening.lasts
    assert steady(1).lasts


def test_what_was_stored_does_not_make_a_download_faster() -> None:
    assert "2.0 MB/s" in steady(10, stored=480 * MEGABYTE).line()


def test_a_file_of_this_machine_has_neither_speed_nor_buttons() -> None:
    opening = steady(10, can_pause=False)
    assert opening.line() == "Loading Big: 20.0 MB of 1.00 GB"
    assert not opening.lasts


def test_a_speed_changes_smoothly_and_gets_there() -> None:
    opening, n_bytes, shown = steady(10), 20 * MEGABYTE, []
    for quarter in range(1, 121):  # half as fast from now on
        n_bytes += MEGABYTE // 4
        opening = opening.with_progress(received(n_bytes), 10 + quarter / 4)
        assert opening.pace
        assert opening.pace.per_s
        shown.append(opening.pace.per_s)
    assert shown == sorted(shown, reverse=True)
    assert shown[0] > 1.9 * MEGABYTE
    assert shown[-1] == pytest.approx(MEGABYTE, rel=0.01)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 100)), min_size=1, max_size=30))
def test_a_speed_lies_between_the_slowest_and_the_fastest(steps: list[tuple[int, float]]) -> None:
    opening, now_s, n_bytes = Opening("Big", can_pause=True), 0.0, 0
    for more, seconds in steps:
        now_s, n_bytes = now_s + seconds, n_bytes + more
        opening = opening.with_progress(Progress(n_bytes, None), now_s)
        if opening.pace and opening.pace.per_s is not None:
            assert opening.pace.per_s >= 0
            assert opening.line()


def test_a_lost_connection_counts_down() -> None:
    opening = steady(10).with_progress(received(20 * MEGABYTE, "waiting", retry_in_s=4.0), 10)
    assert opening.line() == "Loading Big: 20.0 MB of 1.00 GB · connection lost: trying again in 4 s"
    assert opening.lasts


def test_a_speed_begins_anew_after_a_pause() -> None:
    paused = steady(10).with_progress(received(20 * MEGABYTE, "paused"), 10)
    assert paused.line() == "Loading Big: 20.0 MB of 1.00 GB · paused"
    assert paused.is_paused
    assert paused.lasts
    again = paused.with_progress(received(21 * MEGABYTE), 3600)
    assert again.line() == "Loading Big: 21.0 MB of 1.00 GB"


def test_a_file_that_another_tab_fetches_is_waited_for() -> None:
    opening = Opening("Big", can_pause=True).with_progress(received(0, "elsewhere"), 0)
    assert "another tab is fetching it" in opening.line()
    assert opening.lasts


@pytest.mark.parametrize("asks", [{"report": REPORT}, {"choices": (Choice("a.gguf", "1 MB"),)}])
def test_a_question_is_answered_before_anything_else(asks: dict[str, object]) -> None:
    opening = Opening("Big", can_pause=True, **asks)  # type: ignore[arg-type]
    assert opening.asks
    assert not opening.lasts
    assert opening.line() == "Big waits for your answer"
