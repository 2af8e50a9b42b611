"""Bytes from files, memory and a real local server; what goes wrong is one sentence."""

import asyncio
import http.server
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from bitnet.errors import BadArgument, Busy, ConnectionBroken, FetchError, NotFound, Refused, Unreachable
from bitnet.fetch import open_source, read_small
from bitnet.host import this_host
from bitnet.host.memory import address_of
from worlds import needs_sockets

DATA = bytes(range(256)) * 1000


async def read_all(source: Any, capacity: int = 10_000) -> tuple[bytes, int | None]:
    """The bytes of *source*, read *capacity* at a time, and the size that was announced."""
    buffer = bytearray(capacity)
    address = address_of(buffer)
    received = b""
    async with open_source(source, this_host()) as body:
        while n_bytes := await body.read_into(address, capacity):
            received += buffer[:n_bytes]
        return received, body.total_bytes


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_in_memory_are_a_source(kind: Any) -> None:
    assert asyncio.run(read_all(kind(DATA))) == (DATA, len(DATA))
    assert asyncio.run(read_all(kind(b""))) == (b"", 0)


def test_a_file_is_a_source_by_path_and_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(DATA)
    assert asyncio.run(read_all(path)) == (DATA, len(DATA))
    assert asyncio.run(read_all(str(path), capacity=7777)) == (DATA, len(DATA))


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"missing\.gguf"):
        asyncio.run(read_all(tmp_path / "missing.gguf"))
    with pytest.raises(FetchError, match=r"cannot be read .*: give the path of a model file\."):
        asyncio.run(read_all(tmp_path))


def test_a_small_text_must_be_small() -> None:
    assert asyncio.run(read_small(b"{}", this_host())) == b"{}"
    with pytest.raises(FetchError, match="not a catalogue"):
        asyncio.run(read_small(bytes(2 << 20), this_host()))


class Handler(http.server.BaseHTTPRequestHandler):
    """/model: all. /chunked: without a length. /short: less than announced. /halting: half, later the rest.

    Else the status in the path.
    """

    protocol_version = "HTTP/1.1"
    goes_on = threading.Event()

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.close_connection = True
        if name.isdecimal():
            self.send_error(int(name))
            return
        self.send_response(200)
        if name == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        if name == "chunked":
            for begin in range(0, len(DATA), 5000):
                part = DATA[begin : begin + 5000]
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        elif name == "halting":
            self.wfile.write(DATA[: len(DATA) // 2])
            self.goes_on.wait()
            self.wfile.write(DATA[len(DATA) // 2 :])
        else:
            self.wfile.write(DATA[: 100_000 if name == "short" else len(DATA)])

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Address of a server of this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@needs_sockets
@pytest.mark.parametrize(("name", "total"), [("model", len(DATA)), ("chunked", None)])
def test_a_url_is_a_source_with_its_size_when_the_server_says(
    site: str, name: str, total: int | None
) -> None:
    assert asyncio.run(read_all(f"{site}/{name}")) == (DATA, total)


@needs_sockets
@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (410, NotFound), (403, Refused), (500, Busy)])
def test_an_answer_that_is_an_error_names_the_address(
    site: str, status: int, error: type[FetchError]
) -> None:
    with pytest.raises(error, match=f"{site}/{status}"):
        asyncio.run(read_all(f"{site}/{status}"))


@needs_sockets
def test_a_connection_that_breaks_names_both_numbers(site: str) -> None:
    with pytest.raises(ConnectionBroken, match=r"after 100,000 of 256,000 bytes: try again"):
        asyncio.run(read_all(f"{site}/short"))


class Threads(ThreadPoolExecutor):
    """Says when a thread has begun: from then on its work cannot be cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = threading.Event()

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        def begin() -> Any:
            self.has_begun.set()
            return work(*args, **options)

        return super().submit(begin)


@needs_sockets
def test_a_cancelled_download_writes_nothing_more(site: str) -> None:
    buffer = bytearray(len(DATA))

    async def cancel() -> bytes:
        threads = Threads()
        asyncio.get_running_loop().set_default_executor(threads)
        async with open_source(f"{site}/halting", this_host()) as body:
            threads.has_begun.clear()
            reading = asyncio.create_task(body.read_into(address_of(buffer), len(buffer)))
            await asyncio.sleep(0)  # the task begins
            assert threads.has_begun.wait(timeout=10)
            reading.cancel()
            await asyncio.wait([reading])
            assert reading.cancelled()
            before = bytes(buffer)  # now its owner would free it
            Handler.goes_on.set()
        return before

    before = asyncio.run(cancel())  # ends when all threads have ended
    assert bytes(buffer) == before


@needs_sockets
def test_a_refused_connection_says_so() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as unused:
        port = unused.server_port
    with pytest.raises(Unreachable, match="Connection refused"):
        asyncio.run(read_all(f"http://127.0.0.1:{port}/model"))


@needs_sockets
def test_an_address_that_is_none_says_so() -> None:
    with pytest.raises(Unreachable, match="check the address"):
        asyncio.run(read_all("http://[broken/model"))


@needs_sockets
def test_an_object_that_is_no_source_is_refused() -> None:
    with pytest.raises(BadArgument, match="from int: give a URL, a path or bytes"):
        asyncio.run(read_all(42))
