"""The models offered by name: ``models/models.json`` of a checkout, of ``$BITNET_MODELS``, or of a site."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from bitnet.errors import BadArgument, FetchError
from bitnet.fetch import read_small
from bitnet.host import Host

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model on offer.

    *location* is a path or an absolute URL, also of a repository of Hugging Face. *size_bytes*, *sha256* and
    *context_length* are None where they are not known. *sampling* has fields of ``Sampling``.
    """

    name: str
    title: str
    location: Path | str
    size_bytes: int | None
    sha256: str | None
    licence: str
    description: str
    sampling: Mapping[str, Any]
    sample_prompts: tuple[str, ...]
    context_length: int | None


def is_name(source: object) -> bool:
    """Whether *source* can only be meant as a name: no slash, no dot, and no file is called so."""
    return isinstance(source, str) and NAME.fullmatch(source) is not None and not Path(source).exists()


async def read_catalogue(host: Host) -> dict[str, Entry]:
    """All entries by name, in the order of the file.

    Raises:
        FetchError: The catalogue is not there, or is not what it should be.
    """
    text = await read_small(host.catalogue, host)
    try:
        entries = [_entry(fields, host.catalogue) for fields in json.loads(text)["models"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FetchError(
            f"The catalogue {host.catalogue} is damaged ({error!r}): restore it from the release."
        ) from None
    return {entry.name: entry for entry in entries}


async def find(name: str, host: Host) -> Entry:
    """The entry called *name*.

    Raises:
        BadArgument: There is none; the sentence lists the names.
        FetchError: As ``read_catalogue``.
    """
    entries = await read_catalogue(host)
    if name not in entries:
        raise BadArgument(
            f"There is no model {name!r}: give a path, a URL, or a name of the catalogue "
            f"({', '.join(entries)})."
        )
    return entries[name]


def _entry(fields: Mapping[str, Any], catalogue: Path | str) -> Entry:
    return Entry(
        name=fields["name"],
        title=fields["title"],
        location=_location(fields["url"], catalogue),
        size_bytes=None if fields["size_bytes"] is None else int(fields["size_bytes"]),
        sha256=fields["sha256"],
        licence=fields["licence"],
        description=fields["description"],
        sampling=dict(fields["sampling"]),
        sample_prompts=tuple(fields["sample_prompts"]),
        context_length=fields["context_length"],
    )


def _location(url: str, catalogue: Path | str) -> Path | str:
    if isinstance(catalogue, str):
        return urljoin(catalogue, url)
    return url if "://" in url else catalogue.parent / url
