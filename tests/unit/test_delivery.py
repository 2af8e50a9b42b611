"""A model from a server that misbehaves: fetched, stored, resumed, checked, repaired, found again."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bitnet
import pytest
from bitnet import Control, Origin, Progress, Shelf, Stored, resolve
from bitnet.delivery import Delivery, Part, resolve_one
from bitnet.delivery.hub import parse
from bitnet.delivery.transfer import Transfer
from bitnet.errors import (
    BadArgument,
    BadFile,
    Busy,
    ConnectionBroken,
    DamagedFile,
    NotFound,
    RangeRefused,
    Refused,
    SourceChanged,
    Unreachable,
    Unsupported,
)
from bitnet.host import Host
from bitnet.loading import PATIENCE_S
from bitnet.records import ModelInfo
from scripted import read_all
from splitting import split
from worlds import needs_sockets

pytestmark = needs_sockets
FaultServer = pytest.importorskip("fault_server", reason="no sockets here").FaultServer

SEEDED = Path(__file__).resolve().parents[1] / "golden" / "dev-bitnet158-i2s.gguf"
DATA = SEEDED.read_bytes()
SHA256 = hashlib.sha256(DATA).hexdigest()
HALF = len(DATA) // 2
PROMPT = [1, 5, 700, 2, 2, 9]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """Serves the seeded model, whole and in parts."""
    files = {"model.gguf": DATA, "small.gguf": DATA[:100_000]}
    for number, part in enumerate(split(DATA, 3), 1):
        files[f"split-{number:05}-of-00003.gguf"] = part
    with FaultServer(files) as faults:
        yield faults


@pytest.fixture(scope="module")
def expected() -> bytes:
    """Logits of the model from its file."""

    async def logits() -> bytes:
        async with await bitnet.load(SEEDED) as model:
            return (await model.logits(PROMPT)).tobytes()

    return asyncio.run(logits())


def quick() -> Control:
    return Control(pace=0.01)


async def load(source: Any, host: Host, **options: Any) -> bytes:
    """The model's logits, after its verification if there is one."""
    async with await bitnet.load(source, host=host, control=quick(), **options) as model:
        if model.verification:
            await model.verification
        return (await model.logits(PROMPT)).tobytes()


async def fetched(url: str, host: Host, control: Control | None = None) -> bytes:
    transfer = Transfer(host, url, headers={}, control=control or quick())
    try:
        return await read_all(transfer)
    finally:
        await transfer.close()


def stored(host: Host) -> list[Stored]:
    assert host.files
    return asyncio.run(Shelf(host.files, host).stored())


def n_bytes_asked(server: Any, url: str) -> list[int | None]:
    """Where the requests for *url* began."""
    path = url.removeprefix(server.address)
    return [request.begin for request in server.requests if request.path == path and request.method == "GET"]


# ---- One transfer ----


def test_a_broken_download_goes_on_where_it_broke(server: Any, host: Host) -> None:
    url = f"{server.address}/drop=100000,0,500000/model.gguf"
    assert asyncio.run(fetched(url, host)) == DATA
    assert n_bytes_asked(server, url) == [None, 100_000, 100_000, 600_000]


@pytest.mark.parametrize(
    "options",
    [
        "norange/drop=100000,700000",
        "chunked",
        "chunked/drop=300000",
        "validator=none/drop=100000",
        "validator=date/drop=100000",
        "validator=weak/drop=100000",
        "noaccept/drop=100000",
        "hide/drop=100000",
        "redirect/drop=100000,0",
        "status=503,500/drop=100000",
        "status=429/after=0",
        "rate=20000000/drop=100000",
    ],
)
def test_the_bytes_are_the_same_whatever_the_server_does(server: Any, host: Host, options: str) -> None:
    assert asyncio.run(fetched(f"{server.address}/{options}/model.gguf", host)) == DATA


