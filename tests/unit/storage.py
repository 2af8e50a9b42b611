"""What every platform's ``Files`` must do.

The same checks are for CPython's folder (test_storage.py) and for browsers (tests/e2e/test_storage.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import random

from bitnet.errors import InUse
from bitnet.host import File, Files
from bitnet.host.memory import address_of


def write(file: File, data: bytes, begin: int) -> None:
    buffer = bytearray(data)
    file.write_from(address_of(buffer), len(buffer), begin)


def read(file: File, capacity: int, begin: int) -> bytes:
    buffer = bytearray(capacity)
    return bytes(buffer[: file.read_into(address_of(buffer), capacity, begin)])


async def store(files: Files, name: str, data: bytes) -> None:
    file = await files.open(name)
    file.truncate(0)
    if data:
        write(file, data, 0)
    file.close()


async def texts_are_replaced_whole(files: Files) -> None:
    assert await files.read_text("none.json") is None
    await files.write_text("one.json", "a long text with an ü")
    await files.write_text("one.json", "short")
    assert await files.read_text("one.json") == "short"


async def bytes_are_written_and_read_at_any_place(files: Files) -> None:
    file = await files.open("model.gguf")
    assert file.size == 0
    write(file, b"0123456789", 0)
    write(file, b"abc", 8)
    assert file.size == 11
    assert read(file, 4, 6) == b"67ab"
    assert read(file, 100, 9) == b"bc"
    assert read(file, 100, 11) == b""
    file.truncate(9)
    file.flush()
    file.close()
    file.close()
    file = await files.open("model.gguf")
    assert read(file, 100, 0) == b"01234567a"
    file.close()


async def what_is_removed_is_gone(files: Files) -> None:
    await files.write_text("b.json", "{}")
    await store(files, "a.gguf", b"weights")
    assert await files.names() == ["a.gguf", "b.json"]
    await files.remove("a.gguf")
    await files.remove("a.gguf")
    assert await files.names() == ["b.json"]


async def a_lock_has_one_owner(files: Files) -> None:
    async with files.lock("key"):
        try:
            async with files.lock("key", wait=False):
                raise AssertionError("a second owner")
        except InUse:
            pass
        async with files.lock("another"):
            pass
        waiting = asyncio.create_task(own(files))
        given_up = asyncio.create_task(own(files))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        given_up.cancel()
        await asyncio.wait([given_up], timeout=5)
        assert given_up.cancelled()
    await asyncio.wait_for(waiting, timeout=5)
    async with files.lock("key", wait=False):
        pass


async def own(files: Files) -> None:
    async with files.lock("key"):
        pass


async def an_error_inside_a_lock_gives_it_back(files: Files) -> None:
    try:
        async with files.lock("key"):
            raise KeyError("of the caller")
    except KeyError:
        pass
    async with files.lock("key", wait=False):
        pass


async def the_hash_is_that_of_all_bytes(files: Files) -> None:
    data = random.Random(7).randbytes(9_000_001)
    await store(files, "model.gguf", data)
    seen: list[int] = []
    assert await files.sha256("model.gguf", seen.append) == hashlib.sha256(data).hexdigest()
    await asyncio.sleep(0)  # the last word of another thread
    assert seen == sorted(seen)
    assert seen[-1] == len(data)
    await store(files, "empty.gguf", b"")
    assert await files.sha256("empty.gguf") == hashlib.sha256(b"").hexdigest()


async def a_hash_that_nobody_waits_for_ends(files: Files) -> None:
    await store(files, "model.gguf", bytes(30_000_000))
    begun = asyncio.Event()
    work = asyncio.create_task(files.sha256("model.gguf", lambda _: begun.set()))
    await begun.wait()
    work.cancel()
    await asyncio.wait([work], timeout=5)
    assert work.cancelled()
    await store(files, "model.gguf", b"it may be written again")


async def the_room_counts_what_is_stored(files: Files) -> None:
    before = await files.room()
    await store(files, "model.gguf", bytes(1_000_000))
    after = await files.room()
    assert (before.used_bytes, after.used_bytes) == (0, 1_000_000)
    assert after.free_bytes is not None
    assert after.free_bytes > 1_000_000


CHECKS = [
    texts_are_replaced_whole,
    bytes_are_written_and_read_at_any_place,
    what_is_removed_is_gone,
    a_lock_has_one_owner,
    an_error_inside_a_lock_gives_it_back,
    the_hash_is_that_of_all_bytes,
    a_hash_that_nobody_waits_for_ends,
    the_room_counts_what_is_stored,
]
