"""The browser's storage: does what CPython's folder does, and outlives the page and the browser."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, open_context
from playwright.sync_api import Browser, BrowserType
from test_wheel import WHEEL, Notebook
from visitor import Visitor

sys.path.insert(0, str(PROJECT / "tests/unit"))

CHECKS_FILE = PROJECT / "tests/unit/storage.py"

# Each check gets an empty folder; with the page's help, and without it as in somebody else's notebook.
CHECK = """
import json, micropip, os, sys, traceback
given = json.loads(data)
await micropip.install(given["wheel"])
from pathlib import Path
Path("storage.py").write_text(given["checks"])
sys.path.insert(0, os.getcwd())
import storage as checks
from bitnet.host.opfs import Opfs, obstacle
files = Opfs(storage if given["page"] else None)
failed = {"obstacle": obstacle()} if obstacle() else {}
for check in checks.CHECKS:
    for name in await files.names():
        await files.remove(name)
    try:
        await check(files)
    except BaseException:
        failed[check.__name__] = traceback.format_exc()
json.dumps([failed, len(checks.CHECKS)])
"""

OPEN = """
import json, micropip
await micropip.install(json.loads(data)["wheel"])
from bitnet.host.memory import address_of
from bitnet.host.opfs import Opfs
files = Opfs(storage)
"""
EXPORT = (
    OPEN
    + """
file = await files.open("key.gguf")
buffer = bytearray(b"weights")
file.write_from(address_of(buffer), 7, 0)
file.close()
exported = await files.export("key.gguf", "model.gguf")
json.dumps([exported.name, exported.size, await exported.text()])
"""
)
OWN = (
    OPEN
    + """
lock = files.lock("key")
await lock.__aenter__()
file = await files.open("key.gguf")
buffer = bytearray(b"first")
file.write_from(address_of(buffer), 5, 0)
file.flush()
await files.write_text("key.json", "its journal")
json.dumps(await files.persist())
"""
)
ASK = (
    OPEN
    + """
from bitnet.errors import InUse
try:
    async with files.lock("key", wait=False):
        file = await files.open("key.gguf")
        found = [file.size, await files.read_text("key.json")]
        file.close()
except InUse:
    found = None
json.dumps(found)
"""
)


def wheel() -> str:
    assert WHEEL is not None
    return f"../wheels/{WHEEL.name}"


@pytest.fixture
def notebook(browser: Browser, site: str) -> Iterator[Notebook]:
    visitor = Visitor(open_context(browser), site)
    visitor.open("/test/index.html")
    yield Notebook(visitor)
    visitor.leave()


@pytest.mark.parametrize("page", [True, False], ids=["with the page's help", "alone"])
def test_the_browsers_storage_does_what_a_folder_does(notebook: Notebook, page: bool) -> None:
    failed, n_checks = notebook.run(CHECK, wheel=wheel(), checks=CHECKS_FILE.read_text(), page=page)
    assert failed == {}
    assert n_checks >= 11


def test_an_exported_file_has_its_own_name(notebook: Notebook) -> None:
    assert notebook.run(EXPORT, wheel=wheel()) == ["model.gguf", 7, "weights"]


def test_another_tab_waits_its_turn_and_finds_what_a_killed_one_has_written(
    browser: Browser, site: str
) -> None:
    context = open_context(browser)
    first, second = Visitor(context, site), Visitor(context, site)
    for visitor in (first, second):
        visitor.open("/test/index.html")
    assert Notebook(first).run(OWN, wheel=wheel()) in (True, False)  # and soon
    assert Notebook(second).run(ASK, wheel=wheel()) is None
    first.page.close(run_before_unload=False)
    found = Notebook(second).run(ASK.replace(", wait=False", ""), wheel=wheel())
    assert found == [5, "its journal"]
    second.leave()


def test_what_is_stored_outlives_the_browser(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any], site: str, tmp_path: Path
) -> None:
    def run(code: str) -> Any:
        context = browser_type.launch_persistent_context(str(tmp_path), **browser_type_launch_args)
        visitor = Visitor(context, site)
        visitor.open("/test/index.html")
        found = Notebook(visitor).run(code, wheel=wheel())
        visitor.leave()
        return found

    run(OWN)
    assert run(ASK) == [5, "its journal"]
    assert json.loads(json.dumps(run(EXPORT)))[0] == "model.gguf"
