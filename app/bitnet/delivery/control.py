"""What a person may do to a transfer while it runs: pause it, and let it go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bitnet.delivery.growth import Plan
from bitnet.errors import StorageFull
from bitnet.records import TransferState


class Control:
    """One for each load; transfers obey it, and say through it what they are doing.

    Args:
        on_change: Called without arguments when *state*, *retry_in_s* or *remark* is another one.
        pace: Factor on all waiting times; tests have less of it.
        silence_s: After so long without a byte a connection counts as broken.
        plan: When several connections to one server are tried.
    """

    def __init__(
        self,
        on_change: Callable[[], object] | None = None,
        *,
        pace: float = 1.0,
        silence_s: float = 60.0,
        plan: Plan = Plan(),  # noqa: B008 - it is frozen
    ) -> None:
        self.on_change, self.pace, self.silence_s, self.plan = on_change, pace, silence_s, plan
        #: What the transfer does now.
        self.state: TransferState = "receiving"
        #: Seconds until it tries again, as they were when it began to wait.
        self.retry_in_s: float | None = None
        #: A sentence about what is unusual.
        self.remark = ""
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()
        self._interrupt: Callable[[], object] | None = None

    @property
    def is_paused(self) -> bool:
        return not self._may_go_on.is_set()

    def pause(self) -> None:
        """End the connection; what has arrived stays."""
        self._may_go_on.clear()
        self.say("paused")
        if self._interrupt:
            self._interrupt()

    def go_on(self) -> None:
        """Go on after a pause; or try again at once, where the transfer waits to do so."""
        self._may_go_on.set()
        if self.state == "paused":
            self.say("receiving")
        elif self.state == "waiting" and self._interrupt:
            self._interrupt()

    def say(
        self, state: TransferState, *, retry_in_s: float | None = None, remark: str | None = None
    ) -> None:
        """For transfers: this is what happens now. What still came in spite of a pause does not end it."""
        if state == "receiving" and self.is_paused:
            state = "paused"
        before = self.state, self.retry_in_s, self.remark
        self.state, self.retry_in_s = state, retry_in_s
        self.remark = self.remark if remark is None else remark
        if self.on_change and before != (self.state, self.retry_in_s, self.remark):
            self.on_change()

    def say_not_stored(self, why: StorageFull) -> None:
        """The model comes all the same."""
        self.say(self.state, remark=f"The model is loaded, but not stored: {why}")

    async def may_go_on(self) -> None:
        """For transfers: wait for the end of a pause."""
        await self._may_go_on.wait()

    def interrupt_with(self, interrupt: Callable[[], object] | None) -> None:
        """For transfers: what is called when something they wait for has to end."""
        self._interrupt = interrupt
