"""Models in several files: found by the first one's name, sorted, counted, and the same as in one file."""

from __future__ import annotations

import asyncio
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bitnet
import pytest
from bitnet.errors import BadArgument, BadFile, NotFound
from bitnet.parts import following
from splitting import split
from worlds import needs_sockets

SEEDED = Path(__file__).resolve().parents[1] / "golden" / "dev-bitnet158-i2s.gguf"
PROMPT = [1, 5, 700, 2, 2, 9]
N_PARTS = 3


@functools.cache
def parts() -> list[bytes]:
    return split(SEEDED.read_bytes(), N_PARTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The seeded model in three files."""
    for number, part in enumerate(parts(), 1):
        (tmp_path / f"model-{number:05}-of-{N_PARTS:05}.gguf").write_bytes(part)
    return tmp_path


def name(number: int) -> str:
    return f"model-{number:05}-of-{N_PARTS:05}.gguf"


async def logits(source: Any, **options: Any) -> bytes:
    async with await bitnet.load(source, **options) as model:
        return (await model.logits(PROMPT)).tobytes()


def load(source: Any, **options: Any) -> bytes:
    return asyncio.run(logits(source, **options))


@functools.cache
def whole() -> bytes:
    return load(SEEDED)


def test_the_parts_are_really_parts() -> None:
    assert len({len(part) for part in parts()}) == N_PARTS
    assert sum(map(len, parts())) > SEEDED.stat().st_size - 1000
    with pytest.raises(BadFile, match="2 of the model's 3 parts are missing"):
        load(parts()[0])


def test_the_first_part_brings_the_others_and_the_bits_are_the_same(folder: Path) -> None:
    assert load(folder / name(1)) == whole()
    assert load(str(folder / name(1))) == whole()


def test_parts_in_any_order_are_sorted_by_their_names(folder: Path) -> None:
    assert load([folder / name(n) for n in (3, 1, 2)]) == whole()


def test_parts_without_names_come_in_order_and_the_core_checks_it() -> None:
    assert load(parts()) == whole()
    with pytest.raises(BadFile, match="Part 3 of 3 arrived where part 2 of 3 belongs"):
        load([parts()[0], parts()[2], parts()[1]])


def test_progress_goes_once_over_all_parts(folder: Path) -> None:
    total = sum(map(len, parts()))
    seen: list[bitnet.Progress] = []
    load(folder / name(1), on_progress=seen.append)
    received = [progress.received_bytes for progress in seen]
    assert received == sorted(received)
    assert received[-1] == total
    assert seen[-1].total_bytes == total
    assert {progress.total_bytes for progress in seen[1:]} == {total}


def test_a_later_part_alone_names_the_first(folder: Path) -> None:
    with pytest.raises(BadFile, match=r"part 2 of a model in 3 parts; open the first one, .*-00001-of-00003"):
        load(folder / name(2))


def test_a_missing_part_is_named_before_anything_is_read(folder: Path) -> None:
    (folder / name(3)).unlink()
    seen: list[bitnet.Progress] = []
    with pytest.raises(NotFound, match=name(3)):
        load(folder / name(1), on_progress=seen.append)
    assert seen == []
    with pytest.raises(BadArgument, match=r"Part 3 of 3 is missing .*-00003-of-00003\.gguf"):
        load([folder / name(1), folder / name(2)])


def test_parts_of_different_models_are_refused(folder: Path, golden: Path) -> None:
    other = split((golden / "dev-llama-tq1_0.gguf").read_bytes(), N_PARTS)
    (folder / name(2)).write_bytes(other[1])
    with pytest.raises((BadFile, bitnet.Unsupported), match=r"\.$"):
        load(folder / name(1))


def test_a_truncated_part_is_refused(folder: Path) -> None:
    (folder / name(2)).write_bytes(parts()[1][:-1000])
    with pytest.raises(BadFile, match="truncated"):
        load(folder / name(1))


def test_a_whole_model_may_be_called_like_a_first_part(folder: Path) -> None:
    (folder / "whole-00001-of-00001.gguf").write_bytes(SEEDED.read_bytes())
    assert load(folder / "whole-00001-of-00001.gguf") == whole()


def test_more_files_than_the_model_has_parts_are_refused(folder: Path) -> None:
    with pytest.raises(BadArgument, match="2 files were given"):
        load([SEEDED, folder / name(1)])
    with pytest.raises(BadArgument, match="No file"):
        load([])


def test_an_address_keeps_what_stands_around_the_number() -> None:
    first = "https://example.org/a-00001-of-00002.gguf?download=true"
    assert following(first) == [first, first.replace("00001", "00002")]
    assert following("https://example.org/a.gguf") == ["https://example.org/a.gguf"]


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def site(folder: Path) -> Iterator[str]:
    """Address of a server of this machine, with the parts."""
    handler = functools.partial(Silent, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@needs_sockets
def test_an_address_of_the_first_part_brings_the_others(site: str, folder: Path) -> None:
    seen: list[bitnet.Progress] = []
    assert load(f"{site}/{name(1)}", on_progress=seen.append) == whole()
    assert seen[-1] == bitnet.Progress(sum(map(len, parts())), sum(map(len, parts())))
    (folder / name(2)).unlink()
    with pytest.raises(NotFound, match=f"{site}/{name(2)}"):
        load(f"{site}/{name(1)}")
