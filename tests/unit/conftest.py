"""The models of the tests, loaded once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import bitnet
import hypothesis
import pytest
from bitnet.host import Host

# A busy machine, or Pyodide, may take its time: slowness is not what these tests are about.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _own_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is stored on this machine has no influence, and nothing is added to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BITNET_CACHE", str(tmp_path_factory.mktemp("stored")))
        yield


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """CPython's host, with storage of its own."""
    own: Host = pytest.importorskip("bitnet.host.cpython", reason="no CPython").CPythonHost()
    folder = pytest.importorskip("bitnet.host.folder", reason="no CPython").Folder
    own.files = folder(tmp_path / "stored")
    return own


@pytest.fixture(scope="session")
def tiny_tales() -> Path:
    """The embedded model: trained, 15 MB."""
    return PROJECT / "models" / "tiny-tales" / "bitnet-tiny-i2_s.gguf"


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of what other engines say."""
    return PROJECT / "tests" / "golden"


@pytest.fixture(scope="session")
def seeded(golden: Path) -> Path:
    """A model of random weights with a vocabulary of 2,048: 1.6 MB."""
    return golden / "dev-bitnet158-i2s.gguf"


@pytest.fixture(scope="session")
def story_model(tiny_tales: Path) -> Iterator[bitnet.Model]:
    """The embedded model, loaded."""
    model = asyncio.run(bitnet.load(tiny_tales))
    yield model
    model.close()


@pytest.fixture(scope="session")
def seeded_model(seeded: Path) -> Iterator[bitnet.Model]:
    """The seeded model, loaded."""
    model = asyncio.run(bitnet.load(seeded))
    yield model
    model.close()
