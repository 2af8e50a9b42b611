"""The memory of the page's tab in a browser that nothing drives.

What drives a browser keeps copies of what it loads, tens of megabytes that no visitor's tab has. So alone.js
uses the page, and tells through the server how far it has come.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from typing import Any

import browsers
from places import CHROMIUM_ARGUMENTS
from processes import PeakMemory

STEPS = ("loaded", "full")
PATIENCE_S = 300
EVERY_S = 0.1
QUERY = "context={context}&ranks=1&max_tokens=8&temperature=0&model=full/{model}.gguf"
OPTIONS = {
    "chromium": [*CHROMIUM_ARGUMENTS, "--no-first-run", "--user-data-dir={profile}"],
    "firefox": ["--headless", "--no-remote", "--profile", "{profile}"],
}


def measure(name: str, site: str, asked: list[str], model: str, context: int) -> dict[str, Any]:
    """The most that the tab has had up to each step, on one core and with *context* positions in all."""
    asked.clear()
    figures = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, PeakMemory() as peak:
        options = [option.format(profile=profile) for option in OPTIONS[name]]
        address = f"{site}/bench/alone.html?{QUERY.format(context=context, model=model)}"
        program = browsers.find(name)
        assert program
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        browser = subprocess.Popen([program, *options, address], **silent)  # type: ignore[call-overload]
        try:
            for step in STEPS:
                wait_for(f"/bench/said/{step}", asked)
                figures[f"page_{step}_bytes"] = peak.n_bytes
        finally:
            browser.terminate()
            browser.wait()
    return figures


def wait_for(path: str, asked: list[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while path not in asked:
        if time.monotonic() > end:
            raise RuntimeError(
                f"The page has not asked for {path} in {PATIENCE_S} s: open alone.html and look."
            )
        time.sleep(EVERY_S)
