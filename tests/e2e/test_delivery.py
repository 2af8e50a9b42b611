"""Models from other servers: asked about, paused, broken off, continued, kept, verified, deleted."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import DIST, PROJECT, Visit
from playwright.sync_api import BrowserType, Error, Locator, Route, expect
from test_layout import PHONE, look
from visitor import START_MS, Visitor

sys.path.insert(0, str(PROJECT / "tests"))
sys.path.insert(0, str(PROJECT / "tools"))

import processes
from fault_server import FaultServer

#: More than what is downloaded without a question. Behind its tensors the file goes on, as files may.
LARGE_BYTES = 60_000_000
HALF_WAY = LARGE_BYTES * 2 // 5
RATE = 12_000_000  # bytes a second: slow enough to be seen
CHUNK_BYTES = 8 << 20
IN_USE = "BitNet b1.58 Tiny Tales 40M is still in use."


@pytest.fixture(scope="session")
def large() -> bytes:
    model = (DIST / "models/tiny-tales/bitnet-tiny-i2_s.gguf").read_bytes()
    return model + bytes(LARGE_BYTES - len(model))


@pytest.fixture
def server(large: bytes) -> Iterator[FaultServer]:
    with FaultServer({"large.gguf": large, "tiny.gguf": large[:15_028_096]}) as server:
        yield server


@pytest.fixture
def guest(visit: Visit, server: FaultServer) -> Visitor:
    """Somebody with the small model in use, who may ask for files of the fault server."""
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.allow(server.address, server.other)
    return visitor


def review(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("dialog", name=re.compile("^Download"))


def begin(visitor: Visitor, address: str) -> None:
    """Ask for a large model, and agree to the download."""
    visitor.load_url(address)
    review(visitor).get_by_role("button", name="Download").click()
    expect(review(visitor)).to_be_hidden()


def loading(visitor: Visitor) -> Locator:
    return visitor.page.locator("#loading-text")


def assert_answers(visitor: Visitor) -> None:
    """The large model is in use, and right."""
    visitor.wait_until("ready")
    visitor.button("Models").click()
    expect(visitor.page.locator("#model-facts")).to_contain_text("60.0 MB")
    visitor.page.keyboard.press("Escape")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."


def begins(server: FaultServer) -> list[int | None]:
    """Where each request for the large file began."""
    gets = [request for request in server.requests if request.method == "GET" and "large" in request.path]
    return [request.begin for request in gets]


# ---- Before and during a download ----


def test_a_large_model_is_reported_before_it_is_downloaded(guest: Visitor, server: FaultServer) -> None:
    guest.load_url(f"{server.address}/rate={RATE}/large.gguf")
    dialog = review(guest)
    expect(dialog).to_contain_text("60.0 MB")
    expect(dialog).to_contain_text("bitnet-b1.58")
    expect(dialog).to_contain_text("tokens")
    expect(dialog).to_contain_text(urlsplit(server.address).netloc)
    expect(dialog.get_by_role("button", name="Download")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    guest.wait_until("ready")
    expect(guest.alert).to_have_count(0)
    assert guest.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    guest.button("Models").click()
    expect(guest.page.locator("#stored")).not_to_contain_text("large.gguf")


def test_escape_declines_a_download(guest: Visitor, server: FaultServer) -> None:
    guest.load_url(f"{server.address}/rate={RATE}/large.gguf")
    expect(review(guest)).to_be_visible()
    guest.page.keyboard.press("Escape")
    expect(review(guest)).to_be_hidden()
    guest.wait_until("ready")


def test_a_small_model_is_opened_at_once(guest: Visitor, server: FaultServer) -> None:
    guest.load_url(f"{server.address}/tiny.gguf")
    guest.wait_until("ready")
    assert guest.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    expect(review(guest)).to_be_hidden()


def test_the_chat_goes_on_while_a_model_comes(guest: Visitor, server: FaultServer) -> None:
    begin(guest, f"{server.address}/rate={RATE // 2}/large.gguf")
    expect(loading(guest)).to_contain_text(re.compile(r"MB/s · \d+ s left"))
    guest.send("What is 8 plus 6?")
    expect(guest.answer).to_have_attribute("aria-busy", "false", timeout=START_MS)
    assert guest.answer.inner_text() == "8 plus 6 is 14."
    expect(guest.root).to_have_attribute("data-state", "loading")
    assert_answers(guest)


def test_a_download_is_paused_and_goes_on(guest: Visitor, server: FaultServer) -> None:
    begin(guest, f"{server.address}/rate={RATE}/large.gguf")
    guest.button("Pause").click()
    expect(loading(guest)).to_contain_text("· paused")
    n_requests = len(begins(server))
    guest.button("Continue").click()
    assert_answers(guest)
    assert len(begins(server)) > n_requests
    assert begins(server)[-1], "it must not begin anew"


def test_a_server_that_limits_each_connection_gets_several(
    guest: Visitor, server: FaultServer, large: bytes
) -> None:
    server.files["large.gguf"] = large + bytes(LARGE_BYTES)
    begin(guest, f"{server.address}/rate={RATE // 4}/large.gguf")
    guest.wait_until("ready")
    assert guest.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    ends = [request.end for request in server.requests if request.end is not None]
    assert ends[-1] == 2 * LARGE_BYTES
    assert len(ends) > 10, "most of the file comes in parts"


def test_a_lost_connection_is_said_and_the_download_goes_on(guest: Visitor, server: FaultServer) -> None:
    guest.allow("ERR_")
    begin(guest, f"{server.address}/drop={HALF_WAY},0,0/large.gguf")
    expect(loading(guest)).to_contain_text(re.compile(r"connection lost: trying again in \d s"))
    assert_answers(guest)
    assert not any(begin in (None, 0) for begin in begins(server)[1:]), "it must not begin anew"


def test_a_server_that_gives_no_parts_is_read_again(guest: Visitor, server: FaultServer) -> None:
    guest.allow("ERR_")
    begin(guest, f"{server.address}/norange/drop={HALF_WAY}/large.gguf")
    assert_answers(guest)


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(
    guest: Visitor, server: FaultServer
) -> None:
    guest.allow("ERR_")
    begin(guest, f"{server.address}/rate={RATE}/drop={HALF_WAY}/change=2/large.gguf")
    expect(guest.page.locator("#loading-remark")).to_contain_text("has changed", timeout=START_MS)
    assert_answers(guest)


def test_a_cancelled_download_says_what_is_kept(guest: Visitor, server: FaultServer) -> None:
    begin(guest, f"{server.address}/rate={RATE // 2}/large.gguf")
    expect(loading(guest)).to_contain_text(re.compile(r"[23]\d\.\d MB of"), timeout=START_MS)
    guest.button("Cancel").click()
    notice = guest.page.locator("#status")
    expect(notice).to_contain_text(re.compile(r"\d\d\.\d MB of 60\.0 MB are here"))
    guest.wait_until("ready")
    notice.get_by_role("button", name="Continue").click()
    guest.wait_until("loading")
    assert_answers(guest)
    assert begins(server)[-1], "it must not begin anew"


# ---- What is stored ----


def stored(visitor: Visitor, text: str = "large.gguf") -> Locator:
    """The large model among those that are stored, in the dialog, which this opens."""
    visitor.button("Models").click()
    return visitor.page.locator("#stored > li", has_text=text)


def test_a_stored_model_is_exported_and_deleted(
    guest: Visitor, server: FaultServer, large: bytes, browser_name: str
) -> None:
    begin(guest, f"{server.address}/large.gguf")
    assert_answers(guest)
    card = stored(guest)
    expect(card).to_contain_text("60.0 MB")
    expect(card).to_contain_text("used today")
    if browser_name == "chromium":  # Playwright sees no downloads of a stock Firefox
        with guest.page.expect_download() as download:
            card.get_by_role("button", name="Export large.gguf").click()
        assert download.value.suggested_filename == "large.gguf"
        assert download.value.path().read_bytes() == large
    card.get_by_role("button", name="Delete large.gguf").click()
    keep = card.get_by_role("button", name="Keep large.gguf")
    expect(keep).to_be_focused()
    keep.press("Enter")
    expect(card.get_by_role("button", name="Delete large.gguf", exact=True)).to_be_focused()
    guest.page.keyboard.press("Enter")
    card.get_by_role("button", name="Delete large.gguf now").click()
    expect(card).to_have_count(0)
    guest.page.keyboard.press("Escape")
    assert guest.ask("What is 8 plus 6?") == "8 plus 6 is 14.", "what is in memory stays"


def test_a_reload_opens_the_stored_model_that_was_in_use(guest: Visitor, server: FaultServer) -> None:
    begin(guest, f"{server.address}/large.gguf")
    assert_answers(guest)
    n_requests = len(begins(server))
    guest.page.reload()
    assert_answers(guest)
    assert len(begins(server)) == n_requests


def test_a_model_of_the_hub_is_verified(guest: Visitor, server: FaultServer, large: bytes) -> None:
    server.repositories["maker/large"] = {"large.gguf": large}
    imitate_the_hub(guest, server)
    begin(guest, "maker/large")
    assert_answers(guest)
    guest.button("Models").click()
    expect(guest.page.locator("#stored")).to_contain_text("· verified", timeout=START_MS)


def test_a_file_with_another_hash_is_an_alert(guest: Visitor, server: FaultServer, large: bytes) -> None:
    wrong = bytearray(large)
    wrong[-1] = 1
    server.repositories["maker/large"] = {"large.gguf": large}
    imitate_the_hub(guest, server, {hashlib.sha256(large).hexdigest(): hashlib.sha256(wrong).hexdigest()})
    begin(guest, "maker/large")
    expect(guest.alert).to_contain_text("its SHA-256 is another one", timeout=START_MS)
    guest.alert.get_by_role("button", name="Show the models").click()
    expect(guest.page.locator("#stored")).to_contain_text("damaged")


#: Bytes of the large stored file become others.
DAMAGE = """async (begin) => {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("bitnet-tab");
  for await (const handle of folder.values()) {
    if ((await handle.getFile()).size !== 60_000_000) continue;
    const stream = await handle.createWritable({ keepExistingData: true });
    await stream.write({ type: "write", position: begin, data: "damage" });
    await stream.close();
  }
}"""


def test_a_damaged_stored_model_is_not_fetched_by_a_reload_and_is_repaired_when_asked_for(
    guest: Visitor, server: FaultServer, large: bytes
) -> None:
    server.repositories["maker/large"] = {"large.gguf": large}
    imitate_the_hub(guest, server, options="rate=100000000")
    begin(guest, "maker/large")
    assert_answers(guest)
    card = stored(guest, "60.0 MB")
    expect(card).to_contain_text("· verified", timeout=START_MS)
    guest.page.evaluate(DAMAGE, CHUNK_BYTES + 1000)
    card.get_by_role("button", name="Verify").click()
    expect(guest.alert).to_contain_text("repair it, or delete it", timeout=START_MS)
    expect(card).to_contain_text("damaged")
    n_requests, n_asked = len(begins(server)), len(guest.requests)

    guest.page.reload()
    guest.wait_until("ready")
    expect(guest.page.locator("#model-name")).to_contain_text("Tiny Tales")
    notice = guest.page.locator("#status")
    expect(notice).to_contain_text("is damaged and not used")
    assert len(begins(server)) == n_requests
    assert not any("huggingface" in url for url in guest.requests[n_asked:])

    notice.get_by_role("button", name="Repair").click()
    expect(notice).to_contain_text("is repaired: 8.4 MB were fetched again", timeout=START_MS)
    assert set(begins(server)[n_requests:]) == {CHUNK_BYTES}, "the bad chunk alone"
    n_requests = len(begins(server))
    card = stored(guest, "60.0 MB")
    expect(card).to_contain_text("· verified")
    card.get_by_role("button", name="Open stored").click()
    assert_answers(guest)
    assert len(begins(server)) == n_requests


def test_a_second_tab_waits_for_the_download_of_the_first_and_takes_what_it_has_stored(
    guest: Visitor, server: FaultServer
) -> None:
    address = f"{server.address}/stall={HALF_WAY}/large.gguf"
    begin(guest, address)
    expect(guest.button("Pause")).to_be_visible(timeout=START_MS)
    other = Visitor(guest.context, guest.site)
    other.allow(server.address)
    other.open("/?temperature=0")
    other.wait_until("ready")
    other.load_url(address)
    expect(loading(other)).to_contain_text("another tab is fetching it")
    guest.page.bring_to_front()
    guest.button("Pause").click()
    guest.button("Continue").click()
    assert_answers(guest)
    other.page.bring_to_front()
    assert_answers(other)
    other.check()
    assert len(begins(server)) == 2, "the first tab has asked for the beginning and for the rest"


#: Counts how often the page asks, and lets the browser answer.
NOTE_PERSIST = """
if (navigator.storage) { // an empty page has none
  window.asked = 0;
  const persist = navigator.storage.persist.bind(navigator.storage);
  navigator.storage.persist = () => (window.asked++, persist());
}
"""


def test_the_browser_is_asked_to_keep_the_storage_when_a_download_is_agreed_to(
    visit: Visit, server: FaultServer
) -> None:
    visitor = visit("/?temperature=0", before=NOTE_PERSIST)
    visitor.allow(server.address)
    visitor.wait_until("ready")
    assert visitor.page.evaluate("window.asked") == 0
    begin(visitor, f"{server.address}/large.gguf")
    assert_answers(visitor)
    assert visitor.page.evaluate("window.asked") == 1


@pytest.fixture
def home(
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    tmp_path: Path,
    site: str,
    server: FaultServer,
) -> Iterator[Callable[[], Visitor]]:
    """Opens a browser whose storage outlives it, again and again."""
    visitors: list[Visitor] = []

    def open_browser() -> Visitor:
        context = browser_type.launch_persistent_context(tmp_path, **browser_type_launch_args)
        visitor = Visitor(context, site)
        visitor.allow(server.address, server.other)
        visitors.append(visitor)
        return visitor

    yield open_browser
    for visitor in visitors:
        with suppress(Error):  # it may have ended
            visitor.context.close()


@pytest.mark.parametrize("end", ["its browser was closed", "its tab was killed"])
def test_a_download_goes_on_after_it_was_cut_off_is_verified_and_then_needs_no_network(
    home: Callable[[], Visitor], server: FaultServer, large: bytes, end: str
) -> None:
    server.repositories["maker/large"] = {"large.gguf": large}
    tabs_before = set(processes.tabs())
    visitor = home()
    imitate_the_hub(visitor, server, options=f"rate={RATE // 3}")
    visitor.open("/?temperature=0")
    visitor.wait_until("ready")
    begin(visitor, "maker/large")
    expect(loading(visitor)).to_contain_text(re.compile(r"(2[5-9]|3\d)\.\d MB of"), timeout=START_MS)
    if end == "its tab was killed":
        for pid in set(processes.tabs()) - tabs_before:
            os.kill(pid, signal.SIGKILL)
    with suppress(Error):  # Playwright has told Firefox to end with a tab that was killed
        visitor.context.close()
    visitor = home()
    imitate_the_hub(visitor, server, options=f"rate={RATE}")
    visitor.open("/?temperature=0")
    notice = visitor.page.locator("#status")
    expect(notice).to_contain_text(re.compile(r"\d\d\.\d MB of 60\.0 MB are here"), timeout=START_MS)
    notice.get_by_role("button", name="Continue").click()
    assert_answers(visitor)
    assert (begins(server)[-1] or 0) >= 16 << 20, "it must not begin anew"
    expect(stored(visitor, "60.0 MB")).to_contain_text("· verified", timeout=START_MS)
    visitor.page.keyboard.press("Escape")

    visitor.context.unroute_all()
    visitor.allow("ERR_INTERNET_DISCONNECTED", "NetworkError", "offline")
    visitor.context.set_offline(True)
    visitor.page.reload()
    visitor.wait_until("ready")
    visitor.begin_anew()
    stored(visitor, "60.0 MB").get_by_role("button", name="Open stored").click()
    assert_answers(visitor)


def test_a_storage_that_is_full_keeps_what_it_has_and_the_model_comes_all_the_same(
    home: Callable[[], Visitor], server: FaultServer, browser_name: str
) -> None:
    if browser_name == "firefox":
        pytest.skip("nobody can tell a stock Firefox how much a site may store")
    visitor = home()
    visitor.open("/?temperature=0")
    visitor.wait_until("ready")
    devtools = visitor.context.new_cdp_session(visitor.page)
    begin(visitor, f"{server.address}/rate={RATE // 2}/large.gguf")
    expect(loading(visitor)).to_contain_text(re.compile(r"2\d\.\d MB of"), timeout=START_MS)
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": visitor.site, "quotaSize": 30_000_000})
    expect(visitor.page.locator("#loading-remark")).to_contain_text("but not stored", timeout=START_MS)
    assert_answers(visitor)
    card = stored(visitor)
    expect(card).to_contain_text(re.compile(r"\d\d\.\d MB of 60\.0 MB"))
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": visitor.site})
    card.get_by_role("button", name="Continue").click()
    expect(visitor.page.get_by_role("dialog", name="Models")).to_be_hidden()
    assert_answers(visitor)
    expect(stored(visitor, "60.0 MB")).not_to_contain_text("are here")


# ---- How it looks ----


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_state_of_a_download_fits_and_is_legible(
    visit: Visit, server: FaultServer, browser_name: str, size: str, theme: str
) -> None:
    if theme == "dark" and browser_name == "firefox":
        pytest.skip("Playwright cannot ask a stock Firefox for dark pages")
    visitor = visit("/?seed=3", **({"color_scheme": theme} if browser_name == "chromium" else {}))
    visitor.allow(server.address, "inline style")
    page, name = visitor.page, f"{size}-{theme}-delivery"
    if size == "phone":
        page.set_viewport_size(PHONE)
    visitor.wait_until("ready")
    visitor.load_url(f"{server.address}/rate={RATE}/large.gguf")
    expect(review(visitor)).to_be_visible()
    look(page, f"{name}-1-report", browser_name)
    review(visitor).get_by_role("button", name="Download").click()
    expect(loading(visitor)).to_contain_text("left")
    look(page, f"{name}-2-download", browser_name)
    visitor.button("Pause").click()
    expect(loading(visitor)).to_contain_text("paused")
    look(page, f"{name}-3-paused", browser_name)
    visitor.button("Cancel").click()
    expect(page.locator("#status")).to_be_visible()
    look(page, f"{name}-4-cancelled", browser_name)
    card = stored(visitor)
    expect(card).to_be_visible()
    look(page, f"{name}-5-stored", browser_name)
    card.get_by_role("button", name="Delete large.gguf").click()
    look(page, f"{name}-6-delete", browser_name)


# ---- Repositories ----


def test_a_repository_with_several_models_is_a_choice(guest: Visitor, server: FaultServer) -> None:
    tiny = server.files["tiny.gguf"]
    server.repositories["maker/models"] = {"a.gguf": tiny, "b-I2_S.gguf": tiny, "README.md": b"# Models"}
    imitate_the_hub(guest, server)
    guest.load_url("maker/models")
    dialog = guest.page.get_by_role("dialog", name="models")
    expect(dialog).to_contain_text("There are several models here")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    dialog.get_by_role("button", name="Choose b-I2_S.gguf").click()
    guest.wait_until("ready")
    expect(guest.alert).to_have_count(0)
    assert guest.ask("What is 8 plus 6?") == "8 plus 6 is 14."


def test_a_private_repository_asks_for_a_token(guest: Visitor, server: FaultServer) -> None:
    guest.allow("401")
    server.repositories["maker/secret"] = {"a.gguf": server.files["tiny.gguf"]}
    server.tokens["maker/secret"] = "hf_friend"
    imitate_the_hub(guest, server)
    guest.load_url("maker/secret")
    expect(guest.alert).to_contain_text("access token")
    guest.button("Models").click()
    guest.page.get_by_text("It needs an access token").click()
    guest.page.get_by_label("Access token of Hugging Face").fill("hf_friend")
    guest.page.get_by_label("URL of a GGUF file").press("Enter")
    guest.wait_until("ready")
    expect(guest.alert).to_have_count(0)


def imitate_the_hub(
    visitor: Visitor,
    server: FaultServer,
    hashes: Mapping[str, str] | None = None,
    *,
    options: str = "",
) -> None:
    """Have the fault server answer in the place of Hugging Face.

    Args:
        hashes: Of a file that has the one, the other is published.
        options: How the fault server gives the large file.
    """
    visitor.allow("huggingface.co")

    def answer(route: Route) -> None:
        place = urlsplit(route.request.url)
        response = route.fetch(url=f"{server.address}{place.path}?{place.query}", max_redirects=0)
        if response.status == 302 and options:
            there = f"{server.address}/{options}/large.gguf"
            route.fulfill(response=response, headers={**response.headers, "location": there})
            return
        body = response.body()
        for true, published in (hashes or {}).items():
            body = body.replace(true.encode(), published.encode())
        route.fulfill(response=response, body=body)

    visitor.context.route("**://huggingface.co/**", answer)
