"""Opening and keeping models, from a server that misbehaves to what the page would show."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import bitnet
import pytest
from bitnet import Origin
from bitnet.delivery import Part
from bitnet.errors import NotReady, OutOfMemory
from bitnet.host import Host, Room
from bitnet.ui import models
from test_page import READY, Sheet
from worlds import needs_sockets

pytestmark = needs_sockets
FaultServer = pytest.importorskip("fault_server", reason="no sockets here").FaultServer
Folder = pytest.importorskip("bitnet.host.folder", reason="no CPython").Folder

ASKS = '["attribute", "review", "data-open", ""]'
ANSWERED = '["attribute", "review", "data-open", null]'


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seeded model counts as a large one."""
    monkeypatch.setattr(models, "LARGE_BYTES", 1_000_000)


@pytest.fixture
def server(seeded: Path) -> Iterator[Any]:
    with FaultServer({"large.gguf": seeded.read_bytes()}) as faults:
        yield faults


class Visitor:
    """Reads what the page shows, and does something."""

    def __init__(self, host: Host, model: str) -> None:
        self.files: list[Any] = []
        self.sheet = Sheet(f"?{urlencode({'model': model})}", host, may_isolate=False, hand=self.files.append)
        self._n_events, self.seen = 0, ""

    async def sees(self, text: str) -> None:
        await self.sheet.wait_for(text)

    def does(self, event: str, **fields: str) -> None:
        self._n_events += 1
        self.seen += self.sheet.text
        self.sheet.forget()
        self.sheet.page.receive(self._n_events, event, fields, [])

    async def begin(self, address: str) -> None:
        """Ask for a large model, and agree to the download."""
        await self.sees(READY)
        self.does("open_url", url=address)
        await self.sees(ASKS)
        self.does("download")

    @property
    def key(self) -> str:
        """Of the only stored model."""
        return self.sheet.text.rsplit('"stored-', 1)[-1].split("-")[0].split('"')[0]


def test_a_large_model_is_fetched_when_the_visitor_agrees(tiny_tales: Path, server: Any, host: Host) -> None:
    async def run() -> None:
        visitor = Visitor(host, str(tiny_tales))
        await visitor.begin(f"{server.address}/large.gguf")
        await visitor.sees(ANSWERED)
        await visitor.sees(READY)
        await visitor.sees("no hash is known to verify it by")
        visitor.does("open_url", url=f"{server.address}/large.gguf")
        await visitor.sees(READY)  # without a question: it is stored
        assert ASKS not in visitor.sheet.text

    asyncio.run(run())


def test_nothing_is_kept_of_a_model_that_is_declined(tiny_tales: Path, server: Any, host: Host) -> None:
    async def run() -> None:
        visitor = Visitor(host, str(tiny_tales))
        await visitor.sees(READY)
        visitor.does("open_url", url=f"{server.address}/large.gguf")
        await visitor.sees(ASKS)
        visitor.does("cancel")
        await visitor.sees(READY)
        assert host.files
        assert await host.files.names() == []

    asyncio.run(run())


def test_what_has_arrived_is_kept_and_offered(
    tiny_tales: Path, seeded: Path, server: Any, host: Host
) -> None:
    address = f"{server.address}/stall={seeded.stat().st_size * 3 // 4}/large.gguf"

    async def run() -> None:
        visitor = Visitor(host, str(tiny_tales))
        await visitor.begin(address)
        await visitor.sees("1.2 MB of 1.7 MB")
        await visitor.sees('["attribute", "loading-actions", "hidden", null]')  # though nothing more comes
        visitor.does("pause")
        await visitor.sees("\\u00b7 paused")
        visitor.does("cancel")
        await visitor.sees("has ended: 1.2 MB of 1.7 MB are here.")
        await visitor.sees(READY)
        again = Visitor(host, str(tiny_tales))
        await again.sees("was not finished: 1.2 MB of 1.7 MB are here.")
        again.does("open_stored", key=again.key)
        await again.sees(READY)
        assert ASKS not in again.sheet.text, "it has been agreed to before"

    asyncio.run(run())
    assert server.requests[-1].begin


def test_a_stored_model_is_handed_out_and_deleted_when_that_is_said_twice(
    tiny_tales: Path, seeded: Path, server: Any, host: Host
) -> None:
    async def run() -> None:
        visitor = Visitor(host, str(tiny_tales))
        await visitor.begin(f"{server.address}/large.gguf")
        await visitor.sees("no hash is known")
        key = visitor.key
        visitor.does("export", key=key)
        while not visitor.files:
            await asyncio.sleep(0)
        assert Path(visitor.files[0]).read_bytes() == seeded.read_bytes()
        visitor.does("delete", key=key)
        await visitor.sees(f'["focus", "stored-{key}-no"]')
        visitor.does("delete_now", key=key)
        await visitor.sees("Nothing is stored yet")
        assert host.files
        assert await host.files.names() == []

    asyncio.run(run())


