"""Bytes flow once, in any chunks; a bad file is one sentence and leaves nothing behind."""

import asyncio
import functools
import http.server
import struct
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import bitnet
import pytest
from bitnet import engine
from bitnet.errors import BadArgument, BadFile, BitNetError, NoCore, NotFound, NotReady, Unsupported
from bitnet.fetch import BytesBody
from bitnet.host import this_host
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import needs_sockets

SEEDED = Path(__file__).resolve().parents[1] / "golden" / "dev-bitnet158-i2s.gguf"
PROMPT = [1, 5, 700, 2, 2, 9]


@functools.cache
def file_bytes() -> bytes:
    return SEEDED.read_bytes()


class ChunkedBody:
    """Gives the bytes in chunks of the given sizes, over and over, perhaps without saying how many come."""

    def __init__(self, data: bytes, sizes: list[int], total_bytes: int | None) -> None:
        self._body, self._sizes, self._reads = BytesBody(data), sizes, 0
        self.total_bytes = total_bytes

    async def read_into(self, address: int, capacity: int) -> int:
        self._reads += 1
        return await self._body.read_into(address, min(capacity, self._sizes[self._reads % len(self._sizes)]))


async def only(body: Any) -> AsyncIterator[Any]:
    """The one file of a model."""
    yield body


async def facts(body: Any) -> tuple[Any, bytes]:
    """What a model loaded from *body* is, and its logits."""
    async with bitnet.Model(await engine.load(this_host().core_name(), only(body))) as model:
        return model.info, (await model.logits(PROMPT)).tobytes()


@functools.cache
def facts_of_one_chunk() -> tuple[Any, bytes]:
    return asyncio.run(facts(BytesBody(file_bytes())))


# The first chunks are tiny, so that the header comes in pieces; then larger ones, or it would take minutes.
SIZES = st.lists(st.integers(1, 50), max_size=8).flatmap(
    lambda small: st.lists(st.integers(4_000, 400_000), min_size=1, max_size=4).map(
        lambda large: small + large
    )
)


@settings(max_examples=15)
@given(SIZES, st.booleans())
def test_any_chunking_gives_the_same_model(sizes: list[int], knows_size: bool) -> None:
    total = len(file_bytes()) if knows_size else None
    assert asyncio.run(facts(ChunkedBody(file_bytes(), sizes, total))) == facts_of_one_chunk()


def test_a_header_of_tiny_chunks_gives_the_same_model() -> None:
    header = facts_of_one_chunk()[0].raw["data_offset"]
    sizes = [1] * 1000 + [3] * (header // 3) + [1 << 20]
    assert asyncio.run(facts(ChunkedBody(file_bytes(), sizes, None))) == facts_of_one_chunk()


def test_a_context_that_cannot_be_had_is_refused_before_the_weights_are_fetched() -> None:
    n_read = 0

    class CountingBody(ChunkedBody):
        async def read_into(self, address: int, capacity: int) -> int:
            nonlocal n_read
            n_bytes = await super().read_into(address, capacity)
            n_read += n_bytes
            return n_bytes

    async def load() -> None:
        body = CountingBody(file_bytes(), [10_000], len(file_bytes()))
        await engine.load(this_host().core_name(), only(body), context_length=1_000_000)

    with pytest.raises(BadArgument, match="1000000 positions"):
        asyncio.run(load())
    assert n_read < facts_of_one_chunk()[0].raw["data_offset"] + 20_000 < len(file_bytes())


@settings(max_examples=20)
@given(st.integers(0, len(SEEDED.read_bytes()) - 1), st.booleans())
def test_a_file_cut_anywhere_is_refused(cut: int, knows_size: bool) -> None:
    data = file_bytes()[:cut]
    with pytest.raises(BadFile, match=r"\.$"):
        asyncio.run(facts(ChunkedBody(data, [100_000], cut if knows_size else None)))


@settings(max_examples=40)
@given(st.integers(0, 100_000), st.integers(0, 255))
def test_a_damaged_header_is_refused_or_harmless_but_never_a_crash(at: int, value: int) -> None:
    data = bytearray(file_bytes())
    data[at % facts_of_one_chunk()[0].raw["data_offset"]] = value
    try:
        asyncio.run(facts(BytesBody(data)))
    except BitNetError as error:
        sentence = str(error)
        assert sentence.endswith(".")
        assert "\n" not in sentence


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadFile),
        (b"GG", BadFile),
        (b"<!doctype html><title>Not found</title>" * 20, BadFile),
        (b"once upon a time there was a text file\n" * 1000, BadFile),
        (b"GGUF" + bytes(1000), BitNetError),  # version 0
        (b"GGUF\x63\0\0\0" + bytes(1000), BitNetError),  # version 99
        (b"GGUF\x03\0\0\0" + b"\xff" * 1000, BadFile),  # 2**64 - 1 tensors
    ],
)
def test_what_is_no_model_is_refused(data: bytes, error: type[BitNetError]) -> None:
    with pytest.raises(error, match=r"\.$"):
        asyncio.run(bitnet.load(data))


