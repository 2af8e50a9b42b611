"""What is known of a stored file: a small text beside it, written after every chunk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from bitnet.host import Files

VERSION = 1
CHUNK_BYTES = 8 << 20


@dataclass(slots=True)
class Journal:
    """Of one file.

    Attributes:
        urls: Of all parts of the model; of most there is one.
        part: Which of them this file is, from 0 on.
        total_bytes: None while the server has not said.
        validator: What the server says to tell this file from another one; see ``Response.validator``.
        received_bytes: How many of them are stored.
        chunk_bytes: After each so many bytes, all before them are safe whenever the program ends.
        checks: CRC-32 of every chunk, the last one's up to *received_bytes*.
        sha256: What the whole file should have, "" where nobody has said.
        verified: Whether it has; None while nobody has looked.
        added_at, used_at: Seconds since 1970.
    """

    urls: list[str]
    part: int
    title: str
    total_bytes: int | None = None
    validator: str = ""
    received_bytes: int = 0
    chunk_bytes: int = CHUNK_BYTES
    checks: list[int] = field(default_factory=list)
    sha256: str = ""
    verified: bool | None = None
    added_at: float = 0.0
    used_at: float = 0.0

    @property
    def url(self) -> str:
        return self.urls[self.part]

    @property
    def is_complete(self) -> bool:
        return self.received_bytes == self.total_bytes

    def cut(self, n_bytes: int) -> None:
        """Forget what lies behind the last whole chunk before *n_bytes*."""
        if n_bytes < self.received_bytes:
            n_chunks = n_bytes // self.chunk_bytes
            self.received_bytes, self.checks = n_chunks * self.chunk_bytes, self.checks[:n_chunks]

    def forget(self) -> None:
        """Begin anew: nothing of the file is there any more."""
        self.received_bytes, self.checks, self.verified = 0, [], None
        self.total_bytes, self.validator = None, ""


def key_of(url: str) -> str:
    """The name under which the file behind *url* is stored."""
    return hashlib.sha256(url.encode()).hexdigest()[:24]


def data_name(key: str) -> str:
    return f"{key}.gguf"


def journal_name(key: str) -> str:
    return f"{key}.json"


async def read_journal(files: Files, key: str) -> Journal | None:
    """None if there is none, or none that this version wrote."""
    text = await files.read_text(journal_name(key))
    try:
        fields = json.loads(text or "{}")
        if fields.pop("version", None) != VERSION:
            return None
        journal = Journal(**fields)
        return journal if key_of(journal.url) == key else None
    except (ValueError, TypeError, IndexError, AttributeError):
        return None


async def write_journal(files: Files, journal: Journal) -> None:
    """Raises StorageFull; then the journal before stays."""
    text = json.dumps({"version": VERSION, **asdict(journal)})
    await files.write_text(journal_name(key_of(journal.url)), text)
