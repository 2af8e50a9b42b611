"""The page's Python over a real model, with a list in place of the page that it writes to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from bitnet.engine import NativeModel, NativeSession
from bitnet.host import this_host
from bitnet.page import Page
from bitnet.ui.patches import Patches
from bitnet.ui.query import parse_query


class Sheet:
    """Opens the page at an address, keeps what it would show, and wakes whoever waits for a model."""

    def __init__(self, address: str) -> None:
        self.text = ""
        self.is_ready = asyncio.Event()
        self.page = Page(this_host(), Patches(self.take), parse_query(address), saved="")

    def take(self, message: str) -> None:
        patches: list[list[Any]] = json.loads(message)["patches"]
        self.text += message
        if ["attribute", "page", "data-state", "ready"] in patches:
            self.is_ready.set()


async def open_page(**query: object) -> Sheet:
    sheet = Sheet(f"?{urlencode(query)}")
    async with asyncio.timeout(60):
        await sheet.is_ready.wait()
    return sheet


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all sessions that are made, in order."""
    made: list[int] = []

    class Recorded(NativeSession):
        def __init__(self, model: NativeModel, n_ctx: int) -> None:
            super().__init__(model, n_ctx)
            made.append(n_ctx)

    monkeypatch.setattr("bitnet.engine.NativeSession", Recorded)
    return made


def test_the_context_of_the_address_is_made_at_once(tiny_tales: Path, contexts: list[int]) -> None:
    sheet = asyncio.run(open_page(model=tiny_tales, context=256))
    assert contexts == [256]
    assert "256 of 1,024 tokens" in sheet.text


def test_a_context_that_cannot_be_had_leaves_the_model_its_own(tiny_tales: Path, contexts: list[int]) -> None:
    sheet = asyncio.run(open_page(model=tiny_tales, context=5000))
    assert contexts == [1024]
    assert "was trained with 1,024 tokens" in sheet.text


def test_a_context_that_is_no_number_leaves_the_model_its_own(tiny_tales: Path, contexts: list[int]) -> None:
    sheet = asyncio.run(open_page(model=tiny_tales, context="long"))
    assert contexts == [1024]
    assert "not 'long'" in sheet.text
