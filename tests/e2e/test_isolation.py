"""A page that more than one core may share: isolated by its host, by the service worker, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import open_context, serving
from playwright.sync_api import Browser, Page, expect
from test_settings import change, field
from visitor import START_MS, Visitor

QUESTION, ANSWER = "What is 8 plus 6?", "8 plus 6 is 14."
NOT_ISOLATED = "1, because this page is not cross-origin isolated"


@pytest.fixture
def browse(browser: Browser) -> Iterator[Browsing]:
    browsing = Browsing(browser)
    yield browsing
    for visitor in browsing.visitors:
        visitor.leave()


class Browsing:
    """Opens addresses of any site, and counts how often the page was loaded."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.visitors: list[Visitor] = []
        self.n_loads = 0

    def open(self, site: str, address: str) -> Visitor:
        visitor = Visitor(open_context(self._browser), site)
        self.visitors.append(visitor)
        visitor.page.on("framenavigated", lambda _: setattr(self, "n_loads", self.n_loads + 1))
        visitor.open(address)
        return visitor


def expect_cores(visitor: Visitor, said: str | re.Pattern[str]) -> None:
    """What the model's card will say."""
    number = visitor.page.locator("#model-facts dt", has_text="CPU cores").locator("+ dd")
    expect(number).to_have_text(said, timeout=START_MS)
    visitor.wait_until("ready")


def is_served_by_worker(page: Page) -> bool:
    return bool(page.evaluate("navigator.serviceWorker.controller !== null"))


def test_a_host_that_isolates_its_pages_needs_no_reload(browse: Browsing, isolated_site: str) -> None:
    visitor = browse.open(isolated_site, "/?ranks=2&temperature=0")
    expect_cores(visitor, "2")
    assert visitor.ask(QUESTION) == ANSWER
    assert browse.n_loads == 1
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    visitor.page.reload()
    expect_cores(visitor, "2")
    assert is_served_by_worker(visitor.page)
    assert browse.n_loads == 2


def test_a_visit_without_a_wish_is_not_disturbed(browse: Browsing, site: str) -> None:
    visitor = browse.open(site, "/?temperature=0")
    expect_cores(visitor, re.compile(NOT_ISOLATED))
    assert visitor.ask(QUESTION) == ANSWER
    assert browse.n_loads == 1
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    visitor.page.reload()
    expect_cores(visitor, re.compile(NOT_ISOLATED))
    assert is_served_by_worker(visitor.page)
    assert browse.n_loads == 2


def test_more_cores_in_the_settings_reload_the_page_once_and_the_conversation_stays(
    browse: Browsing, site: str
) -> None:
    visitor = browse.open(site, "/?temperature=0")
    visitor.wait_until("ready")
    assert visitor.ask(QUESTION) == ANSWER
    visitor.button("Settings").click()
    expect(visitor.page.locator("#about-ranks")).to_contain_text("reloads once")
    with visitor.page.expect_event("framenavigated", timeout=START_MS):
        change(visitor, "CPU cores", "2")
    expect_cores(visitor, "2")
    assert visitor.texts()[-1] == ANSWER
    assert browse.n_loads == 2

    visitor.page.reload()  # isolated from the beginning
    expect_cores(visitor, "2")
    assert visitor.ask("And what is 2 plus 3?")
    assert browse.n_loads == 3

    visitor.button("Settings").click()
    change(visitor, "CPU cores", "1")
    visitor.page.keyboard.press("Escape")
    expect_cores(visitor, "1")
    visitor.page.reload()
    expect_cores(visitor, "1")
    assert visitor.texts()[0] == QUESTION


def test_a_host_that_begins_to_isolate_its_pages_is_left_alone(browse: Browsing, site_folder: Path) -> None:
    with serving(site_folder, isolate=False) as host:
        visitor = browse.open(host.address, "/?ranks=2&temperature=0")
        expect_cores(visitor, "2")
        assert is_served_by_worker(visitor.page)
        host.handler.isolate = True
        visitor.page.reload()
        expect_cores(visitor, "2")
        visitor.page.reload()
        expect_cores(visitor, "2")
        assert browse.n_loads == 4