@pytest.mark.parametrize(
    ("options", "error", "sentence", "n_requests"),
    [
        ("status=404,*", NotFound, "Nothing was found", 1),
        ("status=401,*", Refused, "give an access token", 1),
        ("status=403,*", Refused, "licence must be accepted", 1),
        ("status=418,*", Refused, "status 418: check that the address is public", 1),
        ("status=416,*", RangeRefused, "does not give .* from byte 0 on", 1),
        ("status=429,*", Busy, "asks for fewer requests", 6),
        ("status=500,*", Busy, "has failed", 6),
        ("status=503,*", Busy, "is overloaded", 6),
        ("drop=100000,0,*", ConnectionBroken, "after 100,000 of", 6),
        ("length=+5", ConnectionBroken, "broke after", None),
        ("drop=100000/change=2", SourceChanged, "has changed", 2),
        ("validator=date/drop=100000/change=2", SourceChanged, "has changed", 2),
    ],
)
def test_what_cannot_be_had_is_a_sentence_after_as_many_requests_as_make_sense(
    server: Any, host: Host, options: str, error: type[Exception], sentence: str, n_requests: int | None
) -> None:
    url = f"{server.address}/{options}/model.gguf"
    with pytest.raises(error, match=sentence):
        asyncio.run(fetched(url, host))
    if n_requests is not None:
        assert len(n_bytes_asked(server, url)) == n_requests


def test_an_address_where_nobody_answers_is_said_at_once(host: Host) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as unused:
        port = unused.server_port
    seen: list[str] = []
    control = Control(pace=0.01)
    control.on_change = lambda: seen.append(control.state)
    with pytest.raises(Unreachable):
        asyncio.run(fetched(f"http://127.0.0.1:{port}/model.gguf", host, control))
    assert seen == []


def test_it_waits_as_long_as_the_server_asks_and_says_so(server: Any, host: Host) -> None:
    control = Control(pace=0.01)
    seen: list[tuple[str, float | None]] = []
    control.on_change = lambda: seen.append((control.state, control.retry_in_s))
    asyncio.run(fetched(f"{server.address}/status=503/after=20/model.gguf", host, control))
    assert seen == [("waiting", 0.2), ("receiving", None)]


def test_a_pause_ends_the_connection_and_going_on_asks_for_the_rest(server: Any, host: Host) -> None:
    url = f"{server.address}/stall=300000/model.gguf"
    control = quick()

    async def run() -> bytes:
        reading = asyncio.create_task(fetched(url, host, control))
        while server.counts[f"GET {url.removeprefix(server.address)}"] == 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # all that comes has come
        control.pause()
        await asyncio.sleep(0.05)
        assert control.state == "paused"
        assert not reading.done()
        control.go_on()
        return await asyncio.wait_for(reading, 10)

    assert asyncio.run(run()) == DATA
    assert n_bytes_asked(server, url) == [None, 300_000]


def test_a_silent_connection_counts_as_broken_and_a_slow_beginning_anew_does_not(
    server: Any, host: Host
) -> None:
    url = f"{server.address}/stall=300000/validator=date/model.gguf"
    assert asyncio.run(fetched(url, host, Control(pace=0.01, silence_s=0.3))) == DATA
    assert n_bytes_asked(server, url) == [None, 300_000]
    # Without ranges the beginning comes again, which takes longer than the silence that is allowed.
    url = f"{server.address}/norange/rate=2000000/drop=1200000/model.gguf"
    assert asyncio.run(fetched(url, host, Control(pace=0.01, silence_s=0.3))) == DATA
    assert n_bytes_asked(server, url) == [None, 1_200_000]


def test_a_token_goes_to_its_server_and_not_to_another_one(server: Any, host: Host) -> None:
    headers = {"Authorization": "Bearer secret"}
    for address in (f"{server.address}/token=secret/model.gguf", f"{server.address}/redirect/small.gguf"):
        transfer = Transfer(host, address, headers=headers, control=quick())
        asyncio.run(transfer.open())
        asyncio.run(transfer.close())
    there = [request for request in server.requests if request.path == "/small.gguf"]
    assert there
    assert all("authorization" not in request.headers for request in there)


# ---- Stored ----


def test_a_kept_model_is_there_the_next_time_without_a_server(
    server: Any, host: Host, expected: bytes
) -> None:
    url = f"{server.address}/drop=300000/model.gguf"
    assert asyncio.run(load(url, host, keep=True)) == expected
    n_requests = len(server.requests)
    seen: list[Progress] = []
    assert asyncio.run(load(url, host, on_progress=seen.append)) == expected
    assert len(server.requests) == n_requests
    assert seen[-1].from_storage_bytes == seen[-1].received_bytes == len(DATA)
    [model] = stored(host)
    assert (model.url, model.complete, model.total_bytes, model.verified) == (url, True, len(DATA), None)


