"""How many connections a transfer gets, by a clock that is turned by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from bitnet.delivery.growth import Growth, Plan

PLENTY = 1 << 40


class Line:
    """A transfer whose rate depends on the number of its connections."""

    def __init__(self, rates: Sequence[float]) -> None:
        self.now, self.rates = 0.0, rates
        self.growth = Growth(Plan(), lambda: self.now)

    def pass_by(self, seconds: float, n_left: int = PLENTY) -> list[int]:
        """Let time pass; gives the numbers of connections that there have been, without repetitions."""
        seen = [self.growth.n_connections]
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.growth.count(round(self.rates[self.growth.n_connections - 1] / 10))
            self.growth.look(n_left)
            if self.growth.n_connections != seen[-1]:
                seen.append(self.growth.n_connections)
        return seen


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([1e6, 2e6, 3e6, 4e6], [1, 2, 4]),
        ([1e6, 1e6, 1e6, 1e6], [1, 2, 1]),
        ([1e6, 2e6, 2e6, 2e6], [1, 2, 4, 2]),
        ([1e6, 1.29e6, 4e6, 4e6], [1, 2, 1]),
    ],
)
def test_connections_are_doubled_while_that_helps_and_what_did_not_is_not_tried_again(
    rates: list[float], expected: list[int]
) -> None:
    line = Line(rates)
    assert line.pass_by(13) == expected
    assert line.pass_by(1000) == expected[-1:]


@pytest.mark.parametrize(("rate", "n_left"), [(1e6, (64 << 20) - 1), (1e8, 2_900_000_000)])
def test_what_is_short_has_one_connection(rate: float, n_left: int) -> None:
    assert Line([rate, 2 * rate, 3 * rate, 4 * rate]).pass_by(60, n_left) == [1]


def test_several_that_did_not_work_in_a_trial_are_not_tried_again() -> None:
    line = Line([1e6, 2e6, 3e6, 4e6])
    assert line.pass_by(10) == [1, 2, 4]
    line.growth.refuse()
    assert line.pass_by(50) == [1]
    assert line.pass_by(100) == [1, 2]


def test_a_server_that_wants_a_longer_rest_gets_it() -> None:
    line = Line([1e6, 2e6, 3e6, 4e6])
    assert line.pass_by(13) == [1, 2, 4]
    line.growth.refuse(300)
    assert line.pass_by(295) == [1]
    assert line.pass_by(20) == [1, 2, 4]


def test_several_that_have_worked_are_tried_again_after_a_rest_or_at_once_after_a_pause() -> None:
    line = Line([1e6, 2e6, 3e6, 4e6])
    assert line.pass_by(13) == [1, 2, 4]
    line.growth.refuse()
    line.growth.begin()
    assert line.pass_by(59) == [1]
    assert line.pass_by(13) == [1, 2, 4]
    line.growth.begin()
    assert line.pass_by(9) == [1, 2, 4]
