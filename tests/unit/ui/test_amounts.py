"""How amounts are said."""

from __future__ import annotations

import pytest
from bitnet.ui import amounts


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [
        (0, "0.0 MB"),
        (7_540_000, "7.5 MB"),
        (99_940_000, "99.9 MB"),
        (99_960_000, "100 MB"),
        (480_400_000, "480 MB"),
        (999_400_000, "999 MB"),
        (999_600_000, "1.00 GB"),
        (1_187_801_280, "1.19 GB"),
    ],
)
def test_bytes(n_bytes: int, said: str) -> None:
    assert amounts.size(n_bytes) == said


def test_a_share_needs_a_total() -> None:
    assert amounts.share(480_000_000, 1_190_000_000) == "480 MB of 1.19 GB"
    assert amounts.share(480_000_000, None) == "480 MB"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (45.4, "45 s"),
        (89.9, "90 s"),
        (90.1, "2 min"),
        (3569, "59 min"),
        (3590, "1 h 0 min"),
        (3900, "1 h 5 min"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert amounts.duration(seconds) == said


@pytest.mark.parametrize(
    ("hours", "said"), [(-1, "today"), (23, "today"), (25, "yesterday"), (49, "2 days ago")]
)
def test_days(hours: float, said: str) -> None:
    assert amounts.days_ago(1e9, 1e9 + 3600 * hours) == said
