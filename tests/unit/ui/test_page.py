"""The page's Python over a real model, with a list in place of the page that it writes to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import bitnet
import pytest
from bitnet.delivery import Origin
from bitnet.engine import NativeModel, NativeSession
from bitnet.host import Host, this_host
from bitnet.page import Page
from bitnet.ranks import Cores
from bitnet.records import KvPrecision
from bitnet.ui.patches import Patches
from bitnet.ui.query import parse_query
from worlds import IN_PYODIDE

needs_threads = pytest.mark.skipif(IN_PYODIDE, reason="Pyodide cannot start threads for the ranks")


LOADING, READY = '"data-state", "loading"', '"data-state", "ready"'


class Sheet:
    """Opens the page at an address, keeps what it would show, and wakes whoever waits for a model."""

    def __init__(self, address: str, host: Host, *, may_isolate: bool, **options: Any) -> None:
        self.text = self.appended = ""
        self.is_ready = asyncio.Event()
        query = parse_query(address)
        patches = Patches(self.take)
        self.page = Page(host, patches, query, saved="", may_isolate=may_isolate, **options)

    def take(self, message: str) -> None:
        patches: list[list[Any]] = json.loads(message)["patches"]
        self.text += message
        self.appended += "".join(patch[2] for patch in patches if patch[0] == "append")
        if ["attribute", "page", "data-state", "ready"] in patches:
            self.is_ready.set()

    async def wait_for(self, text: str) -> None:
        """Until the page has been sent this *text*."""
        async with asyncio.timeout(60):
            while text not in self.text:
                await asyncio.sleep(0)

    def forget(self) -> None:
        """What came before this is not waited for."""
        self.text = self.appended = ""
        self.is_ready.clear()


async def open_page(host: Host | None = None, *, may_isolate: bool = False, **query: object) -> Sheet:
    sheet = Sheet(f"?{urlencode(query)}", host or this_host(), may_isolate=may_isolate)
    async with asyncio.timeout(60):
        await sheet.is_ready.wait()
    return sheet


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all sessions that are made, in order."""
    made: list[int] = []

    class Recorded(NativeSession):
        def __init__(self, model: NativeModel, n_ctx: int, kv: KvPrecision) -> None:
            super().__init__(model, n_ctx, kv)
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


