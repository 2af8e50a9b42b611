"""A real model in both browsers, opened by its URL through the wheel's Python: llama.cpp's answers."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import serve
from conftest import PROJECT, open_context
from playwright.sync_api import Browser
from visitor import Visitor

sys.path.insert(0, str(PROJECT / "tests/unit"))

from llama_answers import GOLDEN, IS_MISSING, MISSING, MODEL, compare, n_clear

pytestmark = pytest.mark.skipif(IS_MISSING, reason=MISSING)

WHEEL = next((PROJECT / "dist/wheels").glob("bitnet_tab-*.whl"), None)

ANSWER = """
import json, micropip
given = json.loads(data)
await micropip.install(given["wheel"])
import bitnet
found = []
async with await bitnet.load(given["model"], context_length=128) as model:
    for prompt in given["prompts"]:
        ids = model.tokenize(prompt["text"])
        tokens = model.generate(ids, max_tokens=prompt["n"], temperature=0)
        found.append([ids, [token.id async for token in tokens]])
    kernel = model.info.kernel
json.dumps([found, kernel])
"""


@pytest.fixture(scope="module")
def site_with_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bundle, the tests' own page at /test/, and the model at /files/."""
    root = tmp_path_factory.mktemp("site")
    for path in (PROJECT / "dist").iterdir():
        (root / path.name).symlink_to(path)
    (root / "test").symlink_to(Path(__file__).parent / "site")
    (root / "files").symlink_to(MODEL.parent)
    handler = type("Handler", (serve.Handler,), {"quiet": True})
    server = serve.Server(("127.0.0.1", 0), lambda *args: handler(*args, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_answers_in_the_browser_are_those_of_llama_cpp(browser: Browser, site_with_model: str) -> None:
    assert WHEEL is not None
    visitor = Visitor(open_context(browser), site_with_model)
    visitor.open("/test/index.html")
    prompts = [{"text": prompt["text"], "n": n_clear(prompt["margins"])} for prompt in GOLDEN["prompts"]]
    given = {"wheel": f"../wheels/{WHEEL.name}", "model": f"../files/{MODEL.name}", "prompts": prompts}
    result = visitor.page.evaluate(
        "([code, data]) => window.runPython(code, data)", [ANSWER, json.dumps(given)]
    )
    answers, kernel = json.loads(result)
    assert kernel in ("relaxed", "simd128")
    compare(answers)
    visitor.leave()
