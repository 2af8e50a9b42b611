"""All stored models: which there are, how much room they take, whether they are what they should be."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bitnet.delivery.control import Control
from bitnet.delivery.journal import (
    CHUNK_BYTES,
    Journal,
    data_name,
    journal_name,
    key_of,
    read_journal,
    write_journal,
)
from bitnet.delivery.kept import KeptBody
from bitnet.delivery.origin import Origin, Part
from bitnet.delivery.repair import repair_file
from bitnet.delivery.transfer import Transfer
from bitnet.errors import InUse, NotFound, SourceChanged, StorageFull
from bitnet.host import Files, Host, Room


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored model, whole or in part.

    Attributes:
        key: Names it for the methods of ``Shelf``.
        urls: Where its parts come from; of most models there is one.
        total_bytes: None where the server has not said.
        sha256: What it should have, "" where nobody has said, and for a split model.
        verified: Whether the SHA-256 of what is stored is that; None while it has not been checked.
        added_at, used_at: Seconds since 1970.
    """

    key: str
    title: str
    urls: tuple[str, ...]
    received_bytes: int
    total_bytes: int | None
    complete: bool
    sha256: str
    verified: bool | None
    added_at: float
    used_at: float

    @property
    def url(self) -> str:
        return self.urls[0]

    def origin(self) -> Origin:
        """Where it comes from, to load it again."""
        sizes = [self.total_bytes if len(self.urls) == 1 else None] * len(self.urls)
        parts = (Part(url, size, self.sha256) for url, size in zip(self.urls, sizes, strict=True))
        return Origin(self.title, tuple(parts))


