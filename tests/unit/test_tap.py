"""The tap: every intermediate result of the core, for whoever wants to check them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import bitnet
import pytest
from make_tiny_model import tiny_model


@pytest.fixture(scope="module")
def model() -> Iterator[bitnet.Model]:
    loaded = asyncio.run(bitnet.load(tiny_model()))
    yield loaded
    loaded.close()


def test_results_come_in_the_order_of_computation(model: bitnet.Model) -> None:
    session = model.engine.session
    seen: list[tuple[str, int, int]] = []
    session.rewind(0)
    with session.tap(lambda name, layer, token, _: seen.append((name, layer, token))):
        session.prefill([1, 2], want_logits=True)
    assert seen[:3] == [("embedding", -1, 0), ("embedding", -1, 1), ("attn_norm", 0, 0)]
    assert seen[-1] == ("logits", -1, 1)
    names = [name for name, layer, token in seen if (layer, token) == (1, 0)]
    assert names[:5] == ["attn_norm", "attn_q.input", "attn_q.quantised", "attn_q.sums", "attn_q.output"]
    assert names[-1] == "layer"
    assert len(names) == len(set(names))


def test_the_last_result_is_the_logits(model: bitnet.Model) -> None:
    session = model.engine.session
    results: dict[str, Any] = {}
    session.rewind(0)
    with session.tap(lambda name, _layer, _token, values: results.update({name: values})):
        session.decode(7)
    assert results["logits"].tolist() == session.logits().tolist()
    assert results["attn_q.quantised"].format == "b"
    assert results["attn_q.sums"].format == "i"
    assert max(map(abs, results["attn_q.quantised"])) == 127


def test_what_the_receiver_raises_is_raised_after_the_block_and_the_tap_is_off(model: bitnet.Model) -> None:
    session = model.engine.session
    calls = 0

    def receive(name: str, *_: object) -> None:
        nonlocal calls
        calls += 1
        raise ValueError(f"no use for {name}")

    session.rewind(0)
    with pytest.raises(ValueError, match="no use for embedding"), session.tap(receive):
        session.decode(7)
    assert calls > 1  # the core went on
    before = calls
    session.decode(7)
    assert calls == before


def test_a_closed_model_cannot_be_tapped() -> None:
    closed = asyncio.run(bitnet.load(tiny_model()))
    session = closed.engine.session
    closed.close()
    with pytest.raises(bitnet.NotReady), session.tap(print):
        pass
