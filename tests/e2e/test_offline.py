"""The app without a network, and its next version: kept by the service worker, offered and never forced."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import DIST, open_context, serving
from playwright.sync_api import Browser, expect
from visitor import START_MS, Visitor

QUESTION, ANSWER = "What is 8 plus 6?", "8 plus 6 is 14."
BECAUSE_OFFLINE = ("ERR_CONNECTION_REFUSED", "ERR_FAILED", "NetworkError", "sw.js", "Failed to load resource")
MODEL = "models/tiny-tales/bitnet-tiny-i2_s.gguf"

KEPT = """async (name) => {
  const address = new URL(name, location.origin).href;
  while (!(await caches.match(address))) await new Promise((resolve) => setTimeout(resolve, 100));
}"""
IS_KEPT = "(name) => caches.match(new URL(name, location.origin).href).then((found) => found !== undefined)"
CAN_FETCH = (
    """([address, headers]) => fetch(address, { headers }).then((response) => response.ok, () => false)"""
)


class Host:
    """A site of its own that can be taken off the network, and be given a new version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in DIST.iterdir():
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())
            else:
                (folder / path.name).symlink_to(path)
        self._running = ExitStack()
        self.address = self._running.enter_context(serving(folder, isolate=False)).address

    def stop(self) -> None:
        self._running.close()

    def precache(self) -> dict[str, dict[str, str]]:
        text = (self.folder / "precache.js").read_text()
        found: dict[str, dict[str, str]] = json.loads(text.removeprefix("self.PRECACHE = ").rstrip(";\n"))
        return found

    def retitle(self, title: str, *, as_new_version: bool) -> None:
        page = re.sub("<title>.*?<", f"<title>{title}<", (self.folder / "index.html").read_text())
        (self.folder / "index.html").write_text(page)
        if as_new_version:
            precache = self.precache()
            precache["files"]["index.html"] = hashlib.sha256(page.encode()).hexdigest()
            precache |= {"version": f"next {title}"}
            (self.folder / "precache.js").write_text(f"self.PRECACHE = {json.dumps(precache)};\n")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.stop()


@pytest.fixture
def visitor(browser: Browser, host: Host) -> Iterator[Visitor]:
    visitor = Visitor(open_context(browser), host.address)
    yield visitor
    visitor.leave()


def begin(visitor: Visitor, address: str = "/?temperature=0") -> None:
    """A first visit, until the app is kept."""
    visitor.open(address)
    visitor.wait_until("ready")
    wait_until_kept(visitor, "index.html")


def wait_until_kept(visitor: Visitor, name: str) -> None:
    """Wait until the copy holds the file of this *name*: the page itself is its last one."""
    visitor.page.evaluate(KEPT, name)


def test_without_a_network_the_page_opens_and_answers(visitor: Visitor, host: Host) -> None:
    begin(visitor)
    assert visitor.ask(QUESTION) == ANSWER
    host.stop()
    visitor.allow(*BECAUSE_OFFLINE)
    visitor.page.reload()
    visitor.wait_until("ready")  # the model is a stored one
    assert visitor.texts()[-1] == ANSWER
    assert visitor.ask(QUESTION) == ANSWER
    visitor.load_file(str(DIST / MODEL))
    expect(visitor.page.locator("#model-name")).to_contain_text("bitnet-tiny-i2_s.gguf", timeout=START_MS)
    visitor.wait_until("ready")
    assert visitor.ask(QUESTION) == ANSWER


def test_the_copy_holds_the_app_alone_and_leaves_models_and_ranges_to_the_network(
    visitor: Visitor, host: Host
) -> None:
    begin(visitor)
    visitor.page.reload()
    visitor.wait_until("ready")
    host.stop()
    visitor.allow(*BECAUSE_OFFLINE)

    def can_fetch(address: str, **headers: str) -> bool:
        return bool(visitor.page.evaluate(CAN_FETCH, [address, headers]))

    assert all(can_fetch(name) for name in host.precache()["files"])
    assert can_fetch("models/models.json")
    assert not can_fetch("host.js", Range="bytes=0-9")
    assert not can_fetch(MODEL)
    assert not can_fetch("wheels/")


def test_a_page_that_is_kept_is_not_isolated_for_it(visitor: Visitor) -> None:
    begin(visitor)
    visitor.page.reload()
    visitor.wait_until("ready")
    assert visitor.page.evaluate("navigator.serviceWorker.controller !== null")
    assert visitor.page.evaluate("crossOriginIsolated") is False


def test_an_isolated_page_is_isolated_without_a_network_too(visitor: Visitor, host: Host) -> None:
    begin(visitor, "/?temperature=0&ranks=2")
    assert visitor.page.evaluate("crossOriginIsolated")
    host.stop()
    visitor.allow(*BECAUSE_OFFLINE)
    visitor.page.reload()
    visitor.wait_until("ready")
    assert visitor.page.evaluate("crossOriginIsolated")
    cores = visitor.page.locator("#model-facts dt", has_text="CPU cores").locator("+ dd")
    expect(cores).to_have_text("2")
    assert visitor.ask(QUESTION) == ANSWER


def test_a_new_version_is_offered_and_the_conversation_stays(visitor: Visitor, host: Host) -> None:
    begin(visitor)
    assert visitor.ask(QUESTION) == ANSWER
    host.retitle("The next one", as_new_version=True)
    visitor.page.reload()
    visitor.wait_until("ready")
    expect(visitor.page).to_have_title("BitNet Tab")
    offer = visitor.page.get_by_role("status").get_by_text("A new version is ready.")
    expect(offer).to_be_visible(timeout=START_MS)
    assert visitor.ask("And what is 2 plus 3?")  # nobody is forced
    before = visitor.texts()

    visitor.button("Reload").click()
    expect(visitor.page).to_have_title("The next one", timeout=START_MS)
    visitor.wait_until("ready")
    assert visitor.texts() == before
    expect(offer).to_be_hidden()
    assert visitor.page.evaluate("caches.keys().then((names) => names.length)") == 1

    host.stop()
    visitor.allow(*BECAUSE_OFFLINE)
    visitor.page.reload()
    expect(visitor.articles).to_have_text(before, timeout=START_MS)
    expect(visitor.page).to_have_title("The next one")


def test_a_host_that_alters_files_is_visited_as_before(visitor: Visitor, host: Host) -> None:
    host.retitle("Altered", as_new_version=False)
    visitor.open("/?temperature=0")
    visitor.wait_until("ready")
    wait_until_kept(visitor, "worker.js")  # the last one before the page itself
    host.retitle("Altered again", as_new_version=False)
    visitor.page.reload()
    visitor.wait_until("ready")
    expect(visitor.page).to_have_title("Altered again")
    assert not visitor.page.evaluate(IS_KEPT, "index.html")
