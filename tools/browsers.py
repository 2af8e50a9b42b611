"""Where the browsers are that the tests drive.

    python tools/browsers.py [--install]     prints shell lines: export CHROMIUM=... FIREFOX=...

In order: $CHROMIUM and $FIREFOX, the system's, Playwright's own. With --install, what is missing is
installed on Debian as root; anywhere else one sentence says how to get it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "firefox": ("firefox-esr", "firefox")}
DEBIAN_PACKAGES = {"chromium": "chromium", "firefox": "firefox-esr"}
HINT = (
    "install it (Debian: apt-get install chromium firefox-esr; "
    "elsewhere: .venv/bin/playwright install chromium firefox)"
)


def find(browser: str) -> str | None:
    """The program of "chromium" or "firefox", or None.

    Raises:
        FileNotFoundError: The environment names a program that is not there.
    """
    named = os.environ.get(variable := browser.upper())
    if named:
        if found := shutil.which(named):
            return found
        raise FileNotFoundError(f"{variable}={named} is no program: set it to the browser, or unset it")
    return next((found for name in NAMES[browser] if (found := shutil.which(name))), None) or playwrights_own(
        browser
    )


def playwrights_own(browser: str) -> str | None:
    """The browser that `playwright install` has fetched, or None."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(getattr(playwright, browser).executable_path)
    return str(path) if path.is_file() else None


def install(browsers: list[str]) -> None:
    """Install *browsers* with apt-get where nobody has to be asked; a download is tried twice more."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    packages = ["fonts-dejavu-core", *(DEBIAN_PACKAGES[browser] for browser in browsers)]
    print(f"installing {', '.join(packages)} with apt-get", file=sys.stderr)
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(
            ["apt-get", "-q", "-o", "Acquire::Retries=2", *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=False,
        )


def main() -> None:
    try:
        missing = [browser for browser in NAMES if find(browser) is None]
        if missing and "--install" in sys.argv[1:]:
            install(missing)
        found = {browser: find(browser) for browser in NAMES}
    except FileNotFoundError as error:
        sys.exit(str(error))
    if absent := [browser for browser, path in found.items() if path is None]:
        sys.exit(f"the tests need {' and '.join(absent)}, which this machine does not have: {HINT}")
    print("export", *(f"{browser.upper()}={shlex.quote(str(path))}" for browser, path in found.items()))


if __name__ == "__main__":
    main()