def test_what_takes_less_memory_is_chosen_in_the_address_and_changed_in_the_settings(
    tiny_tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = bitnet.load

    async def recorded(source: str, **options: Any) -> bitnet.Model:
        model = await load(source, **options)
        loaded.append((model, options["profile"], model.info.kv))
        return model

    async def run() -> None:
        sheet = await open_page(model=tiny_tales, kv="int8", profile="lean")
        assert "in 8 bits" in sheet.text
        sheet.forget()
        sheet.page.receive(1, "settings", {"kv": "f16"}, [])
        await sheet.wait_for('["value", "setting-kv", "f16"]')
        assert loaded[0][0].info.kv == "f16"  # the same model
        sheet.forget()
        sheet.page.receive(2, "settings", {"profile": "fast"}, [])
        await sheet.wait_for(READY)

    monkeypatch.setattr("bitnet.load", recorded)
    asyncio.run(run())
    assert [facts[1:] for facts in loaded] == [("lean", "int8"), ("fast", "f16")]
    weights = [model.info.weights_bytes for model, *_ in loaded]
    assert weights[1] - weights[0] == loaded[0][0].info.raw["screen_bytes"] > 0


def test_what_belongs_to_the_device_is_kept_and_leaves_the_model_its_sampling(tiny_tales: Path) -> None:
    async def run() -> None:
        kept = '{"kv": "int8", "profile": "lean"}'
        sheet = Sheet(f"?{urlencode({'model': tiny_tales})}", this_host(), may_isolate=False, device=kept)
        await sheet.wait_for(READY)
        assert "in 8 bits" in sheet.text
        sheet.page.receive(1, "settings", {"temperature": "0"}, [])
        assert '"keep"' not in sheet.text
        sheet.page.receive(2, "settings", {"kv": "f16"}, [])
        fields = json.dumps({"ranks": "", "kv": "f16", "profile": "lean"})
        await sheet.wait_for(json.dumps(["keep", fields]))

    asyncio.run(run())


def test_kept_settings_that_cannot_be_read_are_left_aside(tiny_tales: Path) -> None:
    async def run(device: str) -> None:
        sheet = Sheet(f"?{urlencode({'model': tiny_tales})}", this_host(), may_isolate=False, device=device)
        await sheet.wait_for(READY)
        assert '["value", "setting-kv", "f16"]' in sheet.text

    for device in ("{", "[]", '{"kv": "int4"}', '{"kv": 3}'):
        asyncio.run(run(device))


class PlainHost:
    """This machine as a page that is not isolated shows it."""

    def __init__(self) -> None:
        self._host = this_host()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def cores(self) -> Cores:
        return Cores(why="this page is not isolated", once_isolated=2)


def test_a_large_model_has_the_page_isolated_from_the_next_visit_on(
    tiny_tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = asyncio.run(open_page(PlainHost(), may_isolate=True, model=tiny_tales))
    assert '"isolate"' not in sheet.text
    monkeypatch.setattr("bitnet.ranks.SMALL_FILE_BYTES", 1_000_000)
    sheet = asyncio.run(open_page(PlainHost(), may_isolate=True, model=tiny_tales))
    assert '["isolate", "next visit"]' in sheet.text
    sheet = asyncio.run(open_page(PlainHost(), may_isolate=True, model=tiny_tales, ranks=1))
    assert '"isolate"' not in sheet.text
    sheet = asyncio.run(open_page(PlainHost(), model=tiny_tales))
    assert '"isolate"' not in sheet.text


def test_a_page_that_cannot_be_isolated_opens_its_model_with_one_core(tiny_tales: Path) -> None:
    async def run() -> Sheet:
        sheet = Sheet(f"?{urlencode({'model': tiny_tales, 'ranks': 2})}", PlainHost(), may_isolate=True)
        await sheet.wait_for('["isolate", "now"]')
        assert LOADING not in sheet.text
        sheet.page.receive(1, "not_isolated", {}, [])
        await sheet.wait_for(READY)
        return sheet

    assert "1, because this page is not isolated" in asyncio.run(run()).text


def test_a_page_that_cannot_be_isolated_goes_on_with_its_answer(tiny_tales: Path) -> None:
    async def run() -> Sheet:
        sheet = await open_page(PlainHost(), may_isolate=True, model=tiny_tales, temperature=0)
        sheet.page.receive(1, "settings", {"ranks": "2"}, [])
        sheet.forget()
        sheet.page.receive(2, "send", {"text": "What is 8 plus 6?"}, [])
        await sheet.wait_for('["append", ')
        sheet.page.receive(3, "not_isolated", {}, [])
        await sheet.wait_for(READY)
        return sheet

    sheet = asyncio.run(run())
    assert "Only one core can be used, because this page is not isolated." in sheet.text
    assert "8 plus 6 is 14." in sheet.appended
    assert LOADING not in sheet.text


@needs_threads
def test_another_number_of_cores_while_a_model_loads_is_for_that_model(
    tiny_tales: Path, seeded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = []
    load = bitnet.load

    async def recorded(origin: Origin, **options: Any) -> bitnet.Model:
        model = await load(origin, **options)
        arrived.append((str(origin.source), model.info.n_ranks))
        return model

    async def run() -> None:
        sheet = Sheet(f"?{urlencode({'model': tiny_tales, 'ranks': 4})}", this_host(), may_isolate=False)
        await sheet.wait_for(LOADING)
        sheet.page.receive(1, "settings", {"ranks": "2"}, [])
        await sheet.wait_for(READY)
        sheet.forget()
        sheet.page.receive(2, "open_url", {"url": str(seeded)}, [])
        await sheet.wait_for(LOADING)
        sheet.page.receive(3, "settings", {"ranks": "3"}, [])
        await sheet.wait_for(READY)

    monkeypatch.setattr("bitnet.load", recorded)
    asyncio.run(run())
    assert arrived == [(str(tiny_tales), 2), (str(seeded), 3)]


def test_a_question_ends_the_scoring_of_tokens_and_is_answered(tiny_tales: Path) -> None:
    async def run() -> Sheet:
        sheet = await open_page(model=tiny_tales, temperature=0)
        sheet.forget()
        sheet.page.receive(1, "send", {"text": "Tell me a short story about a fox named Pip."}, [])
        await sheet.wait_for(READY)
        sheet.forget()
        sheet.page.receive(2, "tokens", {"entry": "1"}, [])
        await sheet.wait_for("-token-0")
        sheet.forget()
        sheet.page.receive(3, "send", {"text": "What is 8 plus 6?"}, [])
        await sheet.wait_for(READY)
        return sheet

    sheet = asyncio.run(run())
    assert sheet.appended == "8 plus 6 is 14."
    assert "stopped" not in sheet.text
    assert '-tokens"]' in sheet.text  # removed


def test_tokens_are_shown_once_more_and_left(tiny_tales: Path) -> None:
    async def run() -> Sheet:
        sheet = await open_page(model=tiny_tales, temperature=0)
        sheet.forget()
        sheet.page.receive(1, "send", {"text": "What is 8 plus 6?"}, [])
        await sheet.wait_for(READY)
        for number in range(2, 5):  # on, off before anything is known, on
            sheet.page.receive(number, "tokens", {"entry": "1"}, [])
        await sheet.wait_for("-token-5")
        sheet.page.receive(5, "choose_token", {"place": "1"}, [])
        await sheet.wait_for('"data-open"')
        sheet.forget()
        sheet.page.receive(6, "branch", {"place": "1", "n": "1"}, [])
        await sheet.wait_for(READY)
        return sheet

    assert "2 of 2" in asyncio.run(run()).text
