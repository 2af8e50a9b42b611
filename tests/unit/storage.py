"""What every platform's ``Files`` must do.

The same checks are for CPython's folder (test_storage.py) and for browsers (tests/e2e/test_storage.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress

from bitnet.errors import BadArgument, InUse
from bitnet.host import File, Files
from bitnet.host.memory import address_of
from bitnet.saved_sessions import SavedSessions


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


async def a_text_is_read_whole_while_others_replace_and_remove_it(files: Files) -> None:
    texts = {letter * 100_000 for letter in "ab"}

    async def change() -> None:
        for _ in range(20):
            for text in texts:
                await files.write_text("one.json", text)
            await files.remove("one.json")

    changing = asyncio.create_task(change())
    seen = set()
    try:
        while not changing.done():
            seen.add(await files.read_text("one.json"))
            await asyncio.sleep(0)
    finally:
        await changing
    assert seen <= {None, "", *texts}  # a new one may be empty for a moment


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


async def stream(pieces: Iterable[bytes], failure: Exception | None = None) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece
    if failure:
        raise failure


async def read_session(sessions: SavedSessions, name: str) -> bytes:
    async with aclosing(sessions.read(name)) as pieces:
        return b"".join([piece async for piece in pieces])


async def saved_sessions_are_kept_by_name(files: Files) -> None:
    sessions = SavedSessions(files)
    data = random.Random(3).randbytes(2_500_000)
    first = await sessions.write("a chat/1", stream([data[:7], b"", data[7:2_000_000], data[2_000_000:]]))
    second = await sessions.write("another", stream([b"short"]))
    assert (first.name, first.n_bytes) == ("a chat/1", 2_500_000)
    assert await sessions.stored() == [second, first]
    assert await read_session(sessions, "a chat/1") == data
    replaced = await sessions.write("a chat/1", stream([b"shorter than before"]))
    assert await sessions.stored() == [replaced, second]
    assert await read_session(sessions, "a chat/1") == b"shorter than before"
    await sessions.remove("a chat/1")
    await sessions.remove("a chat/1")
    assert await sessions.stored() == [second]
    assert len(await files.names()) == 2


async def a_saved_session_that_was_not_completed_is_not_there(files: Files) -> None:
    sessions = SavedSessions(files)
    await sessions.write("chat", stream([b"before"]))
    with suppress(KeyError):
        await sessions.write("chat", stream([b"half of it"], KeyError("of the caller")))
    assert await files.names() == []
    assert await sessions.stored() == []
    found: bytes | None = None
    with suppress(BadArgument):
        found = await read_session(sessions, "chat")
    assert found is None


async def remains_of_a_saved_session_are_deleted_unless_it_is_being_written(files: Files) -> None:
    sessions = SavedSessions(files)
    written = await sessions.write("chat", stream([b"complete"]))
    (note,) = [name for name in await files.names() if name.endswith(".saved")]
    text = await files.read_text(note)
    await files.remove(note)
    async with files.lock(note.removesuffix(".saved")):
        assert await sessions.stored() == []
        assert len(await files.names()) == 1
        await files.write_text(note, text or "")
    assert await sessions.stored() == [written]
    await files.remove(note)
    assert await sessions.stored() == []
    assert await files.names() == []


CHECKS = [
    texts_are_replaced_whole,
    a_text_is_read_whole_while_others_replace_and_remove_it,
    bytes_are_written_and_read_at_any_place,
    what_is_removed_is_gone,
    a_lock_has_one_owner,
    an_error_inside_a_lock_gives_it_back,
    the_hash_is_that_of_all_bytes,
    a_hash_that_nobody_waits_for_ends,
    the_room_counts_what_is_stored,
    saved_sessions_are_kept_by_name,
    a_saved_session_that_was_not_completed_is_not_there,
    remains_of_a_saved_session_are_deleted_unless_it_is_being_written,
]
