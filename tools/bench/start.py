"""How long a visitor waits for the page itself, with the embedded model, and what it downloads."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import brotli
from places import BUILD, PROJECT, launch_with_profile
from playwright.sync_api import BrowserContext, Playwright

N_VISITS = 5  # after the first one, with everything in the browser's cache
QUESTION = "Tell me a short story about a rabbit named Momo who finds a shiny key."
WAIT_MS = 120_000

COMPILE = """async (path) => {
  const bytes = await (await fetch(path)).arrayBuffer();
  const begin = performance.now();
  await WebAssembly.compile(bytes);
  return performance.now() - begin;
}"""
#: A page's own name for a part of the download, by the beginning of the path; the first that fits.
PARTS = {
    "/pyodide/python_stdlib.zip": "Python's standard library",
    "/pyodide/": "Pyodide",
    "/packages/bitnet_tab": "the engine",
    "/packages/": "Jinja2 and MarkupSafe",
    "/": "the page",
}


def visit(context: BrowserContext, site: str) -> dict[str, float]:
    """Open the page, and ask as soon as that is possible."""
    page = context.pages[0] if context.pages else context.new_page()
    page.set_default_timeout(WAIT_MS)
    begin = time.perf_counter()
    page.goto(f"{site}/?temperature=0&max_tokens=8")
    page.locator("html[data-state=ready]").wait_for(state="attached")
    ready = time.perf_counter()
    page.get_by_role("textbox", name="Message").fill(QUESTION)
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("article[data-role=assistant]", has_text=re.compile(r"\w")).wait_for(state="attached")
    first_token = time.perf_counter()
    page.locator("html[data-state=ready]").wait_for(state="attached")
    return {"ready_ms": 1000 * (ready - begin), "first_token_ms": 1000 * (first_token - begin)}


def measure(playwright: Playwright, name: str, site: str, asked: list[str]) -> dict[str, Any]:
    """A first visit and later ones, each with a browser started anew; compile times; bytes by part."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        visits = []
        asked.clear()
        for _ in range(1 + N_VISITS):
            context = launch_with_profile(playwright, name, profile)
            visits.append(visit(context, site))
            if len(visits) == 1:
                shipped = shipped_bytes({path for path in asked if not path.endswith(".gguf")})
            time.sleep(1)  # what the browser keeps for the next visit, such as compiled code, it writes now
            context.close()
        context = launch_with_profile(playwright, name, profile)
        page = context.new_page()
        page.goto(f"{site}/test/index.html")
        compile_ms = {
            part: min(page.evaluate(COMPILE, path) for _ in range(3))
            for part, path in (
                ("pyodide", "/pyodide/pyodide.asm.wasm"),
                ("core", "/core/bitnet-relaxed.wasm"),
            )
        }
        context.close()
    return {
        **{f"first_visit_{name}": value for name, value in visits[0].items()},
        **{name: min(visit[name] for visit in visits[1:]) for name in visits[0]},
        **{f"compile_{part}_ms": value for part, value in compile_ms.items()},
        "shipped_bytes": sum(shipped.values()),
        "shipped_bytes_by_part": shipped,
    }


def shipped_bytes(paths: set[str]) -> dict[str, int]:
    """The bytes of these files of the bundle by part, each compressed with brotli as a good host would."""
    known_file = BUILD / "brotli.json"
    known: dict[str, int] = json.loads(known_file.read_text()) if known_file.is_file() else {}
    parts: Counter[str] = Counter()
    for path in sorted(paths):
        file = PROJECT / "dist" / (path.strip("/") or "index.html")
        data = Path(file).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest not in known:
            known[digest] = len(brotli.compress(data))
        parts[next(part for begin, part in PARTS.items() if path.startswith(begin))] += known[digest]
    known_file.parent.mkdir(parents=True, exist_ok=True)
    known_file.write_text(json.dumps(known))
    return dict(parts)
