"""A conversation goes on where it was saved: with the same bits, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import bitnet
import pytest
from bitnet.errors import BadArgument, BadFile, BitNetError, ContextFull, NotReady, Unsupported
from hypothesis import given, settings
from hypothesis import strategies as st

TURNS = ("My name is Anna.", "I have a dog.", "What is my name?")
ONE_MORE = "Tell me a story about my dog."
IDS = [1, 5, 700, 2, 2, 9, *range(40)]


async def stream(pieces: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


async def saved(model: bitnet.Model) -> list[bytes]:
    async with aclosing(model.save_state()) as pieces:
        return [piece async for piece in pieces]


async def say(conversation: bitnet.Conversation, prompt: str) -> tuple[str, int]:
    """The answer, and how many tokens of the prompt were run."""
    turn = conversation.turn(prompt)
    async with aclosing(turn):
        answer = "".join([text async for text in turn])
    return answer, turn.timings.prefill_tokens


async def logits_after(model: bitnet.Model, ids: Sequence[int]) -> tuple[bytes, int]:
    """The last logits, and how many tokens were run for them."""
    generation = model.generate(ids, max_tokens=1, temperature=0)
    async with aclosing(generation):
        async for _ in generation:
            pass
    return model.engine.session.logits().tobytes(), generation.timings.prefill_tokens


@pytest.fixture(scope="module")
def state(seeded_model: bitnet.Model) -> bytes:
    """What the seeded model saves after IDS."""
    seeded_model.engine.rewind(0)
    asyncio.run(logits_after(seeded_model, IDS))
    return b"".join(asyncio.run(saved(seeded_model)))


@pytest.fixture(scope="module")
def expected(seeded_model: bitnet.Model) -> bytes:
    """Its logits after IDS and one token more."""
    seeded_model.engine.rewind(0)
    return asyncio.run(logits_after(seeded_model, [*IDS, 3]))[0]


@pytest.mark.parametrize("kv", ["f16", "int8"])
def test_the_fourth_turn_of_a_restored_conversation_runs_only_what_is_new(tiny_tales: Path, kv: str) -> None:
    settings: Any = {"temperature": 0.7, "seed": 5, "max_tokens": 40}

    async def talk() -> None:
        async with await bitnet.load(tiny_tales, kv=kv) as model:
            before = bitnet.Conversation(model, **settings)
            for prompt in TURNS:
                await say(before, prompt)
            history, pieces, position = list(before.history), await saved(model), model.position
            answer, n_run = await say(before, ONE_MORE)
            logits = model.engine.session.logits().tobytes()
        assert position > 60
        assert len(pieces) > 3
        async with await bitnet.load(tiny_tales, kv=kv, context_length=512) as model:
            assert await model.restore_state(stream(pieces)) == model.position == position
            after = bitnet.Conversation(model, **settings)
            after.history = history
            assert await say(after, ONE_MORE) == (answer, n_run)
            assert model.engine.session.logits().tobytes() == logits
        assert n_run < position / 3

    asyncio.run(talk())


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(0, 20_000), min_size=1).filter(any))
def test_pieces_may_be_cut_anyhow(
    seeded_model: bitnet.Model, state: bytes, expected: bytes, sizes: list[int]
) -> None:
    pieces, begin = [], 0
    while begin < len(state):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(state[begin : begin + size])
        begin += size
    assert asyncio.run(seeded_model.restore_state(stream(pieces))) == len(IDS)
    assert asyncio.run(logits_after(seeded_model, [*IDS, 3])) == (expected, 1)


def test_pieces_are_small_and_their_size_is_known_before(seeded_model: bitnet.Model, state: bytes) -> None:
    asyncio.run(seeded_model.restore_state(stream([state])))
    assert seeded_model.state_bytes == len(state)
    seeded_model.engine.rewind(0)
    assert seeded_model.state_bytes == 0
    with pytest.raises(BadArgument, match="0 positions cannot be saved"):
        asyncio.run(saved(seeded_model))


FLIPS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4)


@settings(max_examples=100)
@given(flips=FLIPS)
def test_damage_is_found_wherever_it_is_and_the_model_goes_on(
    seeded_model: bitnet.Model, state: bytes, expected: bytes, flips: list[tuple[float, int]]
) -> None:
    damaged = bytearray(state)
    for place, bits in flips:
        damaged[int(place * len(state))] ^= bits
    if damaged != state:
        with pytest.raises(BadFile, match=r"damaged|truncated"):
            asyncio.run(seeded_model.restore_state(stream([bytes(damaged)])))
        assert seeded_model.position == 0
    assert asyncio.run(logits_after(seeded_model, [*IDS, 3]))[0] == expected


@settings(max_examples=50)
@given(data=st.binary(max_size=300))
def test_bytes_that_are_no_saved_session_are_refused(seeded_model: bitnet.Model, data: bytes) -> None:
    with pytest.raises(BadFile):
        asyncio.run(seeded_model.restore_state(stream([data])))
    assert seeded_model.position == seeded_model.engine.session.position == 0


@settings(max_examples=20)
@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_truncated_one_is_refused(
    seeded_model: bitnet.Model, state: bytes, expected: bytes, kept: float
) -> None:
    with pytest.raises(BadFile, match="is truncated: run the conversation again"):
        asyncio.run(seeded_model.restore_state(stream([state[: int(kept * len(state))]])))
    assert asyncio.run(logits_after(seeded_model, [*IDS, 3])) == (expected, len(IDS) + 1)


def test_another_model_precision_or_a_shorter_context_is_refused(
    seeded: Path, story_model: bitnet.Model, state: bytes
) -> None:
    def refusal(model: bitnet.Model) -> BitNetError:
        with pytest.raises(BitNetError) as caught:
            asyncio.run(model.restore_state(stream([state])))
        assert model.position == 0
        return caught.value

    of_another_model = refusal(story_model)
    assert isinstance(of_another_model, Unsupported)
    assert "belongs to another model" in str(of_another_model)
    with_bytes = asyncio.run(bitnet.load(seeded, kv="int8", context_length=16))
    assert "another precision of the KV cache than int8" in str(refusal(with_bytes))
    with_bytes.resize(16, kv="f16")
    too_long = refusal(with_bytes)
    assert isinstance(too_long, ContextFull)
    assert "has 46 positions, and the context holds 16; choose a longer one" in str(too_long)
    with_bytes.close()


def test_the_model_may_answer_while_it_is_saved(
    seeded_model: bitnet.Model, state: bytes, expected: bytes
) -> None:
    async def talk() -> bytes:
        await seeded_model.restore_state(stream([state]))
        pieces = []
        async with aclosing(seeded_model.save_state()) as saving:
            async for piece in saving:
                pieces.append(piece)
                seeded_model.engine.decode(3)
        assert seeded_model.position > len(IDS)
        return b"".join(pieces)

    assert asyncio.run(talk()) == state
    assert asyncio.run(seeded_model.restore_state(stream([state]))) == len(IDS)
    assert asyncio.run(logits_after(seeded_model, [*IDS, 3])) == (expected, 1)


def test_a_conversation_that_is_cut_while_it_is_saved_says_so(
    seeded_model: bitnet.Model, state: bytes
) -> None:
    async def cut() -> None:
        await seeded_model.restore_state(stream([state]))
        async with aclosing(seeded_model.save_state()) as pieces:
            await anext(pieces)
            seeded_model.engine.rewind(len(IDS) - 1)
            await anext(pieces)

    with pytest.raises(NotReady, match="has changed while it was being saved: save it again"):
        asyncio.run(cut())


def test_a_prompt_that_comes_in_between_has_the_session(
    seeded_model: bitnet.Model, state: bytes, expected: bytes
) -> None:
    asked: list[tuple[bytes, int]] = []

    async def interrupted() -> AsyncGenerator[bytes, None]:
        yield state[:300]
        asked.append(await logits_after(seeded_model, [*IDS, 3]))
        yield state[300:]

    with pytest.raises(NotReady, match="Another prompt has interrupted"):
        asyncio.run(seeded_model.restore_state(interrupted()))
    assert asked == [(expected, len(IDS) + 1)]
    assert seeded_model.engine.ids == [*IDS, 3]


def test_the_event_loop_runs_between_pieces(seeded_model: bitnet.Model, state: bytes) -> None:
    async def count() -> tuple[int, int]:
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        await seeded_model.restore_state(stream([state]))
        n_restoring = turns
        n_pieces = len(await saved(seeded_model))
        ticking.cancel()
        return n_restoring - n_pieces, turns - n_restoring - n_pieces

    n_more_restoring, n_more_saving = asyncio.run(count())
    assert n_more_restoring >= 0
    assert n_more_saving >= 0


def test_a_closed_model_says_so(seeded: Path, state: bytes) -> None:
    async def close_meanwhile() -> None:
        model = await bitnet.load(seeded)
        await model.restore_state(stream([state]))
        async with aclosing(model.save_state()) as pieces:
            await anext(pieces)
            model.close()
            await anext(pieces)

    with pytest.raises(NotReady, match="closed: load it again"):
        asyncio.run(close_meanwhile())
