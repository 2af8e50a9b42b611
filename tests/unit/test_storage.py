"""CPython's folder keeps what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from bitnet.host import Files
from storage import CHECKS, store
from worlds import IN_PYODIDE

pytestmark = pytest.mark.skipif(
    IN_PYODIDE, reason="Pyodide's storage is the browser's: tests/e2e/test_storage.py"
)


def folder(path: Path) -> Files:
    from bitnet.host.folder import Folder

    return Folder(path / "cache")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_folder_is_a_storage(check: Callable[[Files], Awaitable[None]], tmp_path: Path) -> None:
    asyncio.run(check(folder(tmp_path)))  # type: ignore[arg-type]


def test_an_exported_file_is_the_stored_one(tmp_path: Path) -> None:
    async def exported() -> Path:
        files = folder(tmp_path)
        await store(files, "key.gguf", b"weights")
        path: Path = await files.export("key.gguf", "model.gguf")
        return path

    assert asyncio.run(exported()).read_bytes() == b"weights"
