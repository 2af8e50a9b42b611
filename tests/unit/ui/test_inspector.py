"""The inspector: what is found, how it is sorted, and what stands in its pictures."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import bitnet
import pytest
from bitnet.records import WeightCounts
from bitnet.ui import state as states
from bitnet.ui.inspector import Inspector, Row, Table, Weights
from test_page import open_page
from test_view import READY, shown

ROWS = tuple(
    Row(number, name, kind, shape, n_bytes)
    for number, (name, kind, shape, n_bytes) in enumerate(
        [
            ("token_embd.weight", "F16", (8, 4), 64),
            ("blk.10.attn_q.weight", "I2_S", (8, 8), 48),
            ("blk.2.attn_q.weight", "I2_S", (8, 8), 48),
            ("blk.2.attn_norm.weight", "F32", (8,), 32),
        ]
    )
)


def names(table: Table) -> list[str]:
    return [row.name.removesuffix(".weight") for row in table.shown]


def test_tensors_are_sorted_by_name_with_their_numbers_in_order() -> None:
    table = Table(ROWS).sorted_by("name")
    assert names(table) == ["blk.2.attn_norm", "blk.2.attn_q", "blk.10.attn_q", "token_embd"]
    assert names(table.sorted_by("name")) == names(table)[::-1]
    assert names(table.sorted_by("name").sorted_by("name")) == [
        row.name.removesuffix(".weight") for row in ROWS
    ]


@pytest.mark.parametrize(("column", "first"), [("size", 3), ("shape", 3), ("type", 0)])
def test_tensors_are_sorted_by_each_column(column: str, first: int) -> None:
    assert Table(ROWS).sorted_by(column).shown[0] == ROWS[first]


@pytest.mark.parametrize(
    ("wanted", "found"), [("ATTN_Q", 2), ("i2_s", 2), (" blk.2. ", 2), ("nowhere", 0), ("", 4)]
)
def test_tensors_are_found_by_name_or_type(wanted: str, found: int) -> None:
    assert len(Table(ROWS, wanted).shown) == found


def test_counts_are_summed_by_layer_and_by_matrix() -> None:
    counts = (
        WeightCounts("blk.0.attn_q.weight", 0, 1, 2, 1),
        WeightCounts("blk.0.ffn_up.weight", 0, 4, 0, 0),
        WeightCounts("blk.1.attn_q.weight", 1, 0, 2, 2),
        WeightCounts("output.weight", None, 0, 1, 0),
    )
    weights = Weights(4, counts)
    assert weights.complete
    layers = {each.group: (each.n_weights, each.shares) for each in weights.by_layer()}
    assert layers == {
        "0": (8, (5 / 8, 2 / 8, 1 / 8)),
        "1": (4, (0, 0.5, 0.5)),
        "output": (1, (0, 1, 0)),
    }
    assert [each.group for each in weights.by_matrix()] == ["attn_q", "ffn_up", "output"]
    assert weights.all().n_weights == 13


def test_sorted_tensors_can_be_those_with_most_zeros() -> None:
    table = Table(ROWS).with_counts(
        [WeightCounts(ROWS[1].name, 10, 0, 1, 1), WeightCounts(ROWS[2].name, 2, 1, 1, 6)]
    )
    assert names(table.sorted_by("zeros").sorted_by("zeros"))[:2] == ["blk.10.attn_q", "blk.2.attn_q"]


def test_the_dialog_shows_a_real_model_and_forgets_it(seeded_model: bitnet.Model) -> None:
    seen = Inspector.of(seeded_model.info, seeded_model.memory(), heap_bytes=80_000_000)
    nodes = shown(states.inspected(READY, seen))
    assert nodes["inspector"].attributes == {"data-open": ""}
    assert nodes["inspector-title"].text == "Inside Tiny Model"
    assert len(nodes["inspector-rows"].children) == len(seeded_model.info.raw["tensors"])
    assert "BOS" not in nodes["metadata-general.architecture"].text
    assert nodes["metadata-tokenizer.ggml.tokens"].text == "2,048 items, array of string"
    widths = [float(bar.attributes["width"] or 0) for bar in nodes["memory-bar"].children]
    assert 350 < sum(widths) <= 360
    assert sum(n_bytes for _, n_bytes in seen.uses()) == 80_000_000
    closed = shown(states.inspected(READY, None))
    assert closed["inspector"].attributes == {"data-open": None}
    assert closed["inspector-rows"].children == ()


def test_only_what_is_looked_for_is_shown(seeded_model: bitnet.Model) -> None:
    state = states.inspected(READY, Inspector.of(seeded_model.info, seeded_model.memory(), None))
    state = states.tensors_sorted(states.tensors_filtered(state, "ffn_down"), "size")
    state = states.metadata_searched(state, "rope")
    nodes = shown(state)
    assert nodes["inspector-n-tensors"].text == f"3 of {len(seeded_model.info.raw['tensors'])}"
    assert nodes["by-size"].attributes == {"aria-sort": "ascending"}
    assert nodes["by-name"].attributes == {"aria-sort": None}
    assert "metadata-general.architecture" not in nodes


def test_a_new_model_closes_the_inspector(seeded_model: bitnet.Model) -> None:
    state = states.inspected(READY, Inspector.of(seeded_model.info, seeded_model.memory(), None))
    assert READY.model is not None
    assert states.model_ready(state, READY.model).inspector is None


def test_weights_are_counted_when_asked_and_everything_is_handed_out(tiny_tales: Path) -> None:
    async def look() -> list[object]:
        sheet = await open_page(model=tiny_tales)
        sheet.page.receive(1, "inspect", {}, [])
        sheet.forget()
        sheet.page.receive(2, "count_weights", {}, [])
        await sheet.wait_for("weights-by-layer")
        sheet.forget()
        sheet.page.receive(3, "export_inspection", {}, [])
        ((_, name, text),) = json.loads(sheet.text)["patches"]
        found: list[object] = [name, json.loads(text)]
        return found

    name, found = asyncio.run(look())
    assert str(name).endswith(".json")
    assert isinstance(found, dict)
    assert len(found["weight_counts"]) == 84
    assert len(found["tensors"]) == 134
