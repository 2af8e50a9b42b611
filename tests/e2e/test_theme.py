"""The theme: the system's, or the one that was chosen on this device, from the first paint on."""

from __future__ import annotations

import pytest
from conftest import Visit
from playwright.sync_api import Page, expect
from visitor import Visitor

LIGHT, DARK = "rgb(250, 249, 246)", "rgb(22, 24, 23)"


def choose(visitor: Visitor, theme: str) -> None:
    visitor.button("Settings").click()
    visitor.page.get_by_label("Theme").select_option(theme)
    visitor.page.keyboard.press("Escape")


def expect_ground(page: Page, color: str) -> None:
    expect(page.locator("body")).to_have_css("background-color", color)


def test_a_chosen_theme_stays_and_other_tabs_follow(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    expect_ground(visitor.page, LIGHT)
    choose(visitor, "Dark")
    expect_ground(visitor.page, DARK)
    other = Visitor(visitor.context, visitor.site)
    other.open("/")
    expect_ground(other.page, DARK)
    expect(other.page.locator("#theme")).to_have_value("dark")
    choose(other, "System")
    expect_ground(visitor.page, LIGHT)
    expect(visitor.page.locator("#theme")).to_have_value("")
    other.check()


def test_the_theme_is_there_before_the_page_is_seen(visit: Visit) -> None:
    visitor = visit("/")
    choose(visitor, "Dark")
    visitor.page.route("**/start.js", lambda route: route.abort())  # all that comes after the first paint
    visitor.page.reload()
    visitor.allow("start.js", "net::ERR_FAILED")
    expect_ground(visitor.page, DARK)


def test_a_light_page_may_be_chosen_on_a_dark_system(visit: Visit, browser_name: str) -> None:
    if browser_name == "firefox":
        pytest.skip("Playwright cannot ask a stock Firefox for dark pages")
    visitor = visit("/", color_scheme="dark")
    expect_ground(visitor.page, DARK)
    choose(visitor, "Light")
    expect_ground(visitor.page, LIGHT)
