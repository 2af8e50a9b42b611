"""Ranks as threads: the same bits at any number, no byte too many, and one failure for all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import bitnet
import pytest
from bitnet.errors import BadArgument, BadFile, BadNumbers, ContextFull, ExchangeFailed, NotReady
from bitnet.host.cpython import CPythonHost
from bitnet.ranks import Cores, Ranks
from bitnet.shares import overlaps
from bitnet.stream import Stream
from bits import differences
from hypothesis import given
from hypothesis import strategies as st
from splitting import split
from worlds import IN_PYODIDE

pytestmark = pytest.mark.skipif(IN_PYODIDE, reason="Pyodide cannot start threads; tests/e2e has its ranks")

SEEDED = Path(__file__).resolve().parents[1] / "golden" / "dev-bitnet158-i2s.gguf"
PROMPT = [1, 5, 700, 2, 2, 9]


async def logits(source: Any, n_ranks: int, kv: str = "f16") -> bytes:
    async with await bitnet.load(source, ranks=n_ranks, kv=kv) as model:
        assert model.info.n_ranks == n_ranks
        return (await model.logits(PROMPT)).tobytes()


@pytest.fixture(scope="module")
def expected() -> bytes:
    return asyncio.run(logits(SEEDED, 1))


@pytest.fixture
def model() -> Iterator[bitnet.Model]:
    loaded = asyncio.run(bitnet.load(SEEDED, ranks=3))
    yield loaded
    loaded.close()


async def collect(items: AsyncGenerator[Any, None] | Stream[Any]) -> list[Any]:
    async with aclosing(items):
        return [item async for item in items]


async def stream(pieces: list[bytes]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("n_ranks", [2, 3, 7])
def test_any_number_of_ranks_gives_the_same_logits(expected: bytes, n_ranks: int) -> None:
    assert asyncio.run(logits(SEEDED, n_ranks)) == expected


def test_any_number_of_ranks_gives_the_same_logits_with_bytes_in_the_kv_cache(expected: bytes) -> None:
    alone, *shared = [asyncio.run(logits(SEEDED, n_ranks, "int8")) for n_ranks in (1, 2, 3, 7)]
    assert alone != expected
    assert shared == [alone] * 3


def test_whole_generations_of_two_ranks_have_the_bits_of_the_scalar_kernel(
    golden: Path, tiny_tales: Path
) -> None:
    prompts = json.loads((golden / "tiny-tales.bits.json").read_text())["prompts"]

    async def compare() -> list[str]:
        async with await bitnet.load(tiny_tales, ranks=2) as model:
            return await differences(model, prompts)

    assert asyncio.run(compare()) == []


def test_a_split_model_gives_the_same_logits(expected: bytes, tmp_path: Path) -> None:
    for number, part in enumerate(split(SEEDED.read_bytes(), 3), 1):
        (tmp_path / f"m-{number:05}-of-00003.gguf").write_bytes(part)
    assert asyncio.run(logits(tmp_path / "m-00001-of-00003.gguf", 2)) == expected


def test_what_is_said_of_memory_is_that_of_all_ranks(model: bitnet.Model) -> None:
    alone = asyncio.run(bitnet.load(SEEDED))
    assert model.info.kv_cache_bytes == alone.info.kv_cache_bytes
    assert alone.info.weights_bytes < model.info.weights_bytes < 1.2 * alone.info.weights_bytes
    alone.close()


def test_weights_are_counted_over_all_ranks(model: bitnet.Model) -> None:
    alone = asyncio.run(bitnet.load(SEEDED))
    assert asyncio.run(collect(model.count_weights())) == asyncio.run(collect(alone.count_weights()))
    alone.close()


def test_each_rank_says_what_it_holds_in_memory(model: bitnet.Model) -> None:
    ranks = model.memory()
    assert len(ranks) == 3
    assert sum(rank["weights"] + rank["screen"] for rank in ranks) == pytest.approx(
        model.info.weights_bytes, 1e-3
    )
    assert sum(rank["kv_cache"] for rank in ranks) == model.info.kv_cache_bytes


def test_choosing_tokens_agrees_on_all_ranks(model: bitnet.Model) -> None:
    async def run(of: bitnet.Model) -> list[Any]:
        stream = of.generate(PROMPT, max_tokens=8, temperature=1.0, seed=5, logprobs=True, top=3)
        return [(token.id, token.logprob, token.top) async for token in stream]

    alone = asyncio.run(bitnet.load(SEEDED))
    assert asyncio.run(run(model)) == asyncio.run(run(alone))
    alone.close()


def test_another_context_length_is_had_by_all_ranks(model: bitnet.Model, expected: bytes) -> None:
    model.resize(32)
    assert model.info.context_length == 32
    assert asyncio.run(model.logits(PROMPT)).tobytes() == expected
    with pytest.raises(ContextFull):
        asyncio.run(model.logits(PROMPT * 6))
    with pytest.raises(BadArgument):
        model.resize(1_000_000)
    assert asyncio.run(model.logits(PROMPT)).tobytes() == expected


def test_a_prompt_that_is_refused_changes_nothing(model: bitnet.Model, expected: bytes) -> None:
    session = model.engine.session
    with pytest.raises(BadArgument, match="outside the vocabulary"):
        session.decode(1 << 20)
    assert asyncio.run(model.logits(PROMPT)).tobytes() == expected


def test_a_conversation_may_go_on_with_another_number_of_ranks(model: bitnet.Model) -> None:
    async def go_on() -> None:
        alone = await bitnet.load(SEEDED)
        await collect(model.generate(PROMPT, max_tokens=3, temperature=0))
        ids, bytes_of_three = list(model.engine.ids), await collect(model.save_state())
        assert await alone.restore_state(stream(bytes_of_three)) == len(ids)
        assert await collect(alone.save_state()) == bytes_of_three
        model.engine.rewind(0)
        assert await model.restore_state(stream(bytes_of_three)) == len(ids)
        rows = []
        for each in (alone, model):
            await collect(each.generate([*ids, 8], max_tokens=1))
            rows.append(each.engine.session.logits().tobytes())
        assert rows[0] == rows[1]
        alone.close()

    asyncio.run(go_on())


def test_what_is_damaged_leaves_all_ranks_empty(model: bitnet.Model, expected: bytes) -> None:
    async def restore() -> None:
        await collect(model.generate(PROMPT, max_tokens=3, temperature=0))
        pieces = await collect(model.save_state())
        with pytest.raises(BadFile, match="Chunk 2 of the saved session is damaged"):
            await model.restore_state(stream([*pieces[:2], bytes(len(pieces[2]) - 1) + b"!", *pieces[3:]]))

    asyncio.run(restore())
    assert asyncio.run(model.logits(PROMPT)).tobytes() == expected


def test_damage_in_the_share_of_another_rank_is_found(expected: bytes) -> None:
    data = bytearray(SEEDED.read_bytes())
    alone = asyncio.run(bitnet.load(bytes(data)))
    tensor = next(t for t in alone.info.raw["tensors"] if t["name"] == "blk.1.ffn_up.weight")
    alone.close()
    data[tensor["offset"] + tensor["n_bytes"] - 40] = 0xFF  # the last of the codes, before the scale
    with pytest.raises(BadFile, match=r"blk\.1\.ffn_up\.weight contains the code 3"):
        asyncio.run(logits(bytes(data), 3))


@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_a_truncated_file_is_refused(kept: float) -> None:
    data = SEEDED.read_bytes()
    with pytest.raises(BadFile, match="truncated"):
        asyncio.run(logits(data[: int(kept * len(data))], 2))


def test_when_a_rank_fails_the_call_fails_and_the_next_one_works(
    model: bitnet.Model, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: int) -> None:
        raise BadNumbers("The keys of this rank's own heads are not finite.")

    with monkeypatch.context() as patched:
        patched.setattr(model.engine.model.ranks._peers[1], "decode", fail)  # type: ignore[union-attr]
        with pytest.raises(BadNumbers, match="own heads"):
            asyncio.run(model.logits(PROMPT))
    assert asyncio.run(model.logits(PROMPT)).tobytes() == expected


class LonelyHost(CPythonHost):
    """Would give a model three ranks, but cannot start them."""

    def cores(self) -> Cores:
        return Cores(most=64, usual=3)

    async def start_ranks(self, n_ranks: int, kernel: str | None) -> Ranks:
        raise ExchangeFailed(f"{n_ranks} cores cannot be used (no worker): choose 1.")


def test_ranks_that_cannot_be_started_are_missed_only_by_who_asked_for_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ExchangeFailed, match="2 cores cannot be used"):
        asyncio.run(bitnet.load(SEEDED, ranks=2, host=LonelyHost()))
    monkeypatch.setattr("bitnet.ranks.SMALL_FILE_BYTES", 1)
    alone = asyncio.run(bitnet.load(SEEDED, host=LonelyHost()))
    assert alone.info.n_ranks == 1
    alone.close()
    assert "3 cores cannot be used" in caplog.text


def test_a_closed_model_says_so(model: bitnet.Model) -> None:
    session = model.engine.session
    model.close()
    with pytest.raises(NotReady, match="closed: load it again"):
        session.decode(1)


RUNS = st.lists(st.integers(0, 60), unique=True, max_size=12).map(
    lambda edges: list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)


@given(RUNS, st.lists(st.integers(1, 20), min_size=1))
def test_chunks_hand_out_every_run_once(runs: list[tuple[int, int]], sizes: list[int]) -> None:
    handed, at = [], 0
    while at < 60:
        end = min(60, at + sizes[at % len(sizes)])
        for first, last in overlaps(runs, at, end):
            assert at <= first < last <= end
            handed += range(first, last)
        at = end
    assert handed == [byte for first, last in runs for byte in range(first, last)]
