"""The models offered by name: ``models/models.json`` of a checkout, of ``$BITNET_MODELS``, or of a site."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from bitnet.errors import BadArgument, FetchError
from bitnet.fetch import read_small
from bitnet.host import Host
from bitnet.records import Sampling

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model on offer. *url* is absolute, or a path; *sampling* is what suits the model."""

    name: str
    title: str
    url: str
    size_bytes: int
    sha256: str
    licence: str
    description: str
    sampling: Sampling
    sample_prompts: tuple[str, ...]
    context_length: int


class Catalogue:
    """All entries, in the order of the file."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries

    @classmethod
    async def read(cls, host: Host) -> Catalogue:
        """The catalogue that *host* points at.

        Raises:
            FetchError: It is not there, or is not what it should be.
        """
        text, where = await read_small(host.catalogue, host), host.catalogue
        try:
            return cls(tuple(_entry(fields, where) for fields in json.loads(text)["models"]))
        except (ValueError, KeyError, TypeError) as error:
            raise FetchError(
                f"The catalogue {where} is damaged ({error!r}): restore it from the release."
            ) from None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def find(self, name: str) -> Entry | None:
        """The entry called *name*."""
        return next((entry for entry in self.entries if entry.name == name), None)


def is_name(source: object) -> bool:
    """Whether *source* can only be meant as a name: no slash, no dot, and no file is called so."""
    return isinstance(source, str) and NAME.fullmatch(source) is not None and not Path(source).exists()


async def url_of(name: str, host: Host) -> str:
    """Where the model called *name* lies.

    Raises:
        BadArgument: There is none; the sentence lists the names.
        FetchError: The catalogue cannot be read.
    """
    catalogue = await Catalogue.read(host)
    if entry := catalogue.find(name):
        return entry.url
    names = ", ".join(entry.name for entry in catalogue)
    raise BadArgument(
        f"There is no model {name!r}: give a path, a URL, or a name of the catalogue ({names})."
    )


def _entry(fields: Mapping[str, Any], catalogue: Path | str) -> Entry:
    url = fields["url"]
    return Entry(
        name=fields["name"],
        title=fields["title"],
        url=str(catalogue.parent / url) if isinstance(catalogue, Path) else urljoin(catalogue, url),
        size_bytes=int(fields["size_bytes"]),
        sha256=fields["sha256"],
        licence=fields["licence"],
        description=fields["description"],
        sampling=Sampling(**fields["sampling"]),
        sample_prompts=tuple(fields["sample_prompts"]),
        context_length=int(fields["context_length"]),
    )
