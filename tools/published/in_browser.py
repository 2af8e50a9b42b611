"""Puts the questions to the model in a real browser: the wheel in a page that knows nothing of the app."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from typing import Any

import browsers
import serve
from playwright.sync_api import sync_playwright

PROJECT = Path(__file__).resolve().parents[2]
HOUR_MS = 3_600_000  # the slowest machine may need long for twenty answers
CODE = """
import json, micropip
given = json.loads(data)
await micropip.install(given["wheel"])
{ask}
json.dumps(await ask(given["model"], given["questions"], given["max_tokens"]))
"""


def ask_in_browser(name: str, path: Path, questions: list[str], max_tokens: int) -> dict[str, Any]:
    """As ``ask``, in "chromium" or "firefox", which gets the file at *path* from a server on this machine.

    Raises:
        FileNotFoundError: There is no such browser here.
    """
    program = browsers.find(name)
    if program is None:
        raise FileNotFoundError(f"{name} is not on this machine: {browsers.HINT}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        for entry in (PROJECT / "dist").iterdir():
            (root / entry.name).symlink_to(entry)
        (root / "test").symlink_to(PROJECT / "tests/e2e/site")
        (root / "model.gguf").symlink_to(path.resolve())
        kind = getattr(playwright, name)
        options: dict[str, Any] = {"executable_path": program}
        if name == "chromium":
            options["args"] = ["--headless=new", "--no-sandbox"]
        elif program != kind.executable_path:
            options["channel"] = "moz-firefox"  # a stock Firefox, driven through WebDriver BiDi
        server = serve.open_server(root, 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = kind.launch(**options)
        try:
            page = browser.new_page()
            page.set_default_timeout(HOUR_MS)
            page.goto(f"http://127.0.0.1:{server.server_port}/test/index.html")
            given = {
                "wheel": f"../wheels/{next((PROJECT / 'dist/wheels').glob('bitnet_tab-*wasm32.whl')).name}",
                "model": "../model.gguf",
                "questions": questions,
                "max_tokens": max_tokens,
            }
            code = CODE.replace("{ask}", (Path(__file__).parent / "ask.py").read_text())
            answer = page.evaluate("([code, data]) => runPython(code, data)", [code, json.dumps(given)])
            return {**json.loads(answer), "world": f"{name} {browser.version}"}
        finally:
            browser.close()
            server.shutdown()
            server.server_close()