def test_a_model_is_taken_into_use_when_the_answer_before_it_is_complete(
    tiny_tales: Path, server: Any, host: Host
) -> None:
    async def run() -> None:
        visitor = Visitor(host, str(tiny_tales))
        await visitor.sees(READY)
        visitor.does("send", text="Tell me a story.")
        visitor.does("open_url", url=f"{server.address}/large.gguf")
        await visitor.sees(ASKS)
        visitor.does("download")
        await visitor.sees(READY)
        said = visitor.seen + visitor.sheet.text
        assert " tokens/s" in said
        assert "\\u00b7 stopped" not in said

    asyncio.run(run())


class Cramped:
    """``bitnet.load`` where no two models fit, and one of them never does."""

    def __init__(self, never: str) -> None:
        self._load, self._never = bitnet.load, never
        self._model: bitnet.Model | None = None

    async def __call__(self, origin: Any, **options: Any) -> bitnet.Model:
        if str(origin.source) == self._never or self._is_open():
            raise OutOfMemory("The model does not fit: 300 MB are missing.")
        self._model = await self._load(origin, **options)
        return self._model

    def _is_open(self) -> bool:
        try:
            return self._model is not None and bool(self._model.engine)
        except NotReady:
            return False


@pytest.mark.parametrize("fits", [True, False])
def test_a_model_makes_room_and_comes_back_if_that_was_in_vain(
    tiny_tales: Path, seeded: Path, host: Host, monkeypatch: pytest.MonkeyPatch, fits: bool
) -> None:
    monkeypatch.setattr("bitnet.load", Cramped("" if fits else str(seeded)))

    async def run() -> None:
        visitor = Visitor(host, str(tiny_tales))
        await visitor.sees(READY)
        visitor.does("open_url", url=str(seeded))
        await visitor.sees(READY)
        if fits:
            assert "300 MB" not in visitor.sheet.text
            assert "dev-bitnet158-i2s.gguf" in visitor.sheet.text
        else:
            await visitor.sees("300 MB are missing.")
            visitor.does("send", text="What is 8 plus 6?")
            await visitor.sees(" tokens/s")

    asyncio.run(run())


def test_where_nothing_can_be_stored_a_model_runs_all_the_same(
    tiny_tales: Path, seeded: Path, server: Any, host: Host
) -> None:
    host.files, host.why_no_files = None, "Models cannot be kept here: they are fetched again each time."

    async def run() -> None:
        visitor = Visitor(host, str(tiny_tales))
        await visitor.sees(host.why_no_files)
        await visitor.begin(f"{server.address}/stall={seeded.stat().st_size * 3 // 4}/large.gguf")
        await visitor.sees("1.2 MB of 1.7 MB")
        visitor.does("cancel")
        await visitor.sees("nothing of it is kept. Models cannot be kept here")
        await visitor.begin(f"{server.address}/large.gguf")
        await visitor.sees(READY)

    asyncio.run(run())


class Small(Folder):  # type: ignore[misc, valid-type]
    """Storage with room for *free_bytes*."""

    free_bytes = 1_000_000_000

    async def room(self) -> Room:
        return Room((await super().room()).used_bytes, self.free_bytes)


def test_without_room_the_model_that_was_not_used_for_longest_is_named(
    tiny_tales: Path, seeded: Path, server: Any, host: Host, tmp_path: Path
) -> None:
    host.files = files = Small(tmp_path / "small")
    server.files |= {"older.gguf": seeded.read_bytes(), "newer.gguf": seeded.read_bytes()}

    async def run() -> None:
        for name in ("older", "newer"):
            (await bitnet.load(f"{server.address}/{name}.gguf", host=host, keep=True)).close()
        files.free_bytes = 1_000_000
        visitor = Visitor(host, str(tiny_tales))
        await visitor.sees(READY)
        visitor.does("open_url", url=f"{server.address}/large.gguf")
        await visitor.sees("only 1.0 MB left on this device: delete older.gguf (1.7 MB) first to keep it")

    asyncio.run(run())


@pytest.mark.parametrize("helps", [True, False])
def test_a_damaged_model_is_repaired_or_said_to_be_another_one(
    tiny_tales: Path, seeded: Path, server: Any, host: Host, helps: bool
) -> None:
    data = seeded.read_bytes()
    sha256 = hashlib.sha256(data if helps else b"another").hexdigest()
    url = f"{server.address}/large.gguf"

    async def run() -> None:
        assert host.files
        origin = Origin("Big", (Part(url, len(data), sha256),))
        model = await bitnet.load(origin, host=host, keep=True)
        model.close()
        assert model.verification
        await model.verification
        [path] = Path(host.files._path).glob("*.gguf")  # type: ignore[attr-defined]
        if helps:
            path.write_bytes(data[:1_000_000] + b"damage" + data[1_000_006:])
        n_requests = len(server.requests)
        visitor = Visitor(host, str(tiny_tales))
        await visitor.sees(READY)
        if helps:
            visitor.does("verify", key=visitor.key)
            await visitor.sees("repair it, or delete it and download it again")
        else:
            await visitor.sees("The stored copy of Big is damaged and not used.")
        assert len(server.requests) == n_requests
        visitor.does("repair", key=visitor.key)
        if helps:
            await visitor.sees("Big is repaired: 1.7 MB were fetched again.")
            assert path.read_bytes() == data
        else:
            await visitor.sees("do not rely on it; delete it, and download it again")
        assert len(server.requests) == n_requests + helps

    asyncio.run(run())
