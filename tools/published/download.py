"""A model by path or URL as a file of this machine; a broken download goes on where it ended."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 60.0
CHUNK_BYTES = 1 << 20


def local_copy(source: str, folder: Path) -> Path:
    """*source* itself if it is a path, else where its download lies in *folder*.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: The server refuses, or the connection broke: what has come is kept for the next try.
    """
    if not source.startswith(("http://", "https://")):
        if not Path(source).is_file():
            raise FileNotFoundError(f"There is no file {source}: give the path or the URL of a GGUF file.")
        return Path(source)
    path = folder / (unquote(Path(urlsplit(source).path).name) or "model.gguf")
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    start = part.stat().st_size if part.is_file() else 0
    with _open(source, start) as response:
        resumed = response.status == 206
        total = (start if resumed else 0) + int(response.headers["Content-Length"])
        with part.open("ab" if resumed else "wb") as file:
            while data := response.read(CHUNK_BYTES):
                file.write(data)
                print(f"\r{file.tell() / 1e6:,.0f} of {total / 1e6:,.0f} MB", end="", file=sys.stderr)
    print(file=sys.stderr)
    if part.stat().st_size != total:
        raise OSError(
            f"{source} ended after {part.stat().st_size:,} of {total:,} bytes: run it again to go on."
        )
    return part.rename(path)


def _open(source: str, start: int) -> Any:
    """The answer of the server, from byte *start* on if it can do that."""
    request = urllib.request.Request(source, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.URLError as error:
        raise OSError(f"{source} cannot be fetched ({error.reason}): check the address.") from error
