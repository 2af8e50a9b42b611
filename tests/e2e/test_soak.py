"""Models come and go for long in one tab; see soak.py."""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict

from conftest import PROJECT, open_context
from playwright.sync_api import Browser
from test_storage import wheel
from test_wheel import Notebook
from visitor import Visitor

sys.path.insert(0, str(PROJECT / "tests"))

import soak
from fault_server import FaultServer

INSTALL = """
import json, micropip, os, sys
given = json.loads(data)
await micropip.install(given["wheel"])
from pathlib import Path
Path("soak.py").write_text(given["soak"])
sys.path.insert(0, os.getcwd())
import soak
json.dumps(None)
"""
CYCLE = """
import asyncio, gc, json, pyodide_js, soak
from bitnet.host.browser import BrowserHost

def is_ours(thing):
    # Pyodide's own timers stay until their time has come, also those that were cancelled: a minute.
    return str(getattr(thing, "__module__", "")).startswith("bitnet")

given = json.loads(data)
await soak.cycle(given["server"], given["n"], given["sha256"], BrowserHost(None, ranks, storage), 2)
await asyncio.sleep(0)
gc.collect()
module = pyodide_js._module
json.dumps(
    {
        "bytes of the heap": module.HEAPU8.length,
        "JavaScript objects that Python holds": module._hiwire_num_refs(),
        "functions and objects of the package": sum(map(is_ours, gc.get_objects())),
    }
)
"""


def test_the_tab_keeps_its_heap_its_proxies_and_its_workers(browser: Browser, isolated_site: str) -> None:
    files = soak.files(PROJECT)
    sha256 = hashlib.sha256(files["first.gguf"]).hexdigest()
    visitor = Visitor(open_context(browser), isolated_site)
    seen = defaultdict(list)
    with FaultServer(files) as server:
        visitor.allow(server.address, "ERR_", "404", "Cross-Origin")
        visitor.open("/test/index.html")
        notebook = Notebook(visitor)
        notebook.run(INSTALL, wheel=wheel(), soak=(PROJECT / "tests/soak.py").read_text())
        for n in range(soak.N_CYCLES):
            found = notebook.run(CYCLE, server=server.address, n=n, sha256=sha256)
            for name, value in (found | {"workers": len(visitor.page.workers)}).items():
                seen[name].append(value)
        visitor.leave()
    print(f"\nafter each cycle: {dict(seen)}")
    for name, values in seen.items():
        steady = values[soak.WARM_UP :]
        assert steady[-1] <= steady[0], (name, values)
