"""Whatever the connection does, and whenever the program ends, the bytes are those of the file."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import pytest
from bitnet.delivery import Control, Delivery, Origin, Part, Shelf
from bitnet.delivery.growth import Plan
from bitnet.delivery.transfer import Transfer
from bitnet.errors import DamagedFile, FetchError, StorageFull
from bitnet.host import File
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import URL, Killed, MemoryFiles, MortalFiles, ScriptedHost, read_all

ORIGIN = Origin("model", (Part(URL),))
CHUNK_BYTES = 16

# Sizes are drawn, not bytes: drawn bytes are mostly few, and would hardly ever fill a chunk.
files = st.integers(1, 600).map(lambda n_bytes: bytes(n * n % 251 for n in range(n_bytes)))
sizes = st.lists(st.integers(1, 200), min_size=1, max_size=5)
# At least one byte each, so that no six in a row are without one.
drops = st.lists(st.integers(1, 150), max_size=12)


def eager(segment_bytes: int) -> Plan:
    """Several connections at once, whatever that brings."""
    return Plan(
        measure_s=-1,
        gain=0,
        rest_s=0,
        least_left_bytes=0,
        least_left_s=0,
        lead_s=0,
        segment_bytes=segment_bytes,
        most_segments=3,
    )


plans = st.integers(1, 50).map(eager)


def control(plan: Plan = Plan()) -> Control:  # noqa: B008 - it is frozen
    return Control(pace=0, plan=plan)


async def transferred(host: ScriptedHost, capacity: int, plan: Plan = Plan()) -> bytes:  # noqa: B008
    transfer = Transfer(host, URL, headers={}, control=control(plan))
    try:
        return await read_all(transfer, capacity)
    finally:
        await transfer.close()


async def loaded(shelf: Shelf, capacity: int, plan: Plan = Plan()) -> bytes:  # noqa: B008
    async with shelf.open(ORIGIN, 0, control(plan)) as body:
        return await read_all(body, capacity)


@given(data=files, drops=drops, sizes=sizes, capacity=st.integers(1, 300), states_size=st.booleans())
def test_any_chunking_and_any_drops_give_the_same_bytes(
    data: bytes, drops: list[int], sizes: list[int], capacity: int, states_size: bool
) -> None:
    # Without the size nobody can tell the end from a broken connection, and all is asked for again:
    # more drops would let no byte through.
    host = ScriptedHost(data, drops if states_size else drops[:1], sizes, states_size=states_size)
    assert asyncio.run(transferred(host, capacity)) == data
    if states_size:
        assert host.n_sent == len(data), "nothing is sent twice"


@given(data=files, drops=drops, sizes=sizes, capacity=st.integers(1, 300), plan=plans)
def test_over_several_connections_that_break_the_bytes_are_the_same(
    data: bytes, drops: list[int], sizes: list[int], capacity: int, plan: Plan
) -> None:
    host = ScriptedHost(data, drops, sizes)
    assert asyncio.run(transferred(host, capacity, plan)) == data


def test_that_several_connections_are_drawn_at_all() -> None:
    host = ScriptedHost(bytes(600), sizes=[10])
    assert asyncio.run(transferred(host, 30, eager(40))) == host.data
    assert host.n_parts > 5


@given(data=files, drop=st.integers(1, 600), sizes=sizes, capacity=st.integers(1, 300))
def test_without_ranges_the_beginning_comes_again_and_the_bytes_are_the_same(
    data: bytes, drop: int, sizes: list[int], capacity: int
) -> None:
    host = ScriptedHost(data, [drop, drop + 1], sizes, has_ranges=False)
    assert asyncio.run(transferred(host, capacity)) == data
    assert set(host.opened) == {0}


@settings(max_examples=300)
@given(
    data=files,
    drops=drops,
    sizes=sizes,
    capacity=st.integers(1, 300),
    lives=st.lists(st.integers(1, 150), max_size=4),
    has_ranges=st.booleans(),
    plan=st.just(Plan()) | plans,
)
def test_killed_at_any_moment_and_opened_again_it_goes_on(
    data: bytes,
    drops: list[int],
    sizes: list[int],
    capacity: int,
    lives: list[int],
    has_ranges: bool,
    plan: Plan,
) -> None:
    stored = MemoryFiles()
    for n_steps in lives:
        host = ScriptedHost(data, drops if has_ranges else [], sizes, has_ranges=has_ranges)
        with suppress(Killed):
            mortal = MortalFiles(stored, n_steps)
            assert asyncio.run(loaded(Shelf(mortal, host, chunk_bytes=CHUNK_BYTES), capacity, plan)) == data
    host = ScriptedHost(data, drops if has_ranges else [], sizes, has_ranges=has_ranges)
    shelf = Shelf(stored, host, chunk_bytes=CHUNK_BYTES)
    assert asyncio.run(loaded(shelf, capacity, plan)) == data
    [model] = asyncio.run(shelf.stored())
    assert model.complete
    n_sent = host.n_sent
    assert asyncio.run(loaded(shelf, capacity)) == data
    assert host.n_sent == n_sent, "a stored file needs no server"


@given(data=files, damage=st.data(), capacity=st.integers(1, 300))
def test_damage_anywhere_is_found_and_only_its_chunk_is_fetched_again(
    data: bytes, damage: st.DataObject, capacity: int
) -> None:
    host, stored = ScriptedHost(data), MemoryFiles()
    shelf = Shelf(stored, host, chunk_bytes=CHUNK_BYTES)
    asyncio.run(loaded(shelf, capacity))
    [file] = stored.data.values()
    place = damage.draw(st.integers(0, len(data) - 1))
    file[place] ^= 0x10
    begin = place // CHUNK_BYTES * CHUNK_BYTES
    with pytest.raises(DamagedFile, match=rf"damaged at byte {begin:,}:"):
        asyncio.run(loaded(shelf, capacity))
    [model] = asyncio.run(shelf.stored())
    assert asyncio.run(shelf.repair(model.key)) == min(CHUNK_BYTES, len(data) - begin)
    assert host.opened[-1] == begin
    assert file == data
    assert asyncio.run(loaded(shelf, capacity)) == data


@given(data=files)
def test_a_server_that_never_gives_a_byte_is_given_up(data: bytes) -> None:
    host = ScriptedHost(data, [0] * 20)
    with pytest.raises(FetchError, match="broke after 0 of"):
        asyncio.run(transferred(host, 100))
    assert len(host.opened) == 6


@given(data=files, damage=st.data())
def test_a_stored_file_that_lost_its_end_goes_on_at_the_last_whole_chunk(
    data: bytes, damage: st.DataObject
) -> None:
    host, stored = ScriptedHost(data), MemoryFiles()
    shelf = Shelf(stored, host, chunk_bytes=CHUNK_BYTES)
    asyncio.run(loaded(shelf, 100))
    [file] = stored.data.values()
    left = damage.draw(st.integers(0, len(data) - 1))
    del file[left:]
    assert asyncio.run(loaded(shelf, 100)) == data
    assert host.opened[-1] == left // CHUNK_BYTES * CHUNK_BYTES
    assert asyncio.run(loaded(shelf, 100)) == data


@given(data=files, most_bytes=st.integers(0, 599), capacity=st.integers(1, 300), drops=drops)
def test_full_storage_does_not_stop_a_load_and_what_fits_is_used_the_next_time(
    data: bytes, most_bytes: int, capacity: int, drops: list[int]
) -> None:
    host, stored = ScriptedHost(data, drops), MemoryFiles(most_bytes)
    shelf = Shelf(stored, host, chunk_bytes=CHUNK_BYTES)
    said = control()

    async def load() -> bytes:
        async with shelf.open(ORIGIN, 0, said) as body:
            return await read_all(body, capacity)

    assert asyncio.run(load()) == data
    assert ("not stored" in said.remark) == (most_bytes < len(data))
    stored.most_bytes, n_sent = len(data), host.n_sent
    assert asyncio.run(load()) == data
    if most_bytes < len(data):
        assert host.n_sent - n_sent <= len(data) - most_bytes // CHUNK_BYTES * CHUNK_BYTES
    [model] = asyncio.run(shelf.stored())
    assert model.complete


class NoRoom(MemoryFiles):
    """Not even an empty file can be made."""

    async def open(self, name: str) -> File:
        raise StorageFull(1)


def test_storage_without_room_for_a_single_file_does_not_stop_a_load() -> None:
    host, said = ScriptedHost(bytes(range(100))), control()
    host.files = NoRoom()

    async def load() -> bytes:
        async with aclosing(Delivery(ORIGIN, host, keep=True, control=said).bodies()) as bodies:
            return b"".join([await read_all(body, 30) async for body in bodies])

    assert asyncio.run(load()) == host.data
    assert "not stored" in said.remark