def test_progress_is_reported_up_to_the_last_byte(seeded: Path) -> None:
    seen: list[bitnet.Progress] = []
    asyncio.run(bitnet.load(seeded, on_progress=seen.append)).close()
    received = [progress.received_bytes for progress in seen]
    assert received == sorted(received)
    assert seen[-1] == bitnet.Progress(seeded.stat().st_size, seeded.stat().st_size)


def test_a_name_of_the_catalogue_is_a_source() -> None:
    if isinstance(this_host().catalogue, str):
        pytest.skip("the catalogue of a site is tested with the site, in a browser")
    model = asyncio.run(bitnet.load("tiny-tales"))
    assert model.info.name == "BitNet b1.58 Tiny Tales 40M"
    model.close()


@needs_sockets
def test_a_url_is_a_source_and_a_missing_one_is_not_found(seeded: Path) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=seeded.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        site = f"http://127.0.0.1:{server.server_port}"
        try:
            asyncio.run(bitnet.load(f"{site}/{seeded.name}")).close()
            with pytest.raises(NotFound, match=rf"{site}/missing\.gguf"):
                asyncio.run(bitnet.load(f"{site}/missing.gguf"))
            with pytest.raises(BadFile, match="GGUF"):
                asyncio.run(bitnet.load(f"{site}/README.md"))
        finally:
            server.shutdown()
            thread.join()


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"missing\.gguf"):
        asyncio.run(bitnet.load(tmp_path / "missing.gguf"))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"kernel": "avx1024"}, "scalar"),  # the sentence lists what there is
        ({"ranks": 1000}, "ranks=1000"),
        ({"profile": "small"}, "profile='small'"),
        ({"kv": "int4"}, 'kv=\'int4\' does not exist: choose "f16" or "int8"'),
        ({"context_length": 0}, "context_length=0"),
        ({"context_length": 100_000}, "100000"),
    ],
)
def test_an_impossible_option_is_refused_with_its_value(seeded: Path, options: Any, word: str) -> None:
    with pytest.raises(BadArgument, match=word):
        asyncio.run(bitnet.load(seeded, **options))


def test_a_core_that_is_missing_or_none_says_what_to_do(
    seeded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITNET_CORE", str(tmp_path / "missing.so"))
    with pytest.raises(NoCore, match=r"missing\.so: run `make build`"):
        asyncio.run(bitnet.load(seeded))
    (tmp_path / "text.so").write_text("not a library")
    monkeypatch.setenv("BITNET_CORE", str(tmp_path / "text.so"))
    with pytest.raises(NoCore, match="run `make build` again"):
        asyncio.run(bitnet.load(seeded))


def test_a_closed_model_says_so(seeded: Path) -> None:
    model = asyncio.run(bitnet.load(seeded))
    stream = model.generate(PROMPT, max_tokens=5)
    model.close()
    model.close()
    with pytest.raises(NotReady, match="closed: load it again"):
        model.tokenize("Hi")
    with pytest.raises(NotReady, match="closed: load it again"):
        asyncio.run(anext(stream))  # type: ignore[arg-type]


def test_an_unknown_architecture_is_named_and_refused() -> None:
    data = file_bytes().replace(b"bitnet-b1.58", b"bitnet-b9.99")
    with pytest.raises(Unsupported, match=r'"?bitnet-b9\.99'):
        asyncio.run(bitnet.load(data))


@pytest.mark.parametrize("type_id", [39, 4_000])  # one that other engines know, one that nobody knows
def test_an_unknown_tensor_type_is_named_and_refused(type_id: int) -> None:
    name = b"blk.0.attn_q.weight"
    data = bytearray(file_bytes())
    end_of_name = data.index(name) + len(name)
    (n_dimensions,) = struct.unpack_from("<I", data, end_of_name)
    struct.pack_into("<I", data, end_of_name + 4 + 8 * n_dimensions, type_id)
    with pytest.raises(Unsupported, match=rf"{name.decode()}.*\b{type_id}\b"):
        asyncio.run(bitnet.load(data))
