"""The wheel in somebody else's page: installed by a relative URL, it gives the same bits as everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import DIST, PROJECT, open_context
from playwright.sync_api import Browser
from visitor import Visitor

WHEEL = next((DIST / "wheels").glob("bitnet_tab-*.whl"), None)
BITS = json.loads((PROJECT / "tests/golden/tiny-tales.bits.json").read_text())["prompts"]

INSTALL = """
import json, micropip
await micropip.install(json.loads(data)["wheel"])
import bitnet
async with await bitnet.load("../models/tiny-tales/bitnet-tiny-i2_s.gguf") as model:
    asked = [{"role": "user", "content": "What is 8 plus 6?"}]
    answer = "".join([piece async for piece in model.chat(asked, temperature=0)])
json.dumps([answer, model.info.kernel])
"""

# Every kernel of one build, against the scalar native core's bits, and against its own scalar twin.
COMPARE = """
import json, os, sys
from pathlib import Path
given = json.loads(data)
Path("bits.py").write_text(given["bits"])
sys.path.insert(0, os.getcwd())
import bits, bitnet
from bitnet.native import Library
os.environ["BITNET_CORE"] = str(Path(bitnet.__file__).parent / "_core" / given["core"])
library = Library(given["core"])
found = {}
for kernel in library.kernels():
    some = given["prompts"][:2] if kernel == "scalar" else given["prompts"]
    async with await bitnet.load("../models/tiny-tales/bitnet-tiny-i2_s.gguf", kernel=kernel) as model:
        wrong = await bits.differences(model, some)
    found[kernel] = [wrong, library.count_mismatches(kernel, 7, 20), len(some)]
json.dumps(found)
"""


# A worker that has come to a stop is an error after five minutes.
RUN = """([code, data]) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("Python has not answered for 5 minutes")), 300_000);
  window.runPython(code, data).then(resolve, reject);
})"""


class Notebook:
    def __init__(self, visitor: Visitor) -> None:
        self.page = visitor.page

    def run(self, code: str, **given: Any) -> Any:
        return json.loads(self.page.evaluate(RUN, [code, json.dumps(given)]))


@pytest.fixture(scope="module")
def notebook(browser: Browser, site: str) -> Iterator[Notebook]:
    visitor = Visitor(open_context(browser), site)
    visitor.open("/test/index.html")
    yield Notebook(visitor)
    visitor.leave()


def test_micropip_installs_the_wheel_by_a_relative_url(notebook: Notebook) -> None:
    assert WHEEL is not None
    answer, kernel = notebook.run(INSTALL, wheel=f"../wheels/{WHEEL.name}")
    assert answer == "8 plus 6 is 14."
    assert kernel in ("relaxed-add", "relaxed", "simd128")


@pytest.mark.parametrize("core", ["core-simd128.wasm", "core-relaxed.wasm"])
def test_every_kernel_gives_the_same_bits_as_natively(notebook: Notebook, core: str) -> None:
    text = (PROJECT / "tests/unit/bits.py").read_text()
    found = notebook.run(COMPARE, bits=text, core=core, prompts=BITS)
    assert "scalar" in found
    assert core.removeprefix("core-").removesuffix(".wasm") in found
    for kernel, (differences, mismatches, n_prompts) in found.items():
        assert differences == [], kernel
        assert mismatches == 0, kernel
        assert n_prompts >= 2
