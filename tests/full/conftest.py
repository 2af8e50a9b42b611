"""Full-size models, the served bundle and two real browsers; figures go to bench/results/full.jsonl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from playwright.sync_api import Browser

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / folder) for folder in ("tools", "tests/e2e", "tests/full")]

import browsers  # noqa: E402 - found through the line above
import serve  # noqa: E402
from processes import PeakMemory  # noqa: E402
from visitor import Visitor  # noqa: E402

DIST = PROJECT / "dist"
MODELS = Path(os.environ.get("MODELS") or PROJECT / "build/models")
RESULTS = PROJECT / "bench/results/full.jsonl"
CONTEXT_LENGTH = 512
N_TOKENS = 16
PROMPT = "What is the capital of France?"
TOO_LARGE = "too-large"
LINE_BYTES_PER_S = 20e6
LOAD_MS = 300_000  # 1.8 GB, on a machine that does something else as well


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], browser_name: str, browser_type: Any
) -> dict[str, Any]:
    path = browsers.find(browser_name)
    options = {**browser_type_launch_args, "executable_path": path}
    if browser_name == "chromium":
        return options | {"args": ["--headless=new", "--no-sandbox", "--disable-background-networking"]}
    # Playwright drives a stock Firefox through WebDriver BiDi, under this name.
    return options if path == browser_type.executable_path else options | {"channel": "moz-firefox"}


class Site(serve.Handler):
    """The project's own server, which counts what it sends; what is to be refused comes as over a fast line.

    On loopback a browser that does not hold the server back would have taken hundreds of megabytes until the
    header is read.
    """

    quiet = True
    sent: ClassVar[Counter[str]] = Counter()
    ended: ClassVar[defaultdict[str, threading.Event]] = defaultdict(threading.Event)

    def _send(self, path: Path, wanted: range) -> None:
        try:
            with path.open("rb") as file:
                file.seek(wanted.start)
                left = len(wanted)
                while left and (data := file.read(min(left, serve.CHUNK_BYTES))):
                    self.wfile.write(data)
                    left -= len(data)
                    self.sent[path.name] += len(data)
                    if path.stem == TOO_LARGE:
                        time.sleep(len(data) / LINE_BYTES_PER_S)
        finally:
            self.ended[path.name].set()


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle at /, the models at /full/, the tests' own page at /test/."""
    if not (DIST / "index.html").is_file():
        raise FileNotFoundError("dist/ is not there: run `make dist` first.")
    root = tmp_path_factory.mktemp("site")
    for path in DIST.iterdir():
        (root / path.name).symlink_to(path)
    (root / "test").symlink_to(PROJECT / "tests/e2e/site")
    (root / "full").symlink_to(MODELS)
    return root


@contextmanager
def serving(root: Path, handler: type[serve.Handler]) -> Iterator[str]:
    """The address of a running server."""
    server = serve.Server(("127.0.0.1", 0), lambda *arguments: handler(*arguments, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def site(site_folder: Path) -> Iterator[str]:
    with serving(site_folder, Site) as address:
        yield address


@pytest.fixture
def server() -> type[Site]:
    """What the server has done since the test began."""
    Site.sent.clear()
    Site.ended.clear()
    return Site


def model_path(name: str) -> Path:
    path = MODELS / f"{name}.gguf"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in {MODELS}: make it with tools/make_full_size.py, or set MODELS")
    return path


def native_answer(source: str) -> dict[str, Any]:
    """What the native core says of the model in a file or at a URL."""
    command = [sys.executable, str(Path(__file__).parent / "native_answer.py"), source]
    command += [str(CONTEXT_LENGTH), str(N_TOKENS), PROMPT]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, text=True))
    return found


class Native:
    """What the native core says of a model: the standard for both browsers. Asked once for each model."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def __getitem__(self, name: str) -> dict[str, Any]:
        if name not in self._known:
            self._known[name] = native_answer(str(model_path(name)))
        return self._known[name]


@pytest.fixture(scope="session")
def native() -> Native:
    return Native()


@pytest.fixture
def visitor(browser: Browser, site: str) -> Iterator[Visitor]:
    """Somebody with a fresh browser; tests say what they open."""
    context = browser.new_context(viewport={"width": 1100, "height": 760})
    context.set_default_timeout(LOAD_MS)
    visitor = Visitor(context, site)
    yield visitor
    visitor.leave()


@pytest.fixture
def memory() -> Iterator[PeakMemory]:
    """The greatest memory of a tab during the test."""
    with PeakMemory() as peak:
        yield peak


class Record:
    """Adds one JSON line per measurement, and prints them as a table in the end."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def __call__(self, what: str, browser: Browser, model: str, **figures: float | None) -> None:
        name = f"{browser.browser_type.name} {browser.version}"
        self.lines.append({"what": what, "browser": name, "model": model} | figures)

    def save(self) -> None:
        if not self.lines:
            return
        git = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty"]
        commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or None
        about = {"commit": commit, "cores": os.cpu_count(), "load_average": os.getloadavg()[0]}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        with RESULTS.open("a") as file:
            file.writelines(json.dumps(about | line) + "\n" for line in self.lines)


RECORD = Record()


@pytest.fixture
def record() -> Record:
    return RECORD


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    RECORD.save()
    for line in RECORD.lines:
        about, figures = dict(list(line.items())[:3]), dict(list(line.items())[3:])
        terminalreporter.write_line("")
        terminalreporter.write_line(", ".join(str(value) for value in about.values()))
        for name, value in figures.items():
            terminalreporter.write_line(f"  {name:36}{'-' if value is None else f'{value:,.2f}':>14}")
    if RECORD.lines:
        terminalreporter.write_line(f"\nload average {os.getloadavg()[0]:.1f}; added to {RESULTS}")
