"""A model on its way into the page: what the visitor is asked, what has arrived, and how fast."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from bitnet.records import Progress
from bitnet.ui import amounts

FIRST_PACE_S = 1.0  # what takes no longer needs neither a speed nor buttons
PACE_EVERY_S = 0.25
PACE_MEMORY_S = 4.0  # how far back the speed that is shown looks


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed of a download, smoothed: *n_bytes* had come when it was last looked at, at *at_s*."""

    at_s: float
    n_bytes: int
    per_s: float | None = None

    def after(self, n_bytes: int, now_s: float) -> Pace:
        """The pace now that *n_bytes* have come through the network."""
        passed_s = now_s - self.at_s
        if passed_s < (FIRST_PACE_S if self.per_s is None else PACE_EVERY_S):
            return self
        per_s = (n_bytes - self.n_bytes) / passed_s
        if self.per_s is not None:
            per_s = self.per_s + (per_s - self.per_s) * -math.expm1(-passed_s / PACE_MEMORY_S)
        return Pace(now_s, n_bytes, per_s)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several models that an address can mean."""

    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a model is and will need, before it is downloaded."""

    title: str
    about: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """*choices* or a *report* wait for the visitor's answer. *can_pause*: it comes through the network."""

    title: str
    can_pause: bool = False
    progress: Progress | None = None
    pace: Pace | None = None
    retry_in_s: float | None = None
    choices: tuple[Choice, ...] = ()
    report: Report | None = None

    @property
    def asks(self) -> bool:
        return bool(self.choices or self.report)

    @property
    def is_paused(self) -> bool:
        return self.progress is not None and self.progress.state == "paused"

    @property
    def lasts(self) -> bool:
        """Whether it takes long enough for buttons to make sense."""
        if not self.can_pause or self.asks or self.progress is None:
            return False
        return self.progress.state != "receiving" or bool(self.pace and self.pace.per_s is not None)

    def with_progress(self, progress: Progress, now_s: float) -> Opening:
        pace = None
        if progress.state == "receiving":
            fetched = progress.received_bytes - progress.from_storage_bytes
            pace = self.pace.after(fetched, now_s) if self.pace else Pace(now_s, fetched)
        return replace(self, progress=progress, pace=pace, retry_in_s=progress.retry_in_s)

    def line(self) -> str:
        """What stands above the progress bar."""
        words = f"Loading {self.title}"
        if self.asks:
            return f"{self.title} waits for your answer"
        if self.progress is None:
            return words
        arrived = amounts.share(self.progress.received_bytes, self.progress.total_bytes)
        return " · ".join([f"{words}: {arrived}", *self._manner(self.progress)])

    def _manner(self, progress: Progress) -> list[str]:
        if progress.state == "paused":
            return ["paused"]
        if progress.state == "elsewhere":
            return ["another tab is fetching it"]
        if progress.state == "waiting":
            if self.retry_in_s is None:
                return ["connection lost: trying again"]
            return [f"connection lost: trying again in {amounts.duration(self.retry_in_s)}"]
        if self.pace is None or not self.pace.per_s or not self.can_pause:
            return []
        speed = [f"{amounts.size(self.pace.per_s)}/s"]
        if progress.total_bytes:
            left_s = (progress.total_bytes - progress.received_bytes) / self.pace.per_s
            speed.append(f"{amounts.duration(left_s)} left")
        return speed
