"""One transfer over several connections, from a server that misbehaves: the same bytes, in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from bitnet import Control, Origin, Shelf
from bitnet.delivery import Part
from bitnet.delivery.growth import Plan
from bitnet.delivery.transfer import Transfer
from bitnet.errors import SourceChanged
from bitnet.host import Host
from scripted import read_all
from worlds import needs_sockets

pytestmark = needs_sockets
FaultServer = pytest.importorskip("fault_server", reason="no sockets here").FaultServer

DATA = bytes(n * n % 251 for n in range(1_000_000)) * 6
CHUNK_BYTES = 1 << 18
#: Everything is small, so that a second is long.
PLAN = Plan(
    measure_s=0.4,
    rest_s=30,
    lead_s=0.2,
    least_left_bytes=1 << 20,
    least_left_s=1,
    segment_bytes=1 << 17,
    most_segments=6,
)
RATE = 1_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with FaultServer({"model.gguf": DATA}) as faults:
        yield faults


def control(plan: Plan = PLAN) -> Control:
    return Control(pace=0.01, plan=plan)


async def fetched(url: str, host: Host, said: Control | None = None) -> bytes:
    transfer = Transfer(host, url, headers={}, control=said or control())
    try:
        return await read_all(transfer)
    finally:
        await transfer.close()


def most_open(server: Any, url: str) -> int:
    most: int = server.most_open[url.removeprefix(server.address)]
    return most


def ranges(server: Any, url: str) -> list[str]:
    """What was asked for, request by request; "" for the whole file."""
    path = url.removeprefix(server.address)
    return [request.headers.get("range", "") for request in server.requests if request.path == path]


def test_a_server_that_limits_each_connection_gets_four_and_every_byte_once(server: Any, host: Host) -> None:
    url = f"{server.address}/rate={RATE}/model.gguf"
    assert asyncio.run(fetched(url, host)) == DATA
    assert most_open(server, url) >= 4
    first, *parts = ranges(server, url)
    assert first == ""
    begins = sorted([int(end) for end in part.removeprefix("bytes=").split("-")] for part in parts)
    assert all(last + 1 == begin for (_, last), (begin, _) in pairwise(begins))
    assert begins[0][0] < len(DATA) // 3, "most comes over several connections"
    assert begins[-1][1] == len(DATA) - 1


def test_a_line_that_one_connection_fills_has_one_again(server: Any, host: Host) -> None:
    url = f"{server.address}/line={RATE}/model.gguf"
    assert asyncio.run(fetched(url, host)) == DATA
    assert most_open(server, url) <= 3  # what has been closed is noticed a moment later
    assert ranges(server, url)[-1].endswith("-"), "the rest comes over one connection"
    begin = int(ranges(server, url)[-1].removeprefix("bytes=").rstrip("-"))
    assert begin < len(DATA) // 2


@pytest.mark.parametrize("options", ["norange", "chunked"])
def test_without_parts_or_without_a_size_there_is_one_request(server: Any, host: Host, options: str) -> None:
    url = f"{server.address}/{options}/rate={2 * RATE}/model.gguf"
    assert asyncio.run(fetched(url, host)) == DATA
    assert ranges(server, url) == [""]


def test_a_server_that_refuses_a_second_connection_is_not_asked_for_one_again(
    server: Any, host: Host
) -> None:
    url = f"{server.address}/most=1/rate={RATE}/model.gguf"
    assert asyncio.run(fetched(url, host, control(replace(PLAN, rest_s=0)))) == DATA
    assert len(ranges(server, url)) == 2, "the first connection goes on"


def test_a_server_that_refuses_a_third_connection_is_left_alone_with_it(server: Any, host: Host) -> None:
    url = f"{server.address}/most=2/rate={RATE}/model.gguf"
    assert asyncio.run(fetched(url, host, control(replace(PLAN, rest_s=0)))) == DATA
    assert server.n_refused[url.removeprefix(server.address)] <= 2


def test_a_second_connection_that_never_answers_does_not_hold_up_the_first(server: Any, host: Host) -> None:
    url = f"{server.address}/queue/rate={RATE}/model.gguf"
    assert asyncio.run(fetched(url, host)) == DATA
    assert len(ranges(server, url)) == 2


def test_a_server_that_says_when_to_come_again_is_left_alone_until_then(server: Any, host: Host) -> None:
    url = f"{server.address}/status={14 * ','}429/after=60/rate={RATE}/model.gguf"
    assert asyncio.run(fetched(url, host, control(replace(PLAN, rest_s=0)))) == DATA
    assert ranges(server, url)[-1].endswith("-"), "the rest comes over one connection"


def test_without_memory_for_parts_one_connection_goes_on(
    server: Any, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(n_bytes: int) -> bytearray:
        raise MemoryError(n_bytes)

    monkeypatch.setattr("bitnet.delivery.segments.bytearray", refuse, raising=False)
    url = f"{server.address}/rate={2 * RATE}/validator=weak/model.gguf"
    assert asyncio.run(fetched(url, host)) == DATA
    assert ranges(server, url) == [""]


def test_a_part_that_falls_silent_leaves_one_connection(server: Any, host: Host) -> None:
    url = f"{server.address}/rate={RATE}/stall=1000/stalls=4/model.gguf"
    said = Control(pace=0.01, plan=PLAN, silence_s=0.5)
    assert asyncio.run(fetched(url, host, said)) == DATA
    assert ranges(server, url)[-1].endswith("-")


def test_a_connection_that_breaks_leaves_one_that_goes_on(server: Any, host: Host) -> None:
    whole = f"{PLAN.segment_bytes},"
    url = f"{server.address}/rate={RATE}/drop={len(DATA)},{4 * whole}50000/model.gguf"
    assert asyncio.run(fetched(url, host)) == DATA
    assert ranges(server, url)[-1].endswith("-")


def test_another_file_behind_the_parts_is_never_mixed_in(server: Any, host: Host) -> None:
    # The first connection goes on with the file that it has begun.
    url = f"{server.address}/rate={RATE}/change=2/model.gguf"
    assert asyncio.run(fetched(url, host)) == DATA
    # Once several have taken over, nobody gives the old one any more.
    url = f"{server.address}/rate={RATE}/change=6/model.gguf"
    with pytest.raises(SourceChanged):
        asyncio.run(fetched(url, host))


def test_a_pause_ends_all_connections_and_going_on_asks_for_the_rest(server: Any, host: Host) -> None:
    url = f"{server.address}/rate={RATE}/validator=date/model.gguf"
    path = url.removeprefix(server.address)
    said = control()

    async def run() -> bytes:
        reading = asyncio.create_task(fetched(url, host, said))
        while server.open[path] < 4:
            await asyncio.sleep(0.01)
        said.pause()
        while server.open[path]:
            await asyncio.sleep(0.01)
        n_requests = len(ranges(server, url))
        await asyncio.sleep(0.2)
        assert (said.state, reading.done(), len(ranges(server, url))) == ("paused", False, n_requests)
        said.go_on()
        return await asyncio.wait_for(reading, 20)

    assert asyncio.run(run()) == DATA


def test_a_stored_download_that_was_stopped_goes_on_over_several_again(server: Any, host: Host) -> None:
    url = f"{server.address}/rate={RATE}/validator=none/model.gguf"
    path = url.removeprefix(server.address)
    assert host.files
    shelf = Shelf(host.files, host, chunk_bytes=CHUNK_BYTES)

    async def load() -> bytes:
        async with shelf.open(Origin("model", (Part(url),)), 0, control()) as body:
            return await read_all(body)

    async def stop() -> None:
        loading = asyncio.create_task(load())
        while server.open[path] < 4:
            await asyncio.sleep(0.01)
        loading.cancel()
        await asyncio.wait([loading])

    asyncio.run(stop())
    [model] = asyncio.run(shelf.stored())
    assert 0 < model.received_bytes < len(DATA)
    n_requests = len(ranges(server, url))
    server.most_open.clear()
    assert asyncio.run(load()) == DATA
    assert ranges(server, url)[n_requests] == f"bytes={model.received_bytes}-"
    assert most_open(server, url) > 1
    [model] = asyncio.run(shelf.stored())
    assert model.complete
