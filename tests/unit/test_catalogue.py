"""The catalogue names real files, with their true size and hash."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bitnet.catalogue import find, is_name, read_catalogue
from bitnet.delivery.hub import parse
from bitnet.errors import BadArgument, FetchError
from bitnet.records import Sampling

MODELS = Path(__file__).resolve().parents[2] / "models"


class FilesHost:
    """A host whose catalogue is a file."""

    def __init__(self, catalogue: Path) -> None:
        self.catalogue: Path | str = catalogue

    def core_name(self) -> str:
        raise NotImplementedError

    def locate(self, source: str) -> Path | str:
        return Path(source)

    def open(self, source: object) -> object:
        raise NotImplementedError


def test_the_embedded_models_have_their_files_with_size_hash_card_and_licence() -> None:
    entries = asyncio.run(read_catalogue(FilesHost(MODELS / "models.json")))
    embedded = [entry for entry in entries.values() if isinstance(entry.location, Path)]
    assert [entry.name for entry in embedded] == ["tiny-tales"]
    for entry in embedded:
        path = Path(entry.location)
        assert path.stat().st_size == entry.size_bytes
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
        assert (path.parent / "MODEL_CARD.md").is_file()
        assert entry.licence == "Apache-2.0"
        assert "Apache License" in (path.parent / "LICENSE").read_text()
        assert len(entry.sample_prompts) == 4


def test_a_model_elsewhere_says_what_is_known_of_it_and_no_more() -> None:
    entries = asyncio.run(read_catalogue(FilesHost(MODELS / "models.json")))
    remote = [entry for entry in entries.values() if not isinstance(entry.location, Path)]
    assert len(remote) == 6
    for entry in remote:
        name = parse(str(entry.location), "https://huggingface.co")
        assert name is not None
        assert name.file.endswith(".gguf")
        assert entry.licence
        assert (entry.size_bytes is None) == (entry.sha256 is None)
    assert entries["bitnet-2b"].size_bytes == 1_187_801_280


def test_the_embedded_model_is_sampled_as_its_card_says() -> None:
    entry = asyncio.run(find("tiny-tales", FilesHost(MODELS / "models.json")))
    assert Sampling(**entry.sampling) == Sampling(temperature=0.7, top_p=0.95)
    assert entry.context_length == 1024


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(BadArgument, match=r"no model 'gpt-5'.*tiny-tales"):
        asyncio.run(find("gpt-5", FilesHost(MODELS / "models.json")))


@pytest.mark.parametrize(
    "damage", [lambda text: text[:100], lambda text: "[]", lambda text: '{"models": [{}]}']
)
def test_a_damaged_catalogue_is_one_sentence(damage: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text(damage((MODELS / "models.json").read_text()))
    with pytest.raises(FetchError, match="is damaged"):
        asyncio.run(read_catalogue(FilesHost(path)))


def test_a_url_in_the_catalogue_is_relative_to_it(tmp_path: Path) -> None:
    fields = json.loads((MODELS / "models.json").read_text())
    fields["models"][0]["url"] = "elsewhere/model.gguf"
    (tmp_path / "models.json").write_text(json.dumps(fields))
    entry = asyncio.run(find("tiny-tales", FilesHost(tmp_path / "models.json")))
    assert entry.location == tmp_path / "elsewhere" / "model.gguf"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("tiny-tales", True),
        ("model.gguf", False),
        ("folder/model", False),
        ("https://host/m", False),
        (b"GGUF", False),
    ],
)
def test_a_name_is_told_from_a_path_and_a_url(source: object, expected: bool) -> None:
    assert is_name(source) is expected


def test_a_file_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny-tales").write_bytes(b"GGUF")
    assert not is_name("tiny-tales")
