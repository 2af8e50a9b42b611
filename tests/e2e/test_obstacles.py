"""Where the page cannot run it says why, and what helps, in one sentence."""

from __future__ import annotations

from typing import Any

from conftest import DIST, Visit, open_context
from playwright.sync_api import Browser, BrowserType, expect

OLD_ENGINE = "WebAssembly.validate = () => false;"
# Such a browser does not look at the option, and runs the file as a classic script, which cannot import.
OLD_WORKERS = """{
  const RealWorker = window.Worker;
  window.Worker = class extends RealWorker { constructor() { super("data:text/javascript,"); } };
}"""


def test_without_simd_the_page_names_the_way_out(visit: Visit) -> None:
    visitor = visit("/", before=OLD_ENGINE)
    expect(visitor.alert).to_contain_text("no WebAssembly SIMD")
    expect(visitor.alert).to_contain_text("update it")
    expect(visitor.button("Send")).to_be_disabled()
    visitor.wait_until("error")


def test_without_module_workers_the_page_names_the_way_out(visit: Visit) -> None:
    visitor = visit("/", before=OLD_WORKERS)
    visitor.allow("data:text/javascript", "worker-src")
    expect(visitor.alert).to_contain_text("cannot run module workers")
    visitor.wait_until("error")


def test_opened_as_a_file_the_page_names_the_command(visit: Visit) -> None:
    visitor = visit((DIST / "index.html").as_uri())
    expect(visitor.alert).to_contain_text("make run")
    expect(visitor.alert).to_contain_text("python -m http.server")
    visitor.wait_until("error")


def test_with_scripts_off_the_page_says_so(
    browser: Browser,
    browser_name: str,
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    site: str,
) -> None:
    other = None
    if browser_name == "chromium":
        context = open_context(browser, java_script_enabled=False)
    else:  # a stock Firefox knows no such context, but a setting of the whole browser
        other = browser_type.launch(
            **browser_type_launch_args, firefox_user_prefs={"javascript.enabled": False}
        )
        context = other.new_context()
    page = context.new_page()
    page.goto(site)
    # Playwright's roles and texts leave out what stands in <noscript>, and its waiting needs scripts.
    sentence = page.locator("noscript p")
    assert sentence.is_visible()
    assert "allow scripts for this site" in (sentence.text_content() or "")
    assert page.locator("#loading").is_hidden()
    (other or context).close()
