"""Everything that can go wrong, as one tree.

BitNetError
├── BadArgument         the caller's mistake: an id outside the vocabulary, an unknown kernel or model name
├── BadFile             not GGUF, truncated, damaged or contradictory
├── Unsupported         well formed, but an architecture or tensor type that this core does not run
├── OutOfMemory         the model or its KV cache does not fit
├── ContextFull         more tokens than positions are left; nothing has changed
├── NotReady            the wrong moment: no model yet, no logits yet, or already closed
├── BadNumbers          NaN or infinity came out of the model
├── BufferTooSmall      the core's size protocol was not followed
├── ExchangeFailed      a rank could not reach the others
├── TemplateError       the chat template of the model refused the messages
├── NoCore              the compiled core is missing, or is of another version
└── FetchError          bytes could not be had
    ├── NotFound        nothing is at that address or path
    ├── Refused         the server answered, but with an error
    ├── RangeRefused    the server does not give that part of the file
    ├── Busy            the server asks for patience
    ├── Blocked         the browser does not let this page read that address
    ├── Unreachable     no answer at all
    ├── ConnectionBroken  the bytes ended too early
    ├── SourceChanged   the file at an address is another one than before
    ├── DamagedFile     a stored file is not what was written
    ├── StorageFull     there is no room to store more
    └── InUse           another tab or program works on a stored file

Every message is one sentence that holds the value that was wrong and what to do about it.
"""

from __future__ import annotations


class BitNetError(Exception):
    """Base of all errors of this package; ``str(error)`` is a sentence for people."""


class BadArgument(BitNetError, ValueError):
    """The caller's mistake."""


class BadFile(BitNetError):
    """Not a GGUF file, or a truncated, damaged or contradictory one."""


class Unsupported(BitNetError):
    """Well formed, but nothing this core can run."""


class OutOfMemory(BitNetError, MemoryError):
    """The model or its KV cache does not fit; the sentence says how many bytes are missing."""


class ContextFull(BitNetError):
    """More tokens were given than positions are left; nothing has changed."""


class NotReady(BitNetError):
    """The call came at the wrong moment."""


class BadNumbers(BitNetError):
    """NaN or infinity came out of the model."""


class BufferTooSmall(BitNetError):
    """A buffer was smaller than the core needs."""


class ExchangeFailed(BitNetError):
    """A rank could not exchange activations with the others."""


class TemplateError(BitNetError):
    """The chat template of the model refused the messages."""


class NoCore(BitNetError):
    """The compiled core is missing, cannot be opened, or is of another version."""


class FetchError(BitNetError):
    """Bytes could not be had."""


class NotFound(FetchError):
    def __init__(self, where: str) -> None:
        super().__init__(f"Nothing was found at {where}: check the address or path of the model.")


class Refused(FetchError):
    def __init__(self, url: str, status: int) -> None:
        advice = {
            401: "the model is private or gated; give an access token",
            403: "its licence must be accepted there first, or the access token is not for it",
        }.get(status, "check that the address is public")
        super().__init__(f"The server answered {url} with HTTP status {status}: {advice}.")


class RangeRefused(FetchError):
    def __init__(self, url: str, begin: int) -> None:
        super().__init__(
            f"The server does not give {url} from byte {begin:,} on: load the model from its beginning."
        )


class Busy(FetchError):
    """*retry_after_s* is when the server wants to be asked again, None if it does not say."""

    def __init__(self, url: str, status: int, retry_after_s: float | None = None) -> None:
        trouble = {429: "asks for fewer requests", 503: "is overloaded"}.get(status, "has failed")
        super().__init__(f"The server of {url} {trouble} (HTTP status {status}): try again in a few minutes.")
        self.retry_after_s = retry_after_s


class Blocked(FetchError):
    """The browser does not let this page read an address; the sentence says why."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"This page may not read {url}, because {reason}: download the file and drop it here."
        )


class Unreachable(FetchError):
    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url} cannot be reached ({reason}): check the address and the connection, then try again."
        )


class ConnectionBroken(FetchError):
    def __init__(self, url: str, received_bytes: int, total_bytes: int | None) -> None:
        total = "an unknown number of" if total_bytes is None else f"{total_bytes:,}"
        super().__init__(
            f"The connection to {url} broke after {received_bytes:,} of {total} bytes: "
            "try again to load the model."
        )


class SourceChanged(FetchError):
    def __init__(self, url: str) -> None:
        super().__init__(
            f"The file at {url} has changed since its first part was fetched: load it from its beginning."
        )


class DamagedFile(FetchError):
    """A stored file is not what was written; *name* is the file in the storage."""

    def __init__(self, title: str, name: str, begin: int) -> None:
        super().__init__(
            f"The stored file of {title} is damaged at byte {begin:,}: "
            "repair it, or delete it and load it again."
        )
        self.name = name


class StorageFull(FetchError):
    def __init__(self, n_bytes: int) -> None:
        super().__init__(
            f"There is no room to store {n_bytes:,} bytes: delete a stored model, or load without storing."
        )


class InUse(FetchError):
    def __init__(self, title: str) -> None:
        super().__init__(
            f"{title} is in use by another tab or program: close it there, or wait until it is done."
        )
