"""What differs by platform, behind one small interface: browser.py for Pyodide, cpython.py for CPython."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from bitnet.ranks import Cores, Ranks


class Body(Protocol):
    """The bytes behind an address, read once from the beginning to the end."""

    @property
    def total_bytes(self) -> int | None:
        """Size of the whole body, None if the server does not say."""

    async def read_into(self, address: int, capacity: int) -> int:
        """Write the next bytes, at most *capacity*, to memory at *address*; 0 means that all have been read.

        The address is unsigned: in a browser it may lie above 2 GiB.
        """


class Host(Protocol):
    """What the platform gives: bytes from an address, and the core that this machine can run."""

    #: Where the catalogue lies: a file, or a URL.
    catalogue: Path | str

    def core_name(self) -> str:
        """File name, inside ``bitnet/_core/``, of the build of the core for this machine."""

    def cores(self) -> Cores:
        """How many ranks a model can have here, each on a core of its own."""

    async def start_ranks(self, n_ranks: int, kernel: str | None) -> Ranks:
        """The other ranks of one model of *n_ranks*, 2 or more; whoever takes them closes them.

        Raises:
            BitNetError: They cannot be started.
        """

    def locate(self, source: str) -> Path | str:
        """What *source* means here: a path of the file system, or an absolute URL."""

    def open(self, source: Any) -> AbstractAsyncContextManager[Body]:
        """Open a URL, or an object of the platform such as a browser's File; leaving the block ends it.

        Raises:
            FetchError: NotFound, Refused, Unreachable; ``read_into`` raises ConnectionBroken.
        """

    async def size_of(self, source: Any) -> int | None:
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
