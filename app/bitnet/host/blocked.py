"""Why a fetch has failed: browsers throw one TypeError for a lost network and for what they do not allow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from bitnet.errors import Blocked, FetchError, Unreachable

#: Browsers report a breach of the policy beside the failure, a moment sooner or later.
REPORT_S = 0.05
TRUSTED_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@contextmanager
def watched_policy() -> Iterator[list[str]]:
    """The addresses that a content security policy has not let through inside the block."""
    seen: list[str] = []
    if not hasattr(js, "addEventListener"):  # Node has no policy
        yield seen
        return

    def note(event: Any) -> None:
        if event.effectiveDirective == "connect-src":
            seen.append(str(event.blockedURI))

    proxy = create_proxy(note)
    js.addEventListener("securitypolicyviolation", proxy)
    try:
        yield seen
    finally:
        js.removeEventListener("securitypolicyviolation", proxy)
        proxy.destroy()


async def failure(url: str, error: JsException, seen: list[str]) -> FetchError:
    """What to say of a fetch of *url* that has failed, when *seen* is what ``watched_policy`` gave."""
    here = str(getattr(js, "origin", ""))  # Node has none
    target = js.URL.new(url)
    unencrypted = target.protocol == "http:" and target.hostname not in TRUSTED_HOSTS
    if unencrypted and here.startswith("https:"):
        return Blocked(url, "its address begins with http:// and that of this page with https://")
    if target.origin == here or target.protocol not in ("http:", "https:"):
        return Unreachable(url, reason(error))
    await asyncio.sleep(REPORT_S)
    if seen:
        return Blocked(url, "the content security policy of this site does not list its server")
    if await _answers(url):
        return Blocked(url, "its server does not let pages of other sites read it (CORS)")
    return Unreachable(url, "no answer, or none that pages of other sites may read")


async def _answers(url: str) -> bool:
    """Whether there is a server that answers at all; an isolated page cannot tell, and takes it for none."""
    try:
        await js.fetch(
            url, to_js({"method": "HEAD", "mode": "no-cors"}, dict_converter=js.Object.fromEntries)
        )
    except JsException:
        return False
    return True


def reason(error: JsException) -> str:
    """The browser's own words."""
    return str(error).removeprefix("TypeError: ").strip().rstrip(".") or "no reason given"
