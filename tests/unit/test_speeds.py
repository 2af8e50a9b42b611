"""Measuring a loaded model: every context and repeat is run, and the conversation does not notice."""

from __future__ import annotations

import asyncio

import bitnet
import pytest
from bitnet.bench import DECODE_TOKENS, fitting
from bitnet.errors import BadArgument


async def measure(model: bitnet.Model, **options: object) -> list[list[bitnet.bench.Speed]]:
    return [speeds async for speeds in model.measure(**options)]  # type: ignore[arg-type]


def test_each_repeat_adds_a_figure_at_each_context_that_fits(seeded_model: bitnet.Model) -> None:
    progress: list[tuple[int, int]] = []
    contexts = (8, 40, 100_000)
    rounds = asyncio.run(
        measure(seeded_model, contexts=contexts, repeats=2, on_progress=lambda *each: progress.append(each))
    )
    assert [[each.context for each in speeds] for speeds in rounds] == [[8, 40], [8, 40]]
    assert [len(each.prefill) for each in rounds[-1]] == [2, 2]
    assert all(value > 0 for each in rounds[-1] for value in (*each.prefill, *each.decode))
    assert progress[-1] == (2 * (40 + 2 * DECODE_TOKENS),) * 2
    assert rounds[-1][0].to_json()["decode_tokens_per_s"]["least"] == min(rounds[-1][0].decode)


def test_the_conversation_stays_as_it_is(seeded_model: bitnet.Model) -> None:
    async def talk_and_measure() -> None:
        seeded_model.engine.rewind(0)
        async for _ in seeded_model.generate([5, 6, 7], max_tokens=2, temperature=0):
            pass
        before, logits = seeded_model.position, bytes(seeded_model.engine.session.logits().cast("B"))
        await measure(seeded_model, contexts=(8,), repeats=1)
        assert seeded_model.position == before
        assert bytes(seeded_model.engine.session.logits().cast("B")) == logits

    asyncio.run(talk_and_measure())


def test_contexts_that_do_not_fit_are_named(seeded_model: bitnet.Model) -> None:
    assert fitting(1024) == [128, 512]
    with pytest.raises(BadArgument, match="None of the contexts 100000"):
        asyncio.run(measure(seeded_model, contexts=(100_000,)))
