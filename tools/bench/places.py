"""Where figures come from: this machine's Python, a browser's Pyodide, and other people's engines.

Every place answers requests one at a time and is idle in between: a round asks one after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import browsers
import serve
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
BUILD = PROJECT / "build/bench"
MODELS = Path(os.environ.get("MODELS") or PROJECT / "build/models")
EMBEDDED = PROJECT / "models/tiny-tales/bitnet-tiny-i2_s.gguf"
WLLAMA = BUILD / "node_modules/@wllama/wllama"

CHROMIUM_ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-background-networking"]

#: What begins a page of the engine: the package, and subject.py as a module of its own.
INSTALL = """
import json, micropip, os, sys
from pathlib import Path
given = json.loads(data)
await micropip.install(given["wheel"])
Path("subject.py").write_text(given["subject"])
sys.path.insert(0, os.getcwd())
import subject
from bitnet.host.browser import BrowserHost
sys.modules["__main__"].desk = subject.Desk(BrowserHost(None, ranks))
"{}"
"""
ASK = """
import json, sys
json.dumps(await sys.modules["__main__"].desk.answer(json.loads(data)))
"""


def model_path(name: str) -> Path:
    return EMBEDDED if name == "tiny-tales" else MODELS / f"{name}.gguf"


class Handler(serve.Handler):
    """The project's own server, isolated so that workers may share memory; it remembers what it was asked."""

    isolate, quiet = True, True
    asked: list[str]

    def do_GET(self) -> None:  # noqa: N802 (the base class names it)
        self.asked.append(self.path.split("?")[0])
        super().do_GET()


@contextmanager
def site() -> Iterator[tuple[str, list[str]]]:
    """The bundle at /; below it models at full/, the tests' page at test/, this folder at bench/, built/.

    Gives the address, and a list that grows with every path asked for.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path in (PROJECT / "dist").iterdir():
            (root / path.name).symlink_to(path)
        for name, target in (
            ("test", PROJECT / "tests/e2e/site"),
            ("full", MODELS),
            ("bench", HERE),
            ("built", BUILD),
        ):
            (root / name).symlink_to(target)
        handler = type("Handler", (Handler,), {"asked": (asked := [])})
        server = serve.Server(("127.0.0.1", 0), lambda *arguments: handler(*arguments, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            server.server_close()


def launch_options(playwright: Playwright, name: str) -> dict[str, Any]:
    path = browsers.find(name)
    options: dict[str, Any] = {"executable_path": path}
    if name == "chromium":
        return options | {"args": CHROMIUM_ARGUMENTS}
    # Playwright drives a stock Firefox through WebDriver BiDi, under this name.
    return options if path == playwright.firefox.executable_path else options | {"channel": "moz-firefox"}


def launch(playwright: Playwright, name: str) -> Browser:
    return getattr(playwright, name).launch(**launch_options(playwright, name))


def launch_with_profile(playwright: Playwright, name: str, profile: str) -> BrowserContext:
    return getattr(playwright, name).launch_persistent_context(profile, **launch_options(playwright, name))


class InPython:
    """The engine in a CPython of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "subject.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT / "app")},  # this checkout's, whichever is installed
        )

    def ask(self, call: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"call": call, **arguments}), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"The native engine ended while it was asked for {call}: see its message above."
            )
        found: dict[str, Any] = json.loads(answer)
        return found

    def address(self, path: Path) -> str:
        return str(path)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


class InBrowser:
    """The wheel in a page that knows nothing of the app: the engine runs in that page's worker."""

    def __init__(self, browser: Browser | BrowserContext, site: str) -> None:
        self._page: Page = browser.new_page()
        self._page.goto(f"{site}/test/index.html")
        wheel = next((PROJECT / "dist/wheels").glob("bitnet_tab-*wasm32.whl"))
        subject = (HERE / "subject.py").read_text()
        self.run(INSTALL, {"wheel": f"../wheels/{wheel.name}", "subject": subject})

    def run(self, code: str, data: dict[str, Any]) -> dict[str, Any]:
        self._page.bring_to_front()  # a page in the background may get less of the processor
        found = self._page.evaluate(
            "([code, data]) => window.runPython(code, data)", [code, json.dumps(data)]
        )
        answer: dict[str, Any] = json.loads(found)
        return answer

    def ask(self, call: str, **arguments: Any) -> dict[str, Any]:
        return self.run(ASK, {"call": call, **arguments})

    def address(self, path: Path) -> str:
        if path.is_relative_to(BUILD):
            return f"../built/{path.relative_to(BUILD)}"
        return f"../full/{path.name}" if path.is_relative_to(MODELS) else f"../{path.relative_to(PROJECT)}"

    def close(self) -> None:
        self._page.close()


class Wllama:
    """llama.cpp as WebAssembly (npm's @wllama/wllama), through its public interface, on one thread."""

    def __init__(self, browser: Browser, site: str) -> None:
        self._page = browser.new_page()
        self._page.goto(f"{site}/bench/wllama.html")
        self._page.locator("html[data-state=loaded]").wait_for(state="attached")

    def load(self, model: Path) -> dict[str, Any]:
        found: dict[str, Any] = self._page.evaluate("(url) => wllama.load(url)", f"../full/{model.name}")
        return found

    def measure(self, n_tokens: int) -> dict[str, Any]:
        self._page.bring_to_front()
        found: dict[str, Any] = self._page.evaluate("(n) => wllama.measure(n)", n_tokens)
        return found

    def close(self) -> None:
        self._page.close()
