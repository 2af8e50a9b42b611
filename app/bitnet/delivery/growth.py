"""How many connections a transfer is worth: found by trying, since no server says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """When several connections are tried, and what they may take.

    Attributes:
        most_connections: To one server; 1 for never more.
        measure_s: How long a rate is measured before it is compared.
        gain: So many times the rate before is worth twice the connections.
        rest_s: After several did not work, so long one is enough.
        least_left_bytes, least_left_s: With less than that to come, at the rate of now, nothing is tried.
        lead_s: The first connection goes on for so long where others begin ahead of it.
        segment_bytes: Asked for at once, where there are several.
        most_segments: So many of them are in memory, as far as they have come.
    """

    most_connections: int = 4
    measure_s: float = 4.0
    gain: float = 1.3
    rest_s: float = 60.0
    least_left_bytes: int = 64 << 20
    least_left_s: float = 30.0
    lead_s: float = 1.0
    segment_bytes: int = 4 << 20
    most_segments: int = 6


class Growth:
    """Doubles the connections of a transfer as long as all together get faster by it."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan, self._clock = plan, clock
        self._most = plan.most_connections
        self._rests_until = 0.0
        self.begin()

    def begin(self) -> None:
        """Measure one connection, which is new."""
        #: How many there should be.
        self.n_connections = 1
        #: Bytes per second, as they were measured last.
        self.rate = 0.0
        self._before: tuple[int, float] | None = None  # in a trial: connections and rate without it
        self._measure()

    def refuse(self, asked_s: float = 0.0) -> None:
        """Several did not work: one goes on; after a while so many may be tried as have worked.

        *asked_s* is for how long the server wants to be left alone at least.
        """
        if self._before:
            self._most = self._before[0]
        self._rests_until = self._clock() + max(self._plan.rest_s, asked_s)
        self.begin()

    def count(self, n_bytes: int) -> None:
        """So many have come, over any connection."""
        self._n_bytes += n_bytes

    def look(self, n_left: int) -> None:
        """Compare, if it is time to, and change ``n_connections``; *n_left* bytes are still to come."""
        now = self._clock()
        if now <= self._until:
            return
        self.rate = self._n_bytes / (now - self._since)
        if self._before:
            n_before, rate_before = self._before
            self._before = None
            if self.rate < self._plan.gain * rate_before:
                self.n_connections = self._most = n_before
        is_long = n_left >= max(self._plan.least_left_bytes, self._plan.least_left_s * self.rate)
        if is_long and self.n_connections < self._most:
            self._before = self.n_connections, self.rate
            self.n_connections = min(2 * self.n_connections, self._most)
        self._measure()

    def _measure(self) -> None:
        self._since, self._n_bytes = self._clock(), 0
        self._until = max(self._since + self._plan.measure_s, self._rests_until)
