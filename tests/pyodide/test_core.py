"""What only Pyodide can show: the build in use, callbacks, and memory above what a signed pointer reaches."""

import asyncio
import logging
import os
from contextlib import aclosing
from pathlib import Path

import bitnet
import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SEEDED = GOLDEN / "dev-bitnet158-i2s.gguf"


async def greedy(model: bitnet.Model) -> list[int]:
    async with aclosing(model.generate([1, 2, 3], max_tokens=8, temperature=0)) as tokens:
        return [token.id async for token in tokens]


def test_the_best_kernel_is_that_of_the_build() -> None:
    model = asyncio.run(bitnet.load(SEEDED))
    build = model.info.kernel.removesuffix("-add")  # one build holds both, and a race decides
    assert os.environ["BITNET_CORE"].endswith(f"core-{build}.wasm")
    model.close()


def test_the_core_calls_back_into_python_to_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="bitnet"):
        model = asyncio.run(bitnet.load(SEEDED))
    assert "".join(record.getMessage() for record in caplog.records) in "".join(model.info.raw["warnings"])
    assert caplog.records
    model.close()


def test_a_model_above_two_gibibytes_gives_the_same_tokens() -> None:
    low = asyncio.run(bitnet.load(SEEDED))
    rooms = [bytearray(1100 << 20), bytearray(1100 << 20)]  # one object has at most 2 GiB
    high = asyncio.run(bitnet.load(SEEDED))
    assert asyncio.run(greedy(high)) == asyncio.run(greedy(low))
    address = high.engine.session.calls.bn_session_logits(high.engine.session.handle)
    assert address > 1 << 31
    rooms.clear()
    low.close()
    high.close()
