"""What a server's answer means, for every host the same: errors by status, ranges, validators."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bitnet.errors import Busy, FetchError, NotFound, RangeRefused, Refused

#: Statuses that may be another one in a moment.
PASSING = (408, 425, 429, 500, 502, 503, 504)

#: Reads one field of a response's header, by its name in lower case; None where it is not there or hidden.
Header = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """The fields of ``Response`` as a header states them."""

    total_bytes: int | None
    begin: int
    validator: str
    accepts_ranges: bool
    next_page: str = ""


def failure(url: str, status: int, header: Header, begin: int) -> FetchError | None:
    """What is wrong with an answer of this *status* to a request from byte *begin* on; None if nothing is."""
    if status in (200, 206):
        return None
    if status in (404, 410):
        return NotFound(url)
    if status == 416:
        return RangeRefused(url, begin)
    if status in PASSING:
        return Busy(url, status, retry_after(header("retry-after")))
    return Refused(url, status)


def range_field(begin: int, end: int | None) -> dict[str, str]:
    """The field that asks for the bytes from *begin* on, up to *end*; none for the whole file."""
    return {"Range": f"bytes={begin}-{'' if end is None else end - 1}"} if begin else {}


def answer(status: int, header: Header, asked: int, end: int | None = None) -> Answer:
    """The facts of a good answer to a request from byte *asked* on, up to *end*.

    Other sites may hide Content-Range and ETag from a page, but neither Content-Length nor Last-Modified.
    """
    length = header("content-length")
    # A compressed transfer states its own length, which says nothing about the file.
    n_bytes = int(length) if length and length.isdecimal() and not header("content-encoding") else None
    begin, total = 0, n_bytes
    if status == 206:
        stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", header("content-range") or "")
        begin = int(stated[1]) if stated else asked
        if stated and stated[2] != "*":
            total = int(stated[2])
        else:
            total = begin + n_bytes if n_bytes is not None and end is None else None
    tag = header("etag") or ""
    following = re.search(r'<([^<>]+)>;[^<]*\brel="?next"?', header("link") or "")
    return Answer(
        total_bytes=total,
        begin=begin,
        validator=tag if tag.startswith('"') else header("last-modified") or "",
        accepts_ranges=status == 206 or header("accept-ranges") == "bytes",
        next_page=following[1] if following else "",
    )


def retry_after(field: str | None) -> float | None:
    """Seconds until a server wants to be asked again: it states them, or a date."""
    if not field:
        return None
    if field.strip().isdecimal():
        return float(field)
    try:
        date = parsedate_to_datetime(field)
    except ValueError:
        return None
    return max(0.0, (date - datetime.now(UTC if date.tzinfo else None)).total_seconds())
