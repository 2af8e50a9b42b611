"""What a person does to a transfer, and what the transfer says."""

from __future__ import annotations

from bitnet import Control


def test_bytes_that_were_on_their_way_do_not_end_a_pause() -> None:
    states = []
    control = Control(lambda: states.append(control.state))
    control.pause()
    control.say("receiving")
    assert states == ["paused"]
    control.go_on()
    assert states == ["paused", "receiving"]