class Shelf:
    """Every method reads the storage anew: other tabs and programs work with it too.

    Args:
        chunk_bytes: Of files that are begun here; see ``Journal``.
    """

    def __init__(self, files: Files, host: Host, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._files, self._host, self._chunk_bytes = files, host, chunk_bytes

    # ---- What there is ----

    async def stored(self) -> list[Stored]:
        """What is stored, used last first."""
        models: dict[str, list[Journal]] = {}
        for name in await self._files.names():
            if name.endswith(".json") and (journal := await read_journal(self._files, name[:-5])):
                models.setdefault(key_of(journal.urls[0]), []).append(journal)
        found = [_stored(key, journals) for key, journals in models.items()]
        return sorted(found, key=lambda model: -model.used_at)

    async def find(self, origin: Origin) -> Stored | None:
        """The stored copy of *origin*, whole or in part."""
        if not origin.is_remote:
            return None
        return await self._get(key_of(origin.source))

    async def room(self) -> Room:
        """How much is stored, and how much more could be."""
        return await self._files.room()

    async def to_make_room(self, n_bytes: int) -> list[Stored]:
        """What to delete so that *n_bytes* more find room: used least recently first; [] if they fit."""
        free = (await self.room()).free_bytes
        chosen: list[Stored] = []
        for model in reversed(await self.stored()):
            if free is None or free >= n_bytes:
                break
            free += model.received_bytes
            chosen.append(model)
        return chosen

    async def persist(self) -> bool:
        """Ask the platform not to clear the storage by itself."""
        return await self._files.persist()

    # ---- A file of a model ----

    async def has(self, url: str) -> bool:
        """Whether the file behind *url* is there, whole, and not known to be wrong."""
        journal = await read_journal(self._files, key_of(url))
        return journal is not None and journal.is_complete and journal.verified is not False

    @asynccontextmanager
    async def open(self, origin: Origin, n: int, control: Control) -> AsyncGenerator[KeptBody]:
        """The n-th part of *origin*: what is stored of it first, then the rest, which is stored too.

        Waits while another tab or program has the file.

        Raises:
            FetchError: As ``Transfer.open``.
        """
        part = origin.parts[n]
        key = key_of(part.source)
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._files.lock(key, wait=False))
            except InUse:
                control.say("elsewhere")
                await stack.enter_async_context(self._files.lock(key))
                control.say("receiving")
            journal = await self._journal_for(origin, n)
            file = await self._files.open(data_name(key))
            stack.callback(file.close)
            journal.cut(file.size)
            transfer = None
            if not journal.is_complete:
                transfer = await self._connect(journal, origin.headers, control)
                stack.push_async_callback(transfer.close)
                file.truncate(journal.received_bytes)
            journal.used_at = time.time()
            with suppress(StorageFull):
                await write_journal(self._files, journal)
            body = KeptBody(self._files, file, journal, transfer, control)
            try:
                yield body
            finally:
                await body.close()
                if not journal.received_bytes:
                    await self._remove_file(key)

    async def _journal_for(self, origin: Origin, n: int) -> Journal:
        """The one there is, unless it says that the file is wrong, or that another one is wanted."""
        part, now = origin.parts[n], time.time()
        journal = await read_journal(self._files, key_of(part.source))
        urls = [other.source for other in origin.parts]
        if journal is None:
            return Journal(
                urls,
                n,
                origin.title,
                sha256=part.sha256,
                chunk_bytes=self._chunk_bytes,
                added_at=now,
                used_at=now,
            )
        journal.urls, journal.part = urls, n
        other = bool(part.sha256 and journal.sha256 and part.sha256 != journal.sha256)
        if journal.verified is False or other:
            journal.forget()
        journal.sha256 = part.sha256 or journal.sha256
        return journal

    async def _connect(self, journal: Journal, headers: Mapping[str, str], control: Control) -> Transfer:
        """A transfer of what is missing; of all, if the file has changed since it was begun."""
        while True:
            transfer = Transfer(
                self._host,
                journal.url,
                headers=headers,
                control=control,
                begin=journal.received_bytes,
                validator=journal.validator,
                total_bytes=journal.total_bytes,
            )
            try:
                await transfer.open()
                return transfer
            except SourceChanged as error:
                await transfer.close()
                if not journal.received_bytes:
                    raise
                journal.forget()
                control.say(control.state, remark=f"{error} This has begun.")

    # ---- What can be done to a model ----

    async def remove(self, key: str) -> None:
        """Delete a model.

        Raises:
            InUse: Another tab or program reads or writes it.
        """
        for journal in await self._journals(key):
            async with self._owned(journal, wait=False):
                await self._remove_file(key_of(journal.url))

    async def discard(self, url: str) -> None:
        """Delete the file behind *url*, if there is one; waits while somebody has it."""
        key = key_of(url)
        async with self._files.lock(key):
            await self._remove_file(key)

    async def verify(self, key: str, on_progress: Callable[[int], object] | None = None) -> bool | None:
        """Compare the SHA-256 of what is stored with what it should be, and remember the answer.

        Args:
            on_progress: Called with how many bytes of the model have been read.
        Returns:
            None where nobody has said what it should be, or where the model is not complete.
        """
        n_before = 0
        for journal in await self._journals(key):
            file_key = key_of(journal.url)
            async with self._owned(journal):
                current = await read_journal(self._files, file_key)
                if current and current.is_complete and current.sha256:
                    report = _shifted(on_progress, n_before) if on_progress else None
                    found = await self._files.sha256(data_name(file_key), report)
                    current.verified = found == current.sha256
                    with suppress(StorageFull):
                        await write_journal(self._files, current)
            n_before += journal.received_bytes
        stored = await self._get(key)
        return stored.verified if stored else None

    async def repair(
        self,
        key: str,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        control: Control | None = None,
    ) -> int:
        """Check every chunk of a model, and fetch those again that are not what they were.

        Returns:
            How many bytes were fetched.
        Raises:
            FetchError: They cannot be had; SourceChanged if the server has another file by now.
        """
        n_bytes = 0
        for journal in await self._journals(key):
            async with self._owned(journal):
                if current := await read_journal(self._files, key_of(journal.url)):
                    n_bytes += await repair_file(
                        self._files, self._host, current, headers, control or Control()
                    )
        return n_bytes

    async def export(self, key: str) -> list[Any]:
        """The files of a model for use outside: paths, or a browser's Files."""
        return [
            await self._files.export(data_name(key_of(journal.url)), file_name(journal.url))
            for journal in await self._journals(key)
        ]

    # ---- Inside ----

    async def _get(self, key: str) -> Stored | None:
        return next((model for model in await self.stored() if model.key == key), None)

    async def _journals(self, key: str) -> list[Journal]:
        """Of all files of a model, in order.

        Raises:
            NotFound: There is no such model.
        """
        stored = await self._get(key)
        if stored is None:
            raise NotFound("this place of the storage")
        found = [await read_journal(self._files, key_of(url)) for url in stored.urls]
        return [journal for journal in found if journal]

    @asynccontextmanager
    async def _owned(self, journal: Journal, *, wait: bool = True) -> AsyncGenerator[None]:
        try:
            async with self._files.lock(key_of(journal.url), wait=wait):
                yield
        except InUse:
            raise InUse(journal.title) from None

    async def _remove_file(self, key: str) -> None:
        await self._files.remove(data_name(key))
        await self._files.remove(journal_name(key))


def file_name(url: str) -> str:
    """What the file behind *url* is called."""
    return url.split("#")[0].split("?")[0].rstrip("/").rsplit("/", 1)[-1]


def _stored(key: str, journals: Sequence[Journal]) -> Stored:
    """A model from the journals of its files; those of parts that have not been begun are missing."""
    first = journals[0]
    totals = [journal.total_bytes for journal in journals]
    all_begun = len(journals) == len(first.urls)
    answers = {journal.verified for journal in journals}
    verified = False if False in answers else True if answers == {True} and all_begun else None
    return Stored(
        key=key,
        title=first.title,
        urls=tuple(first.urls),
        received_bytes=sum(journal.received_bytes for journal in journals),
        total_bytes=sum(total or 0 for total in totals) if all_begun and None not in totals else None,
        complete=all_begun and all(journal.is_complete for journal in journals),
        sha256=first.sha256 if len(first.urls) == 1 else "",
        verified=verified,
        added_at=min(journal.added_at for journal in journals),
        used_at=max(journal.used_at for journal in journals),
    )


def _shifted(report: Callable[[int], object], n_before: int) -> Callable[[int], object]:
    return lambda n_bytes: report(n_before + n_bytes)