def test_nothing_is_stored_unless_that_is_wanted(server: Any, host: Host, expected: bytes) -> None:
    assert asyncio.run(load(f"{server.address}/model.gguf", host)) == expected
    assert stored(host) == []


def test_a_load_that_was_stopped_goes_on_the_next_time(server: Any, host: Host, expected: bytes) -> None:
    url = f"{server.address}/stall={HALF}/model.gguf"

    async def stop_at_half() -> None:
        loading: asyncio.Task[bytes]

        def at(progress: Progress) -> None:
            if progress.received_bytes == HALF:
                loading.cancel()

        loading = asyncio.create_task(load(url, host, keep=True, on_progress=at))
        await asyncio.wait([loading])
        assert loading.cancelled()

    asyncio.run(stop_at_half())
    [model] = stored(host)
    assert (model.received_bytes, model.complete) == (HALF, False)
    assert asyncio.run(load(url, host, keep=True)) == expected
    assert n_bytes_asked(server, url) == [None, HALF]


def test_a_file_that_changed_since_begins_anew_and_says_so(server: Any, host: Host) -> None:
    url = f"{server.address}/drop=300000/change=2/model.gguf"
    seen: list[Progress] = []
    asyncio.run(load(url, host, keep=True, on_progress=seen.append))
    assert "has changed" in seen[-1].remark
    assert seen[-1].received_bytes == len(DATA)
    assert n_bytes_asked(server, url) == [None, 300_000, None]
    [file] = [path for path in Path(host.files._path).iterdir() if path.suffix == ".gguf"]  # type: ignore[union-attr]
    assert file.read_bytes() != DATA
    assert file.stat().st_size == len(DATA)


def test_the_hash_is_compared_and_a_wrong_file_is_not_used_again(
    server: Any, host: Host, expected: bytes
) -> None:
    url = f"{server.address}/model.gguf"
    right = Origin("right", (Part(url, len(DATA), SHA256),))
    assert asyncio.run(load(right, host, keep=True)) == expected
    assert [model.verified for model in stored(host)] == [True]
    other = f"{server.address}/validator=none/model.gguf"
    wrong = Origin("wrong", (Part(other, len(DATA), "0" * 64),))
    assert asyncio.run(load(wrong, host, keep=True)) == expected
    assert [model.verified for model in stored(host) if model.url == other] == [False]
    asyncio.run(load(wrong, host))
    asyncio.run(load(wrong, host, keep=True))
    assert len(n_bytes_asked(server, other)) == 3, "fetched again each time"


#: What its check finds in the end, what no ternary weight may be, and what is not even GGUF.
@pytest.mark.parametrize(("at", "damage"), [(HALF, b"damage"), (HALF, b"\xff" * 5000), (0, b"no GGUF")])
def test_a_damaged_stored_file_is_mended_while_it_is_loaded(
    server: Any, host: Host, expected: bytes, at: int, damage: bytes
) -> None:
    url = f"{server.address}/validator=date/{at}{len(damage)}/model.gguf"
    asyncio.run(load(url, host, keep=True))
    [file] = Path(host.files._path).glob("*.gguf")  # type: ignore[union-attr]
    file.write_bytes(DATA[:at] + damage + DATA[at + len(damage) :])
    seen: list[Progress] = []
    assert asyncio.run(load(url, host, on_progress=seen.append)) == expected
    assert file.read_bytes() == DATA
    assert "was damaged: it was repaired" in seen[-1].remark


def test_a_damaged_stored_file_that_cannot_be_mended_is_said_to_be_damaged(host: Host) -> None:
    with FaultServer({"model.gguf": DATA}) as gone:
        url = f"{gone.address}/model.gguf"
        asyncio.run(load(url, host, keep=True))
    [file] = Path(host.files._path).glob("*.gguf")  # type: ignore[union-attr]
    file.write_bytes(DATA[:HALF] + b"damage" + DATA[HALF + 6 :])
    with pytest.raises(DamagedFile, match="repair it, or delete it"):
        asyncio.run(load(url, host))


