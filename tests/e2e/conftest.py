"""Two real browsers, the served bundle, and a visitor who notices every error and foreign request."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tools"))
sys.path.insert(0, str(Path(__file__).parent))

import serve  # noqa: E402 - found through the lines above
from visitor import Visitor  # noqa: E402

DIST = PROJECT / "dist"
CHROMIUM_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MODEL_BYTES = 15_028_096
IQ1_S = 19  # a type of ggml that the engine does not read


def program(variable: str, *names: str) -> str | None:
    """The browser that the environment names, or the system's; None stands for Playwright's own."""
    return os.environ.get(variable) or next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], browser_name: str, browser_type: Any
) -> dict[str, Any]:
    if browser_name == "chromium":
        path = program("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
        return {**browser_type_launch_args, "executable_path": path, "args": CHROMIUM_ARGUMENTS}
    path = program("FIREFOX", "firefox-esr", "firefox")
    if path is None or path == browser_type.executable_path:
        return browser_type_launch_args
    # Playwright drives a stock Firefox through WebDriver BiDi, under this name.
    return {**browser_type_launch_args, "executable_path": path, "channel": "moz-firefox"}


class FaultyHandler(serve.Handler):
    """The project's own server, and one address whose connection breaks in the middle."""

    quiet = True
    gone = False  # connections that browsers still hold open end without an answer

    def do_GET(self) -> None:  # noqa: N802 (the base class names it)
        if self.gone:
            self.close_connection = True
            return
        if "/breaks-off" not in self.path:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(MODEL_BYTES))
        self.end_headers()
        with (DIST / "models/tiny-tales/bitnet-tiny-i2_s.gguf").open("rb") as file:
            self.wfile.write(file.read(1 << 20))
        self.close_connection = True


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle at / and once more at /deep/er/, the tests' own page at /test/, bad files at /files/.

    At /powerless/ and /stuck/ it lies with service workers that cannot isolate it.
    """
    if not (DIST / "index.html").is_file():
        raise FileNotFoundError("dist/ is not there: run `make dist` first.")
    root = tmp_path_factory.mktemp("site")
    for path in DIST.iterdir():
        (root / path.name).symlink_to(path)
    make_bundle(root / "powerless", service_worker="addEventListener('install', () => skipWaiting());")
    never = "addEventListener('install', (event) => event.waitUntil(new Promise(() => {})));"
    make_bundle(root / "stuck", service_worker=never)
    (root / "deep").mkdir()
    (root / "deep/er").symlink_to(DIST)
    (root / "test").symlink_to(Path(__file__).parent / "site")
    (root / "files").mkdir()
    make_files(root / "files")
    return root


@pytest.fixture(scope="session")
def site(site_folder: Path) -> Iterator[str]:
    """A host as most are: it sends no headers for isolation."""
    with serving(site_folder, isolate=False) as host:
        yield host.address


@pytest.fixture(scope="session")
def isolated_site(site_folder: Path) -> Iterator[str]:
    """A host that isolates its pages itself."""
    with serving(site_folder, isolate=True) as host:
        yield host.address


@dataclass
class Site:
    """A running server; its *handler* decides about headers."""

    address: str
    handler: type[serve.Handler]


@contextmanager
def serving(root: Path, *, isolate: bool) -> Iterator[Site]:
    handler = type("Handler", (FaultyHandler,), {"isolate": isolate})
    server = serve.Server(("127.0.0.1", 0), lambda *args: handler(*args, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.server_port}", handler)
    handler.gone = True
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that are no models, for the file picker."""
    folder = tmp_path_factory.mktemp("files")
    make_files(folder)
    return folder


def make_bundle(folder: Path, *, service_worker: str) -> None:
    """The bundle with a service worker that cannot isolate it, as behind a browser's setting or a proxy."""
    folder.mkdir()
    for path in DIST.iterdir():
        if path.name != "sw.js":
            (folder / path.name).symlink_to(path)
    (folder / "sw.js").write_text(service_worker)


def make_files(folder: Path) -> None:
    model = (DIST / "models/tiny-tales/bitnet-tiny-i2_s.gguf").read_bytes()
    (folder / "tiny.gguf").write_bytes(model)
    (folder / "empty.gguf").write_bytes(b"")
    (folder / "truncated.gguf").write_bytes(model[: len(model) // 2])
    (folder / "wrong.gguf").write_bytes(b"This is a text that somebody has given a wrong name.\n" * 200)
    (folder / "architecture.gguf").write_bytes(model.replace(b"bitnet-b1.58", b"mystery-arch"))
    (folder / "type.gguf").write_bytes(with_type(model, b"blk.0.ffn_up.weight", IQ1_S))


def with_type(model: bytes, tensor: bytes, type_number: int) -> bytes:
    """The same file, whose table says that *tensor*, a matrix, has another type."""
    after_name = model.index(tensor) + len(tensor)
    type_at = after_name + 4 + 2 * 8  # behind the number of dimensions and two of them
    return model[:type_at] + type_number.to_bytes(4, "little") + model[type_at + 4 :]


Visit = Callable[..., Visitor]


def open_context(browser: Browser, **options: Any) -> BrowserContext:
    return browser.new_context(viewport={"width": 1100, "height": 760}, **options)


@pytest.fixture
def visit(browser: Browser, site: str) -> Iterator[Visit]:
    """Open the page as somebody who has never been there; in the end nothing must have gone wrong.

    *before* is a script that runs in the page before its own; other options are those of a browser context.
    """
    visitors: list[Visitor] = []

    def open_page(address: str = "/", *, before: str = "", **options: Any) -> Visitor:
        visitor = Visitor(open_context(browser, **options), site)
        visitors.append(visitor)
        if before:
            visitor.page.add_init_script(before)
        visitor.open(address)
        return visitor

    yield open_page
    for visitor in visitors:
        visitor.leave()


@pytest.fixture(scope="module")
def shared_visitor(browser: Browser, site: str) -> Iterator[Visitor]:
    visitor = Visitor(open_context(browser), site)
    visitor.open("/?temperature=0")
    visitor.wait_until("ready")
    yield visitor
    visitor.leave()


@pytest.fixture
def visitor(shared_visitor: Visitor) -> Iterator[Visitor]:
    """A page with the embedded model, greedy, shared by a module's tests; each begins with a new chat."""
    shared_visitor.begin_anew()
    yield shared_visitor
    shared_visitor.check()
