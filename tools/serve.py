"""Serve a folder to this machine's browsers, as a static host would.

    python tools/serve.py [FOLDER] [--port PORT] [--isolate]

The standard library's server lacks what a model download needs: byte ranges, entity tags, and types for
.wasm, .mjs and .whl.
"""

from __future__ import annotations

import argparse
import http.server
import os
import re
import sys
from collections.abc import Sequence
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from pathlib import Path

TYPES = {
    ".gguf": "application/octet-stream",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".whl": "application/zip",
}
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
CHUNK_BYTES = 1 << 20


def byte_range(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for; empty outside the file, None if it is not understood."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:  # the last so many bytes
        return range(max(0, size - int(last)), size)
    return range(int(first), min(size, int(last) + 1 if last else size))


class Handler(http.server.SimpleHTTPRequestHandler):
    """GET and HEAD of files, with ranges; folders serve their index.html."""

    protocol_version = "HTTP/1.1"
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | TYPES
    isolate = False
    quiet = False

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            if not self.path.split("?")[0].endswith("/"):
                self._redirect_to_folder()
                return
            path /= "index.html"
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND, f"No file {self.path}")
            return
        status = path.stat()
        tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        if self.headers.get("If-None-Match") == tag:
            self._head(HTTPStatus.NOT_MODIFIED, {"ETag": tag, "Content-Length": "0"})
            return
        headers = {
            "Content-Type": self.guess_type(path),
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
            "ETag": tag,
            "Accept-Ranges": "bytes",
        }
        wanted = range(status.st_size)
        code = HTTPStatus.OK
        asked = self.headers.get("Range")
        if asked and self.headers.get("If-Range", tag) == tag:
            part = byte_range(asked, status.st_size)
            if part is not None and not part:
                self._head(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                    {"Content-Range": f"bytes */{status.st_size}", "Content-Length": "0"},
                )
                return
            if part is not None:
                wanted, code = part, HTTPStatus.PARTIAL_CONTENT
                headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{status.st_size}"
        self._head(code, headers | {"Content-Length": str(len(wanted))})
        if with_body:
            self._send(path, wanted)

    def _redirect_to_folder(self) -> None:
        path, question, query = self.path.partition("?")
        self._head(
            HTTPStatus.MOVED_PERMANENTLY, {"Location": f"{path}/{question}{query}", "Content-Length": "0"}
        )

    def _head(self, code: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")  # ask again each time: the tag makes it cheap
        for name, value in ISOLATION.items() if self.isolate else ():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, path: Path, wanted: range) -> None:
        left = len(wanted)
        with path.open("rb") as file:
            file.seek(wanted.start)
            while left and (data := file.read(min(left, CHUNK_BYTES))):
                self.wfile.write(data)
                left -= len(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it)
        if not self.quiet:
            super().log_message(format, *args)


class Server(http.server.ThreadingHTTPServer):
    """One thread for each connection; a browser that goes away in the middle of a file is no error."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def open_server(folder: Path, port: int, *, isolate: bool = False, quiet: bool = True) -> Server:
    """A server of *folder* on 127.0.0.1:*port* (0: any free one), not yet running: call ``serve_forever``.

    Raises:
        OSError: The port is taken.
    """
    handler = type("Handler", (Handler,), {"isolate": isolate, "quiet": quiet})
    return Server(("127.0.0.1", port), partial(handler, directory=str(folder)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--isolate", action="store_true", help="send the headers for cross-origin isolation")
    parser.add_argument("--verbose", action="store_true", help="print every request")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        sys.exit(f"there is no folder {options.folder}: run 'make dist' first")
    try:
        server = open_server(options.folder, options.port, isolate=options.isolate, quiet=not options.verbose)
    except OSError as error:
        sys.exit(f"port {options.port} cannot be used ({error.strerror}): choose another: make run PORT=8001")
    with server:
        print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