def test_a_stored_file_that_is_no_model_is_not_fetched_again(host: Host) -> None:
    with FaultServer({"model.gguf": DATA.replace(b"bitnet-b1.58", b"mystery-arch")}) as server:
        url = f"{server.address}/model.gguf"
        origin = Origin("strange", (Part(url),))
        asyncio.run(kept(origin, host))
        n_requests = len(server.requests)
        with pytest.raises(Unsupported):
            asyncio.run(load(url, host))
        assert len(server.requests) == n_requests


async def kept(origin: Origin, host: Host) -> None:
    """Store *origin*, whatever it is."""
    await Delivery(origin, host, keep=True, control=quick()).fetch(lambda _: None)


def test_two_loads_of_one_file_store_it_once(server: Any, host: Host, expected: bytes) -> None:
    url = f"{server.address}/rate=4000000/model.gguf"
    states: list[str] = []

    async def both() -> list[bytes]:
        first = asyncio.create_task(load(url, host, keep=True))
        while server.counts["GET /rate=4000000/model.gguf"] == 0:
            await asyncio.sleep(0.01)
        second = load(url, host, keep=True, on_progress=lambda progress: states.append(progress.state))
        return list(await asyncio.gather(first, second))

    assert asyncio.run(both()) == [expected, expected]
    assert n_bytes_asked(server, url) == [None]
    assert states[0] == "elsewhere"


def test_the_header_is_shown_before_the_weights_and_a_no_leaves_nothing(server: Any, host: Host) -> None:
    url = f"{server.address}/rate=1000000/validator=none/model.gguf"
    seen: list[ModelInfo] = []

    async def decline(info: ModelInfo) -> None:
        seen.append(info)
        raise BadArgument("No, thank you.")

    with pytest.raises(BadArgument, match="thank you"):
        asyncio.run(load(url, host, keep=True, on_header=decline))
    assert seen[0].architecture == "bitnet-b1.58"
    assert seen[0].weights_bytes > 0
    assert stored(host) == []
    assert list(Path(host.files._path).glob("*.gguf")) == []  # type: ignore[union-attr]


def test_while_a_person_thinks_no_server_waits(server: Any, host: Host, expected: bytes) -> None:
    url = f"{server.address}/rate=1000000/validator=date/model.gguf"
    path = url.removeprefix(server.address)

    async def think(info: ModelInfo) -> None:
        await asyncio.sleep(PATIENCE_S + 0.3)

    assert asyncio.run(load(url, host, on_header=think)) == expected
    begins = [request.begin for request in server.requests if request.path == path]
    assert len(begins) == 2
    assert begins[0] is None
    assert begins[1]


def test_a_split_model_is_one_stored_model(server: Any, host: Host, expected: bytes) -> None:
    url = f"{server.address}/split-00001-of-00003.gguf"
    assert asyncio.run(load(url, host, keep=True)) == expected
    [model] = stored(host)
    assert (len(model.urls), model.complete) == (3, True)
    n_requests = len(server.requests)
    assert asyncio.run(load(url, host)) == expected
    assert len(server.requests) == n_requests
    assert host.files
    shelf = Shelf(host.files, host)
    assert [path.stat().st_size for path in asyncio.run(shelf.export(model.key))] == [
        len(part) for part in split(DATA, 3)
    ]
    asyncio.run(shelf.remove(model.key))
    assert stored(host) == []


def test_to_make_room_the_longest_unused_goes_first(server: Any, host: Host) -> None:
    for options in ("validator=none", "validator=date", "validator=weak"):
        asyncio.run(load(f"{server.address}/{options}/model.gguf", host, keep=True))
    assert host.files
    shelf = Shelf(host.files, host)
    free = asyncio.run(shelf.room()).free_bytes
    assert free is not None
    assert asyncio.run(shelf.to_make_room(0)) == []
    chosen = asyncio.run(shelf.to_make_room(free + len(DATA) + 1_000_000))
    assert [model.url.split("=")[1].split("/")[0] for model in chosen] == ["none", "date"]


# ---- Hugging Face ----


