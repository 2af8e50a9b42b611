"""Hugging Face: names of repositories and files, and what its server says about them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from bitnet.errors import FetchError
from bitnet.fetch import read_page
from bitnet.host import Host

MOST_PAGES = 50

# owner/repo[@revision][:file], as people write it
SHORTHAND = re.compile(
    r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w./-]+))?(:(?P<file>[^:]+))?"
)
# the path of a page of the hub, as people copy it
PAGE = re.compile(
    r"/(?P<repo>[A-Za-z0-9][\w.-]*/[\w.-]+)"
    r"(/(?:blob|resolve|raw|tree)/(?P<revision>[^/]+)(/(?P<file>.+))?)?/?"
)


def hub_address() -> str:
    """``$HF_ENDPOINT``, as the hub's own tools know it, else the hub."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


@dataclass(frozen=True, slots=True)
class HubName:
    """A repository of the hub, or a file of it. *file* is "" where none is named."""

    hub: str
    repo: str
    revision: str = "main"
    file: str = ""

    def url_of(self, file: str) -> str:
        """Where *file* of this repository is served."""
        return f"{self.hub}/{self.repo}/resolve/{quote(self.revision, safe='')}/{quote(file)}"


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository. *sha256* is "" for small ones, whose hash is not published."""

    path: str
    size_bytes: int
    sha256: str


def parse(text: str, hub: str) -> HubName | None:
    """What *text* names at *hub*: ``owner/repo[@revision][:file]`` or the address of a page there; or None.

    A first part without file that ends in .gguf is a path, not a repository.
    """
    if text.startswith(f"{hub}/"):
        found = PAGE.fullmatch(unquote(urlsplit(text[len(hub) :]).path))
    elif (found := SHORTHAND.fullmatch(text)) and not found["file"] and text.lower().endswith(".gguf"):
        found = None
    if found is None:
        return None
    return HubName(hub, found["repo"], found["revision"] or "main", found["file"] or "")


async def list_files(name: HubName, host: Host, headers: Mapping[str, str]) -> list[HubFile]:
    """All files of a repository.

    Raises:
        FetchError: NotFound, Refused where a token is needed, or something that is no list.
    """
    url = f"{name.hub}/api/models/{name.repo}/tree/{quote(name.revision, safe='')}?recursive=true"
    files: list[HubFile] = []
    for _ in range(MOST_PAGES):
        text, following = await read_page(url, host, headers)
        try:
            files += [_file(entry) for entry in json.loads(text) if entry["type"] == "file"]
        except (ValueError, KeyError, TypeError) as error:
            raise FetchError(
                f"{url} is not a list of files ({error!r}): give the address of the file itself."
            ) from None
        if not following:
            return files
        url = urljoin(url, following)
    raise FetchError(f"{name.repo} has more files than can be listed: give the address of the file itself.")


def _file(entry: Mapping[str, object]) -> HubFile:
    stored = entry.get("lfs")
    sha256 = str(stored["oid"]) if isinstance(stored, dict) else ""
    size = entry["size"]
    if not isinstance(size, int):
        raise TypeError(size)
    return HubFile(str(entry["path"]), size, sha256)
