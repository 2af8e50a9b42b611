"""Mends a stored file: every chunk is checked, and the bad ones alone are fetched again."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator, Mapping, Sequence

from bitnet.delivery.control import Control
from bitnet.delivery.journal import Journal, data_name, key_of, write_journal
from bitnet.delivery.transfer import Transfer
from bitnet.errors import SourceChanged
from bitnet.host import File, Files, Host
from bitnet.host.memory import address_of


async def repair_file(
    files: Files, host: Host, journal: Journal, headers: Mapping[str, str], control: Control
) -> int:
    """Mend the file of *journal*, whose lock the caller has; returns how many bytes were fetched.

    Raises:
        FetchError: They cannot be had; after SourceChanged nothing of the file is left.
    """
    file = await files.open(data_name(key_of(journal.url)))
    n_fetched = 0
    try:
        buffer = bytearray(journal.chunk_bytes)
        for begin, end in runs(await bad_chunks(file, journal, buffer), journal.chunk_bytes):
            transfer = Transfer(
                host,
                journal.url,
                headers=headers,
                control=control,
                begin=begin,
                end=min(end, journal.received_bytes),
                validator=journal.validator,
                total_bytes=journal.total_bytes,
            )
            try:
                for at in range(begin, min(end, journal.received_bytes), journal.chunk_bytes):
                    n_bytes = await _fetch_chunk(transfer, journal, buffer, at)
                    file.write_from(address_of(buffer), n_bytes, at)
                    n_fetched += n_bytes
            except SourceChanged:  # what is stored cannot be mended any more
                journal.forget()
                file.truncate(0)
                await write_journal(files, journal)
                raise
            finally:
                await transfer.close()
        file.flush()
    finally:
        file.close()
    if n_fetched:
        journal.verified = None
        await write_journal(files, journal)
    return n_fetched


async def bad_chunks(file: File, journal: Journal, buffer: bytearray) -> list[int]:
    """Offsets of the chunks that are not what was written; other work goes on between two of them."""
    found = []
    for number, check in enumerate(journal.checks):
        begin = number * journal.chunk_bytes
        n_bytes = min(journal.chunk_bytes, journal.received_bytes - begin)
        n_read = 0
        while n_read < n_bytes and (
            n := file.read_into(address_of(buffer) + n_read, n_bytes - n_read, begin + n_read)
        ):
            n_read += n
        if zlib.crc32(memoryview(buffer)[:n_read]) != check or n_read < n_bytes:
            found.append(begin)
        await asyncio.sleep(0)
    return found


def runs(begins: Sequence[int], chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Chunks that follow each other as one range."""
    first = last = None
    for begin in begins:
        if first is None or last is None or begin != last:
            if first is not None and last is not None:
                yield first, last
            first = begin
        last = begin + chunk_bytes
    if first is not None and last is not None:
        yield first, last


async def _fetch_chunk(transfer: Transfer, journal: Journal, buffer: bytearray, begin: int) -> int:
    n_bytes = min(journal.chunk_bytes, journal.received_bytes - begin)
    n_read = 0
    while n_read < n_bytes:
        n = await transfer.read_into(address_of(buffer) + n_read, n_bytes - n_read)
        if n == 0:
            break
        n_read += n
    if (
        n_read < n_bytes
        or zlib.crc32(memoryview(buffer)[:n_bytes]) != journal.checks[begin // journal.chunk_bytes]
    ):
        raise SourceChanged(journal.url)
    return n_bytes
