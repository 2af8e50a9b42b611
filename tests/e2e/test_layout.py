"""How it looks: nothing is cut off on a phone; pictures of every state are in build/screenshots/."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT, Visit
from playwright.sync_api import Page, expect
from visitor import ANSWER_MS

SCREENSHOTS = PROJECT / "build/screenshots"
STORY = "Tell me a short story about a rabbit named Momo who finds a shiny key."
PHONE = {"width": 360, "height": 640}

OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

# A button that has just been enabled fades to its colour. The writing mark, which has no end, may go on.
TRANSITIONS_END = """() => Promise.all(
  document.getAnimations()
    .filter((each) => each instanceof CSSTransition)
    .map((each) => each.finished.catch(() => {}))
).then(() => {})"""

# The lowest contrast of any visible text against the first opaque ground behind it, by WCAG 2's formula.
LEAST_CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  let least = [21, ""];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest(":disabled")) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(element).color)), luminance(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < least[0]) least = [contrast, texts.currentNode.data.trim()];
  }
  return least;
}"""


def look(page: Page, name: str, browser_name: str) -> None:
    """Take a picture; nothing may stick out sideways, and every text must be legible."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.evaluate(TRANSITIONS_END)
    page.screenshot(path=Path(SCREENSHOTS) / f"{browser_name}-{name}.png", caret="initial")
    assert page.evaluate(OVERFLOW) <= 0, f"{name} scrolls sideways"
    contrast, text = page.evaluate(LEAST_CONTRAST)
    assert contrast >= 4.5, f"{name}: {text!r} has a contrast of {contrast:.2f}"


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_state_fits_and_is_legible(visit: Visit, browser_name: str, size: str, theme: str) -> None:
    if theme == "dark" and browser_name == "firefox":
        pytest.skip("Playwright cannot ask a stock Firefox for dark pages")
    visitor = visit("/?seed=3", **({"color_scheme": theme} if browser_name == "chromium" else {}))
    # Firefox's pictures are taken with a style of Playwright's own, which the page's policy refuses.
    visitor.allow("inline style")
    page = visitor.page
    if size == "phone":
        page.set_viewport_size(PHONE)
    visitor.wait_until("ready")
    look(page, f"{size}-{theme}-1-empty", browser_name)
    visitor.ask("Hello!")
    visitor.ask(STORY)
    look(page, f"{size}-{theme}-2-chat", browser_name)
    visitor.log.get_by_role("button", name="Show tokens").last.click()
    expect(page.locator(".tokens > .muted")).to_be_empty(timeout=ANSWER_MS)
    page.locator(".token").nth(5).click()
    expect(page.get_by_role("dialog")).to_be_in_viewport(ratio=1)
    look(page, f"{size}-{theme}-2-tokens", browser_name)
    page.keyboard.press("Escape")
    visitor.button("Models").click()
    look(page, f"{size}-{theme}-3-models", browser_name)
    page.keyboard.press("Escape")
    visitor.button("Settings").click()
    look(page, f"{size}-{theme}-4-settings", browser_name)
    page.keyboard.press("Escape")
    visitor.button("Keyboard shortcuts").click()
    look(page, f"{size}-{theme}-6-shortcuts", browser_name)
    page.keyboard.press("Escape")
    visitor.load_url("ftp://example.org/model.gguf")
    expect(visitor.alert).to_be_visible()
    look(page, f"{size}-{theme}-5-alert", browser_name)


def test_everything_can_be_reached_on_a_small_phone_with_its_keyboard_up(visit: Visit) -> None:
    visitor = visit("/")
    visitor.page.set_viewport_size({"width": 320, "height": 300})
    visitor.wait_until("ready")
    visitor.ask("Tell me a joke.")
    assert visitor.page.evaluate(OVERFLOW) <= 0
    for control in (visitor.message, visitor.button("Send"), visitor.button("New chat"), visitor.answer):
        expect(control).to_be_in_viewport()


def test_reduced_motion_is_respected(visit: Visit, browser_name: str) -> None:
    if browser_name == "firefox":
        pytest.skip("Playwright cannot ask a stock Firefox for reduced motion")
    visitor = visit("/", reduced_motion="reduce")
    visitor.wait_until("ready")
    visitor.send(STORY)
    expect(visitor.answer).to_have_attribute("aria-busy", "true")
    cursor = "element => getComputedStyle(element, '::after').animationName"
    assert visitor.answer.evaluate(cursor) == "none"
    visitor.wait_for_answer()