def test_the_address_may_ask_for_cores(browse: Browsing, site: str) -> None:
    visitor = browse.open(site, "/deep/er/?ranks=2&temperature=0")
    visitor.wait_until("ready")
    expect_cores(visitor, "2")
    assert browse.n_loads == 2
    assert visitor.ask(QUESTION) == ANSWER


def test_a_page_that_cannot_be_isolated_is_reloaded_once_and_says_why(browse: Browsing, site: str) -> None:
    visitor = browse.open(site, "/powerless/?ranks=2&temperature=0")
    expect_cores(visitor, re.compile(NOT_ISOLATED))
    assert browse.n_loads == 2
    visitor.button("Settings").click()
    change(visitor, "CPU cores", "3")
    expect(visitor.alert).to_contain_text("Only one core can be used, because this page is not")
    expect(field(visitor, "CPU cores")).to_have_value("3")
    visitor.page.keyboard.press("Escape")
    assert visitor.ask(QUESTION) == ANSWER
    visitor.page.reload()
    expect_cores(visitor, re.compile(NOT_ISOLATED))
    assert browse.n_loads == 3


def test_a_service_worker_that_never_starts_is_not_waited_for_forever(browse: Browsing, site: str) -> None:
    visitor = browse.open(site, "/stuck/?ranks=2&temperature=0")
    expect_cores(visitor, re.compile(NOT_ISOLATED))
    assert browse.n_loads == 1
    assert visitor.ask(QUESTION) == ANSWER


def test_other_pages_of_the_site_stay_as_they_are(browse: Browsing, site: str) -> None:
    visitor = browse.open(site, "/?ranks=2&temperature=0")
    expect_cores(visitor, "2")
    visitor.open("/test/exchange.html")
    assert visitor.page.evaluate("crossOriginIsolated") is False


def test_inside_another_page_one_core_answers(browse: Browsing, site: str) -> None:
    visitor = browse.open(site, "/test/frame.html")
    chat = visitor.page.frame_locator("iframe")
    expect(chat.locator("html")).to_have_attribute("data-state", "ready", timeout=START_MS)
    chat.get_by_role("textbox", name="Message").fill(QUESTION)
    chat.get_by_role("button", name="Send").click()
    expect(chat.get_by_role("log")).to_contain_text(ANSWER)
    chat.get_by_role("button", name="Models").click()
    expect(chat.locator("#model-facts")).to_contain_text(NOT_ISOLATED)


def test_another_number_of_cores_goes_on_with_the_conversation(browse: Browsing, isolated_site: str) -> None:
    visitor = browse.open(isolated_site, "/?ranks=3&temperature=0")
    visitor.wait_until("ready")
    assert visitor.ask(QUESTION) == ANSWER
    visitor.button("Settings").click()
    field(visitor, "CPU cores").press("ControlOrMeta+a")
    field(visitor, "CPU cores").press("Delete")
    field(visitor, "CPU cores").press("Tab")
    visitor.page.keyboard.press("Escape")
    expect_cores(visitor, re.compile("1, because .* of this size faster"))
    assert visitor.texts()[-1] == ANSWER
    assert visitor.ask("Tell me a joke.")
    assert browse.n_loads == 1


def test_a_core_that_is_lost_is_one_sentence_and_the_model_can_be_opened_again(
    browse: Browsing, isolated_site: str, browser_name: str
) -> None:
    if browser_name != "chromium":
        pytest.skip(
            "Playwright cannot reach the workers of a stock Firefox; test_ranks.py ends one from within"
        )
    visitor = browse.open(isolated_site, "/?ranks=2&temperature=0")
    visitor.wait_until("ready")
    rank = next(worker for worker in visitor.page.workers if worker.url.endswith("/rank.js"))
    rank.evaluate("close()")
    visitor.send(QUESTION)
    expect(visitor.alert).to_contain_text(
        "Rank 1 of 2 has not answered for 10 seconds: open the model again.", timeout=START_MS
    )
    expect(visitor.message).to_have_value(QUESTION)
    visitor.button("Models").click()
    visitor.page.get_by_role("button", name=re.compile("^Open BitNet")).first.click()
    expect(visitor.alert).to_have_count(0)
    visitor.wait_until("ready")
    assert visitor.ask(QUESTION) == ANSWER
