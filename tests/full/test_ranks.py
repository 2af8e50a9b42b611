"""A model above what one memory of WebAssembly holds: two ranks with half of it each give the native bits."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import make_full_size
import pytest
import serve
from conftest import CONTEXT_LENGTH, Record, native_answer, serving
from playwright.sync_api import Browser
from processes import PeakMemory
from test_wheel import MOST_BESIDES_BYTES, answer_in_page
from visitor import Visitor

N_RANKS = 2
SHAPE = make_full_size.bitnet(n_layers=226)
SEED = 1
HEADER, WEIGHT_BYTES = make_full_size.header(SHAPE)
FILE_BYTES = len(HEADER) + WEIGHT_BYTES
MADE = "/made/large.gguf"
#: A rank that held the other's part too would have half a file more; KV cache and browser together are less.
MOST_TAB_BYTES = 1.5 * FILE_BYTES


class Maker(serve.Handler):
    """The project's own server, isolated, with a model that it makes while it sends it: 4.6 GB on no disk."""

    isolate, quiet = True, True

    def _answer(self, *, with_body: bool) -> None:
        if self.path != MADE:
            super()._answer(with_body=with_body)
            return
        self._head(HTTPStatus.OK, {"Content-Length": str(FILE_BYTES)})
        if with_body:
            self.wfile.write(HEADER)
            self.wfile.writelines(make_full_size.weights(SHAPE, SEED))


@pytest.fixture(scope="module")
def site(site_folder: Path) -> Iterator[str]:
    with serving(site_folder, Maker) as address:
        yield address


def test_a_model_above_4_gib_is_shared_between_ranks(
    visitor: Visitor, browser: Browser, memory: PeakMemory, record: Record, site: str
) -> None:
    assert FILE_BYTES > 2**32
    expected = native_answer(site + MADE)
    ids = expected["bits"]["prompt_ids"]
    found = answer_in_page(visitor, ids, model=f"..{MADE}", context_length=CONTEXT_LENGTH, n_ranks=N_RANKS)
    record(
        *("ranks", browser, "large"),
        load_s=found["load_s"],
        decode_tokens_per_s=found["decode_tokens_per_s"],
        rank_0_heap_growth_mb=found["heap_growth_bytes"] / 1e6,
        peak_tab_mb=memory.n_bytes / 1e6,
        file_mb=FILE_BYTES / 1e6,
    )
    assert found["bits"] == expected["bits"]
    assert found["heap_growth_bytes"] < FILE_BYTES / N_RANKS + found["kv_cache_bytes"] + MOST_BESIDES_BYTES
    assert FILE_BYTES < memory.n_bytes < MOST_TAB_BYTES
