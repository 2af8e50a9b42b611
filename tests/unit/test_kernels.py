"""The choice of a kernel set."""

from __future__ import annotations

import bitnet
import pytest
from bitnet.native import NativeSession, Parts
from bitnet.native.library import race

PROMPT = [1, 2, 3, 4, 5]


def test_a_race_finds_the_kernel_that_does_most_in_the_same_time() -> None:
    now = 0.0

    def run(name: str) -> None:
        nonlocal now
        now += {"slow": 0.004, "quick": 0.0002, "middle": 0.002}[name]

    assert race(["slow", "quick", "middle"], run, lambda: now) == "quick"
    assert now < 0.1  # nothing gets better: it ends early
    assert race(["alone"], run, lambda: now) == "alone"
    assert race([], run, lambda: now) == "scalar"


def test_a_kernel_that_is_compiled_better_only_later_wins_the_race() -> None:
    now, n_runs = 0.0, 0

    def run(name: str) -> None:
        nonlocal now, n_runs
        n_runs += name == "late"
        now += {"late": 0.001 if n_runs < 12 else 0.0002, "steady": 0.0005}[name]

    assert race(["late", "steady"], run, lambda: now) == "late"


def test_without_a_wish_the_fastest_kernel_runs(story_model: bitnet.Model) -> None:
    library = story_model.engine.model.library
    assert story_model.info.kernel == library.fastest_kernel()
    assert story_model.info.kernel in library.kernels()


def test_kernels_run_for_a_benchmark_change_nothing_but_the_logits(story_model: bitnet.Model) -> None:
    session = NativeSession(story_model.engine.model, 64)
    session.prefill(PROMPT, want_logits=True)
    expected = bytes(session.logits())
    for parts in (*Parts, Parts.ALL):
        session.run_kernels(parts)
        assert session.position == len(PROMPT)
        with pytest.raises(bitnet.NotReady):
            session.logits()
    session.rewind(len(PROMPT) - 1)
    session.prefill(PROMPT[-1:], want_logits=True)
    assert bytes(session.logits()) == expected
    session.close()
