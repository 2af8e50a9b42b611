"""What a browser does not let a page read is told apart; each sentence says what to do."""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import PROJECT, open_context, serving
from playwright.sync_api import Browser, Route
from test_storage import wheel
from test_wheel import Notebook
from visitor import Visitor

sys.path.insert(0, str(PROJECT / "tests"))

from fault_server import FaultServer

OPEN = """
import json, micropip
given = json.loads(data)
await micropip.install(given["wheel"])
from bitnet.errors import FetchError
from bitnet.host.browser import BrowserHost
try:
    async with BrowserHost().open(given["url"]) as body:
        found = ["opened", body.total_bytes]
except FetchError as error:
    found = [type(error).__name__, str(error)]
json.dumps(found)
"""
DROP_IT = "download the file and drop it here"
#: Browsers say on the console what they have not let through.
SAID = (
    "CORS",
    "Cross-Origin",
    "ERR_",
    "Content-Security-Policy",
    "Content Security Policy",
    "Mixed",
    "mixed",
    "Failed to load resource",
)

Ask = Callable[[str, str], list[object]]


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    with FaultServer({"model.gguf": b"weights"}) as faults:
        yield faults


@pytest.fixture
def ask(browser: Browser) -> Iterator[Ask]:
    """Open an address from the notebook page of a site."""
    visitors = []

    def ask(site: str, url: str) -> list[object]:
        visitor = Visitor(open_context(browser), site)
        visitors.append(visitor)
        visitor.allow("request to another origin", *SAID)
        if site.startswith("https:"):
            visitor.context.route(f"{site}/**", serve_folder)
        visitor.open("/test/index.html")
        found: list[object] = Notebook(visitor).run(OPEN, wheel=wheel(), url=url)
        return found

    yield ask
    for visitor in visitors:
        visitor.leave()


FOLDERS = {"test": PROJECT / "tests/e2e/site"}


def serve_folder(route: Route) -> None:
    """An https site without a certificate: the browser never gets as far as the network."""
    path = Path(route.request.url.split("/", 3)[3].split("?")[0])
    file = FOLDERS.get(path.parts[0], PROJECT / "dist" / path.parts[0]).joinpath(*path.parts[1:])
    kind = "application/wasm" if file.suffix == ".wasm" else mimetypes.guess_type(file.name)[0]
    kind = "text/javascript" if file.suffix in (".js", ".mjs") else kind
    route.fulfill(path=file, content_type=kind or "application/octet-stream")


def test_a_server_that_allows_it_is_read(ask: Ask, site: str, faults: FaultServer) -> None:
    assert ask(site, f"{faults.address}/model.gguf") == ["opened", 7]


def test_a_server_that_keeps_other_sites_out_is_named(ask: Ask, site: str, faults: FaultServer) -> None:
    kind, sentence = ask(site, f"{faults.address}/nocors/model.gguf")
    assert kind == "Blocked"
    assert "CORS" in str(sentence)
    assert DROP_IT in str(sentence)


def test_a_redirection_to_such_a_server_too(ask: Ask, site: str, faults: FaultServer) -> None:
    kind, sentence = ask(site, f"{faults.address}/redirect/nocors/model.gguf")
    assert (kind, "CORS" in str(sentence)) == ("Blocked", True)


def test_no_server_is_not_taken_for_a_refusal(ask: Ask, site: str) -> None:
    with FaultServer({}) as gone:
        address = gone.address
    kind, sentence = ask(site, f"{address}/model.gguf")
    assert kind == "Unreachable"
    assert "no answer" in str(sentence)


def test_the_policy_of_the_site_is_named(ask: Ask, site_folder: Path, faults: FaultServer) -> None:
    with serving(site_folder, isolate=False) as host:
        end_headers = host.handler.end_headers

        def with_policy(handler: object) -> None:
            handler.send_header("Content-Security-Policy", "connect-src 'self'")  # type: ignore[attr-defined]
            end_headers(handler)  # type: ignore[arg-type]

        host.handler.end_headers = with_policy  # type: ignore[method-assign, assignment]
        kind, sentence = ask(host.address, f"{faults.address}/model.gguf")
    assert kind == "Blocked"
    assert "content security policy" in str(sentence)
    assert DROP_IT in str(sentence)


def test_an_unencrypted_address_on_an_encrypted_page_is_named(ask: Ask) -> None:
    kind, sentence = ask("https://bitnet.example", "http://models.example/model.gguf")
    assert kind == "Blocked"
    assert "begins with http://" in str(sentence)
    assert DROP_IT in str(sentence)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, "Refused", "the model is private or gated; give an access token"),
        (403, "Refused", "its licence must be accepted there first"),
        (404, "NotFound", "check the address or path"),
        (416, "RangeRefused", "load the model from its beginning"),
        (429, "Busy", "asks for fewer requests"),
        (500, "Busy", "has failed"),
    ],
)
def test_every_status_has_a_sentence(
    ask: Ask, site: str, faults: FaultServer, status: int, kind: str, words: str
) -> None:
    found, sentence = ask(site, f"{faults.address}/status={status},*/model.gguf")
    assert found == kind
    assert words in str(sentence)
