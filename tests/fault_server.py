"""A file server that misbehaves as its addresses ask for, and looks like Hugging Face where that is needed.

    python tests/fault_server.py FOLDER [PORT]

An address is ``/OPTION/OPTION=VALUE/.../FILE``. Each whole address has a memory of its own: "the first
request" is the first one for that very address. Options:

    drop=1000,0      the first connection ends after 1,000 bytes of the body, the second before any
    drop=1000,*      each connection ends after 1,000 bytes
    stall=1000       after 1,000 bytes nothing more comes, and the connection stays; the first time only
    stalls=3         the third connection is the one that stalls
    rate=500000      bytes per second, of each connection
    line=500000      bytes per second, of all connections to this address together
    queue            while one connection to this address is open, others wait
    most=1           with so many connections to this address, further requests are answered with 429
    norange          a request for a part of the file is answered with all of it
    noaccept         parts are given, but Accept-Ranges does not say so
    length=-5        Content-Length (and the total in Content-Range) says 5 bytes fewer; +5: more
    chunked          no length at all
    change=2         from the second request on it is another file of the same length, with another validator
    validator=none   no ETag and no date; weak: a weak ETag alone; date: Last-Modified alone
    status=503,429   the first two requests are answered so; status=404,*: all of them
    after=1          these and those of `most` with Retry-After
    token=secret     401 without "Authorization: Bearer secret"
    redirect         to the other origin; the options after this one are for there
    nocors           other sites may not read it; hide: they may, but no fields beyond the usual ones

``/api/models/OWNER/REPO/tree/REVISION`` lists what was put into ``repositories``, two files a page;
``/OWNER/REPO/resolve/REVISION/FILE`` redirects to the other origin, as Hugging Face does. A repository
with an entry in ``tokens`` wants that token.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

SENT_AT_ONCE_BYTES = 64 << 10
FILES_A_PAGE = 2
DATE = "Wed, 01 Jan 2025 00:00:00 GMT"
LATER = "Thu, 02 Jan 2025 00:00:00 GMT"
EXPOSED = "ETag, Content-Range, Accept-Ranges, Retry-After, Link"


@dataclass
class Request:
    """One request as it came, for tests that ask what was sent."""

    method: str
    path: str
    headers: dict[str, str]
    port: int

    @property
    def begin(self) -> int | None:
        """Where the part begins that was asked for; None if it was the whole file."""
        return int(found[1]) if (found := re.match(r"bytes=(\d+)-", self.headers.get("range", ""))) else None

    @property
    def end(self) -> int | None:
        """Where that part ends; None if at the end of the file."""
        found = re.match(r"bytes=\d+-(\d+)", self.headers.get("range", ""))
        return int(found[1]) + 1 if found else None


@dataclass
class FaultServer:
    """Two origins that serve *files*; ``with`` starts and ends them.

    Attributes:
        address, other: The origins, such as ``http://127.0.0.1:40123``.
        repositories: "owner/repo" -> file -> bytes.
        requests: All that came.
        most_open, n_refused: By path, the most connections at the same time, and the answers 429 to more.
    """

    files: dict[str, bytes]
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    #: Set at the end, so that nothing stalls or trickles any more.
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.open: Counter[str] = Counter()  # connections that a body goes over, by path
        self.most_open: Counter[str] = Counter()
        self.n_refused: Counter[str] = Counter()
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"faults": self})
        self._servers = [
            http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) for port in (self.port, 0)
        ]
        self.address, self.other = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def __enter__(self) -> FaultServer:
        self._threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def count(self, path: str) -> int:
        """How many requests there have been for *path*, this one included."""
        with self.lock:
            self.counts[path] += 1
            return self.counts[path]

    @contextmanager
    def one_more(self, path: str) -> Iterator[int]:
        """A connection; gives how many there are for *path*, this one included."""
        with self.lock:
            self.open[path] += 1
            self.most_open[path] = max(self.most_open[path], self.open[path])
            n_open = self.open[path]
        try:
            yield n_open
        finally:
            with self.lock:
                self.open[path] -= 1


def nth(values: str, n: int) -> str:
    """The n-th of ``a,b,c``, "" behind its end; ``*`` at the end repeats the one before."""
    given = values.split(",")
    if given[-1] == "*":
        given = given[:-1]
        return given[min(n, len(given)) - 1]
    return given[n - 1] if n <= len(given) else ""


def another(data: bytes) -> bytes:
    """A file of the same length, other from its middle on."""
    half = len(data) // 2
    return data[:half] + bytes(byte ^ 0xFF for byte in data[half : half + 1000]) + data[half + 1000 :]


def retry_after(options: dict[str, str]) -> dict[str, str]:
    return {"Retry-After": options["after"]} if "after" in options else {}


class _Handler(http.server.BaseHTTPRequestHandler):
    faults: FaultServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._note()
        place = urlsplit(self.path)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", place.path):
            self._tree(found[1], found[2], parse_qs(place.query))
        elif found := re.fullmatch(r"/([^/=]+/[^/=]+)/resolve/([^/]+)/(.+)", place.path):
            self._resolve(found[1], unquote(found[3]))
        else:
            self._file(unquote(place.path))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_OPTIONS(self) -> None:
        """A browser asks whether it may send fields of its own."""
        self._note()
        self._begin(204, self._cors(_options(unquote(urlsplit(self.path).path))[0], preflight=True))

    # ---- Files ----

    def _file(self, path: str) -> None:
        options, name = _options(path)
        n = self.faults.count(f"{self.command} {path}")
        cors = self._cors(options)
        if "redirect" in options:
            rest = path.split("/redirect/", 1)[1]
            here = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
            there = self.faults.address if here == self.faults.other else self.faults.other
            self._begin(302, {**cors, "Location": f"{there}/{rest}"})
            return
        if status := nth(options.get("status", ""), n):
            self._begin(int(status), {**cors, **retry_after(options)})
            return
        if "token" in options and self.headers.get("Authorization") != f"Bearer {options['token']}":
            self._begin(401, cors)
            return
        data = self.faults.files.get(name)
        if data is None:
            self._begin(404, cors)
            return
        changed = n >= int(options.get("change", sys.maxsize))
        with self.faults.one_more(path) as n_open:
            if n_open > int(options.get("most", sys.maxsize)):
                self.faults.n_refused[path] += 1
                self._begin(429, {**cors, **retry_after(options)})
            else:
                while "queue" in options and n_open > 1 and self.faults.open[path] > 1:
                    self.faults.ended.wait(0.05)
                self._send(another(data) if changed else data, options, cors, n, changed=changed)

    def _send(
        self, data: bytes, options: dict[str, str], cors: dict[str, str], n: int, *, changed: bool
    ) -> None:
        stated = len(data) + int(options.get("length", 0))
        fields = {**cors, **_validator(options.get("validator", "etag"), data, changed)}
        asked = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        begin, status = 0, 200
        if "norange" not in options:
            if "noaccept" not in options:
                fields["Accept-Ranges"] = "bytes"
            if asked:
                begin, status = int(asked[1]), 206
                if begin >= len(data):
                    self._begin(416, {**fields, "Content-Range": f"bytes */{stated}"})
                    return
        end = min(int(asked[2]) + 1, len(data)) if status == 206 and asked and asked[2] else len(data)
        if status == 206:
            fields["Content-Range"] = f"bytes {begin}-{end - 1}/{stated}"
        if "chunked" in options:
            fields["Transfer-Encoding"] = "chunked"
        else:
            fields["Content-Length"] = str(end - begin + stated - len(data))
        self._begin(status, fields)
        if self.command == "GET":
            self._body(memoryview(data)[begin:end], options, n)

    def _body(self, data: memoryview, options: dict[str, str], n: int) -> None:
        dropped = nth(options.get("drop", ""), n)
        stalls = "stall" in options and n == int(options.get("stalls", 1))
        end = int(dropped) if dropped else int(options["stall"]) if stalls else len(data)
        left = data[:end]  # slices of a view are no copies
        path = unquote(urlsplit(self.path).path)
        rate, line = float(options.get("rate", 0)), float(options.get("line", 0))
        at_once = (
            min(SENT_AT_ONCE_BYTES, max(1, int((rate or line) / 20))) if rate or line else SENT_AT_ONCE_BYTES
        )
        due = time.monotonic()
        try:
            while left and not self.faults.ended.is_set():
                part, left = left[:at_once], left[at_once:]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if "chunked" in options else part)
                if rate or line:
                    due += len(part) * (1 / rate if rate else self.faults.open[path] / line)
                    self.faults.ended.wait(max(0.0, due - time.monotonic()))
            if stalls:
                self._wait_for_the_end()
            elif "chunked" in options and not dropped:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass  # the other side has had enough

    def _wait_for_the_end(self) -> None:
        """Nothing more comes, until the other side has closed the connection."""
        self.connection.settimeout(0.1)
        while not self.faults.ended.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    # ---- The hub ----

    def _tree(self, repository: str, revision: str, query: dict[str, list[str]]) -> None:
        if not self._may_see(repository):
            return
        files = sorted(self.faults.repositories[repository].items())
        first = int(query.get("cursor", ["0"])[0])
        entries: list[dict[str, Any]] = [
            {
                "type": "file",
                "path": path,
                "size": len(data),
                "oid": hashlib.sha1(data).hexdigest(),
                **(
                    {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}}
                    if ".gguf" in path
                    else {}
                ),
            }
            for path, data in files[first : first + FILES_A_PAGE]
        ]
        fields = self._cors({})
        if first + FILES_A_PAGE < len(files):
            address = f"http://{self.headers['Host']}{urlsplit(self.path).path}"
            fields["Link"] = f'<{address}?recursive=true&cursor={first + FILES_A_PAGE}>; rel="next"'
        text = json.dumps(entries).encode()
        self._begin(200, {**fields, "Content-Type": "application/json", "Content-Length": str(len(text))})
        if self.command == "GET":
            self.wfile.write(text)

    def _resolve(self, repository: str, name: str) -> None:
        if not self._may_see(repository):
            return
        data = self.faults.repositories[repository].get(name)
        if data is None:
            self._begin(404, self._cors({}))
            return
        key = f"cdn-{hashlib.sha256(data).hexdigest()}"
        self.faults.files[key] = data
        fields = {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{key[4:]}"'}
        self._begin(302, {**self._cors({}), **fields, "Location": f"{self.faults.other}/{key}"})

    def _may_see(self, repository: str) -> bool:
        token = self.faults.tokens.get(repository)
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            self._begin(401, self._cors({}))
            return False
        if repository not in self.faults.repositories:
            self._begin(404, self._cors({}))
            return False
        return True

    # ---- Headers ----

    def _note(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        port = self.server.server_port  # type: ignore[attr-defined]
        self.faults.requests.append(Request(self.command, self.path, headers, port))

    def _cors(self, options: dict[str, str], *, preflight: bool = False) -> dict[str, str]:
        if "nocors" in options:
            return {}
        fields = {"Access-Control-Allow-Origin": "*"}
        if preflight:
            fields["Access-Control-Allow-Headers"] = "Authorization, Range"
        elif "hide" not in options:
            fields["Access-Control-Expose-Headers"] = EXPOSED
        return fields

    def _begin(self, status: int, fields: dict[str, str]) -> None:
        self.close_connection = True
        self.send_response(status)
        if status >= 300 or status == 204:
            fields = {**fields, "Content-Length": "0"}
        for name, value in {**fields, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silence."""


def _options(path: str) -> tuple[dict[str, str], str]:
    """The options of an address, only those before ``redirect``, and the file's name."""
    *segments, name = path.strip("/").split("/")
    options: dict[str, str] = {}
    for segment in segments:
        option, _, value = segment.partition("=")
        options[option] = value
        if option == "redirect":
            break
    return options, name


@lru_cache(maxsize=4)
def _tag(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def _validator(kind: str, data: bytes, changed: bool) -> dict[str, str]:
    tag = _tag(data)
    return {
        "none": {},
        "weak": {"ETag": f'W/"{tag}"'},
        "date": {"Last-Modified": LATER if changed else DATE},
        "etag": {"ETag": f'"{tag}"', "Last-Modified": LATER if changed else DATE},
    }[kind]


def main() -> None:
    folder = Path(sys.argv[1])
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with FaultServer(files, port=int(sys.argv[2]) if len(sys.argv) > 2 else 8100) as server:
        print(server.address, server.other)
        threading.Event().wait()


if __name__ == "__main__":
    main()