@pytest.fixture
def hub(server: Any) -> Any:
    """Two repositories, one of them private."""
    parts = {f"split-{n:05}-of-00003.gguf": part for n, part in enumerate(split(DATA, 3), 1)}
    server.repositories["maker/one-gguf"] = {"README.md": b"#", "a.json": b"{}", "model-i2_s.gguf": DATA}
    server.repositories["maker/many"] = {"README.md": b"#", "b/small.gguf": DATA[:9], **parts}
    server.repositories["maker/secret"] = {"model.gguf": DATA}
    server.tokens["maker/secret"] = "hf_token"
    return server


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("maker/model", ("maker/model", "main", "")),
        ("maker/model@v1.0", ("maker/model", "v1.0", "")),
        ("maker/model:a-i2_s.gguf", ("maker/model", "main", "a-i2_s.gguf")),
        ("maker/model@refs/pr/2:sub/a.gguf", ("maker/model", "refs/pr/2", "sub/a.gguf")),
        ("https://hub/maker/model", ("maker/model", "main", "")),
        ("https://hub/maker/model/tree/v1.0", ("maker/model", "v1.0", "")),
        ("https://hub/maker/model/blob/main/sub/a.gguf?x=1", ("maker/model", "main", "sub/a.gguf")),
        ("folder/model.gguf", None),
        ("https://elsewhere/maker/model", None),
    ],
)
def test_a_name_at_the_hub_is_repository_revision_and_file(
    name: str, expected: tuple[str, str, str] | None
) -> None:
    found = parse(name, "https://hub")
    assert (found and (found.repo, found.revision, found.file)) == expected


def test_a_revision_is_asked_for(hub: Any, host: Host) -> None:
    origin = asyncio.run(resolve_one("maker/one-gguf@v1.0:model-i2_s.gguf", host, hub=hub.address))
    assert origin.source == f"{hub.address}/maker/one-gguf/resolve/v1.0/model-i2_s.gguf"
    assert hub.requests[-1].path.startswith("/api/models/maker/one-gguf/tree/v1.0?")


def test_a_repository_with_one_model_is_that_model(hub: Any, host: Host, expected: bytes) -> None:
    origin = asyncio.run(resolve_one("maker/one-gguf", host, hub=hub.address))
    assert (origin.title, origin.size_bytes, origin.sha256) == ("one-gguf", len(DATA), SHA256)
    assert asyncio.run(load(origin, host, keep=True)) == expected
    assert [model.verified for model in stored(host)] == [True]
    n_requests = len(hub.requests)
    named = asyncio.run(resolve_one("maker/one-gguf:model-i2_s.gguf", host, hub=hub.address))
    assert asyncio.run(load(named, host)) == expected
    assert len(hub.requests) == n_requests, "a stored model needs no network to be named"


def test_a_repository_with_several_models_lets_choose(hub: Any, host: Host, expected: bytes) -> None:
    origins = asyncio.run(resolve("maker/many", host, hub=hub.address))
    assert [len(origin.parts) for origin in origins] == [1, 3]
    with pytest.raises(BadArgument, match=r"several models: .*small\.gguf, split-00001-of-00003\.gguf"):
        asyncio.run(resolve_one("maker/many", host, hub=hub.address))
    assert asyncio.run(load(origins[1], host)) == expected
    page = f"{hub.address}/maker/many/blob/main/split-00001-of-00003.gguf"
    assert asyncio.run(resolve_one(page, host, hub=hub.address)).parts == origins[1].parts


def test_a_private_repository_needs_a_token_which_is_not_stored(
    hub: Any, host: Host, expected: bytes
) -> None:
    with pytest.raises(Refused, match="give an access token"):
        asyncio.run(resolve("maker/secret", host, hub=hub.address))
    origin = asyncio.run(resolve_one("maker/secret", host, token="hf_token", hub=hub.address))
    assert asyncio.run(load(origin, host, keep=True)) == expected
    assert all("hf_token" not in path.read_text() for path in Path(host.files._path).glob("*.json"))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("maker/nothing", "Nothing was found"), ("maker/one-gguf:other.gguf", r"has no file other\.gguf")],
)
def test_what_is_not_there_is_said(hub: Any, host: Host, name: str, sentence: str) -> None:
    with pytest.raises((NotFound, BadArgument), match=sentence):
        asyncio.run(resolve(name, host, hub=hub.address))


def test_a_truncated_file_stays_a_bad_file(server: Any, host: Host) -> None:
    with pytest.raises(BadFile, match="truncated"):
        asyncio.run(load(f"{server.address}/length=-500000/model.gguf", host, keep=True))
    assert threading.active_count() < 50
