"""What differs by platform, behind one small interface: browser.py for Pyodide, cpython.py for CPython."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from bitnet.ranks import Cores, Ranks


class Body(Protocol):
    """Bytes read once, from the beginning to the end."""

    @property
    def total_bytes(self) -> int | None:
        """Size of the whole file, None if nobody says."""

    async def read_into(self, address: int, capacity: int) -> int:
        """Write the next bytes, at most *capacity*, to memory at *address*; 0 means that all have been read.

        The address is unsigned: in a browser it may lie above 2 GiB.
        """


class Response(Body, Protocol):
    """What a server, or an object of the platform, gives from *begin* on."""

    @property
    def begin(self) -> int:
        """Offset in the file of the first byte that comes: 0 if the server does not give parts of a file."""

    @property
    def validator(self) -> str:
        """The file's strong ETag, else its Last-Modified; "" where neither can be read."""

    @property
    def accepts_ranges(self) -> bool:
        """Whether the server says that it gives parts of a file, or has just done so."""

    @property
    def next_page(self) -> str:
        """Where a list of several pages goes on, "" if it does not."""


class File(Protocol):
    """A file of ``Files`` that is open for reading and writing. Nothing here waits for an event loop."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def read_into(self, address: int, capacity: int, begin: int) -> int:
        """Write bytes from offset *begin* on to memory at the unsigned *address*; 0 at the end."""

    def write_from(self, address: int, n_bytes: int, begin: int) -> None:
        """Write all *n_bytes* of memory at the unsigned *address* to offset *begin*.

        Raises:
            StorageFull: There is no room; the file may have got some of them.
        """

    def truncate(self, size: int) -> None:
        """Cut the file to *size* bytes."""

    def flush(self) -> None:
        """Have everything written reach the storage itself."""

    def close(self) -> None:
        """Give the file back; closing twice is allowed."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is stored and what could be; None where the platform does not say."""

    used_bytes: int | None
    free_bytes: int | None


class Files(Protocol):
    """Files that stay: a folder without folders, of this program alone."""

    async def names(self) -> list[str]:
        """The files there are."""

    async def read_text(self, name: str) -> str | None:
        """A small text, None if there is no such file."""

    async def write_text(self, name: str, text: str) -> None:
        """Write a small text, all of it or nothing, whenever the program ends.

        Raises:
            StorageFull: There is no room; the text before stays.
        """

    async def open(self, name: str) -> File:
        """Open a file, and create it if there is none. Only whoever has its lock may do so."""

    async def remove(self, name: str) -> None:
        """Delete a file, if there is one."""

    async def room(self) -> Room:
        """How much is stored, and how much more could be."""

    async def persist(self) -> bool:
        """Ask the platform not to clear the storage by itself; returns, within a second, whether it won't."""

    def lock(self, name: str, *, wait: bool = True) -> AbstractAsyncContextManager[None]:
        """Own *name* over all tabs and processes until the block is left.

        Raises:
            InUse: Somebody else owns it, and *wait* is False.
        """

    async def sha256(self, name: str, on_progress: Callable[[int], object] | None = None) -> str:
        """The hash of a whole file in hexadecimal, computed beside the event loop.

        Args:
            on_progress: Called with how many bytes have been read.
        """

    async def export(self, name: str, as_name: str) -> Any:
        """The file for use outside, to be called *as_name*: a path, or a browser's File."""


class Host(Protocol):
    """What the platform gives: bytes from an address, storage, and the core that this machine can run."""

    #: Where the catalogue lies: a file, or a URL.
    catalogue: Path | str
    #: Where models are stored, None where that is not possible.
    files: Files | None
    #: Why there is no storage, and what is lost: a sentence, "" where there is.
    why_no_files: str

    def core_name(self) -> str:
        """File name, inside ``bitnet/_core/``, of the build of the core for this machine."""

    def cores(self) -> Cores:
        """How many ranks a model can have here, each on a core of its own."""

    def heap_bytes(self) -> int | None:
        """Size of the memory that the core shares with Python, None where a process holds more than that."""

    def conditions(self) -> dict[str, Any]:
        """What the speed depends on: "platform", "hardware_threads", and whether the page is "isolated"."""

    async def start_ranks(self, n_ranks: int, kernel: str | None) -> Ranks:
        """The other ranks of one model of *n_ranks*, 2 or more; whoever takes them closes them.

        Raises:
            BitNetError: They cannot be started.
        """

    def locate(self, source: str) -> Path | str:
        """What *source* means here: a path of the file system, or an absolute URL."""

    def open(
        self,
        source: Any,
        *,
        begin: int = 0,
        end: int | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> AbstractAsyncContextManager[Response]:
        """Open a URL, or an object of the platform such as a browser's File; leaving the block ends it.

        Args:
            begin: Where to begin. A server that does not give parts of a file begins at 0 all the same.
            end: Where to end, None for the end of the file; only with *begin*. More may come all the same.
            headers: Further fields of the request; they do not follow a redirection to another origin.
        Raises:
            FetchError: NotFound, Refused, RangeRefused, Busy, Blocked, Unreachable; ``read_into`` raises
                ConnectionBroken.
        """

    async def size_of(self, source: Any, *, headers: Mapping[str, str] = MappingProxyType({})) -> int | None:
        """Size of what ``open`` would give, without a transfer; None if nobody says.

        Raises:
            NotFound: Nothing is there.
        """


def this_host() -> Host:
    """The host that this interpreter runs on."""
    if sys.platform == "emscripten":
        from bitnet.host.browser import BrowserHost

        return BrowserHost()
    from bitnet.host.cpython import CPythonHost

    return CPythonHost()
