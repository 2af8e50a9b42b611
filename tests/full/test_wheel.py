"""The wheel in another page, at full size: the very bits of the native core, and one copy of the weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from conftest import CONTEXT_LENGTH, DIST, LOAD_MS, N_TOKENS, PROJECT, Native, Record, model_path
from playwright.sync_api import Browser
from processes import PeakMemory
from visitor import Visitor

RUN = """
import json, micropip, os, sys, time
from pathlib import Path
given = json.loads(data)
await micropip.install(given["wheel"])
Path("bits.py").write_text(given["bits"])
sys.path.insert(0, os.getcwd())
import bits, bitnet, pyodide_js
from bitnet.host.browser import BrowserHost

heap_before = pyodide_js._module.HEAPU8.length
clock = time.perf_counter()
async with await bitnet.load(
    given["model"],
    context_length=given["context_length"],
    ranks=given["n_ranks"],
    host=BrowserHost(None, ranks),
) as model:
    load_s = time.perf_counter() - clock
    measured = await bits.measure(model, given["ids"], max_tokens=given["max_tokens"])
    tokens = model.generate(given["ids"], temperature=0, max_tokens=given["max_tokens"])
    text = model.detokenize([token.id async for token in tokens])
    found = {
        "bits": measured,
        "text": text,
        "kernel": model.info.kernel,
        "load_s": load_s,
        "kv_cache_bytes": model.info.kv_cache_bytes,
        "weights_bytes": model.info.weights_bytes,
        "head_weights": model.info.n_vocab * model.info.n_embd,
        "decode_tokens_per_s": tokens.timings.decode_tokens_per_s,
        "heap_growth_bytes": pyodide_js._module.HEAPU8.length - heap_before,
    }
json.dumps(found)
"""

#: Model and positions of the KV cache. With all of them the wide model reaches beyond 2 GiB, where a signed
#: address is negative and Pyodide's own buffer conversions fail.
CASES = [
    ("bitnet-2b", CONTEXT_LENGTH),
    ("bitnet-2b-f32", 4096),
    ("qwen2-0.5b-q8_0", CONTEXT_LENGTH),
    ("qwen2-0.5b-q4_0", CONTEXT_LENGTH),
]

#: A wasm memory may grow by 96 MiB more than it was asked for, and the vocabulary's tables and scratch memory
#: come on top. A second copy of the smallest model here would take more than twice as much.
MOST_BESIDES_BYTES = 150e6
#: Bytes of the output head's screen for each of its weights.
MOST_SCREEN = 1.02


def answer_in_page(
    visitor: Visitor, ids: Sequence[int], *, model: str, context_length: int, n_ranks: int = 1
) -> dict[str, Any]:
    """What the wheel says of a model in a page that is not this project's."""
    wheel = next((DIST / "wheels").glob("bitnet_tab-*wasm32.whl"))
    given = {
        "wheel": f"../wheels/{wheel.name}",
        "bits": (PROJECT / "tests/unit/bits.py").read_text(),
        "model": model,
        "context_length": context_length,
        "n_ranks": n_ranks,
        "ids": ids,
        "max_tokens": N_TOKENS,
    }
    visitor.open("/test/index.html")
    visitor.page.set_default_timeout(LOAD_MS)
    found: dict[str, Any] = json.loads(
        visitor.page.evaluate("([code, data]) => window.runPython(code, data)", [RUN, json.dumps(given)])
    )
    return found


@pytest.mark.parametrize(("name", "context_length"), CASES)
def test_the_same_bits_as_natively_in_one_copy_of_the_weights(
    visitor: Visitor,
    browser: Browser,
    native: Native,
    memory: PeakMemory,
    record: Record,
    name: str,
    context_length: int,
) -> None:
    file_bytes = model_path(name).stat().st_size
    expected = native[name]
    ids = expected["bits"]["prompt_ids"]
    found = answer_in_page(visitor, ids, model=f"../full/{name}.gguf", context_length=context_length)
    besides_bytes = found["heap_growth_bytes"] - found["weights_bytes"] - found["kv_cache_bytes"]
    record(
        *("wheel", browser, name),
        load_s=found["load_s"],
        decode_tokens_per_s=found["decode_tokens_per_s"],
        native_decode_tokens_per_s=expected["decode_tokens_per_s"],
        heap_growth_besides_weights_and_cache_mb=besides_bytes / 1e6,
        peak_tab_mb=memory.n_bytes / 1e6,
        file_mb=file_bytes / 1e6,
        kv_cache_mb=found["kv_cache_bytes"] / 1e6,
    )
    assert found["bits"] == expected["bits"]
    assert besides_bytes < MOST_BESIDES_BYTES
    assert found["weights_bytes"] < file_bytes + MOST_SCREEN * found["head_weights"]
    assert memory.n_bytes > file_bytes
