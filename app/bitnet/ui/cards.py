"""What the page says of a model: of the catalogue, loaded, stored, or about to be downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from bitnet.catalogue import Entry
from bitnet.delivery import Origin, Stored
from bitnet.records import ModelInfo
from bitnet.ui import amounts
from bitnet.ui.opening import Choice, Report
from bitnet.ui.state import ModelCard
from bitnet.ui.stored import Check, StoredCard

#: By ``Stored.verified``.
CHECKS: Mapping[bool | None, Check] = {True: "verified", None: "unverified", False: "damaged"}


def from_catalogue(entry: Entry) -> ModelCard:
    return ModelCard(
        name=entry.name,
        title=entry.title,
        size_bytes=entry.size_bytes,
        licence=entry.licence,
        description=entry.description,
        address=str(entry.location),
    )


def from_model(info: ModelInfo, title: str, size_bytes: int | None, entry: Entry | None) -> ModelCard:
    """*size_bytes* is that of the file; *entry* where the model comes from the catalogue."""
    return ModelCard(
        name=entry.name if entry else title,
        title=entry.title if entry else info.name or title,
        size_bytes=size_bytes,
        licence=entry.licence if entry else _metadata(info, "general.license"),
        kind=_kind(info),
        kernel=info.kernel,
        n_ranks=info.n_ranks,
        context_length=info.context_length,
        n_ctx_train=info.n_ctx_train,
        kv=info.kv,
        kv_bytes_per_position=tuple(info.raw["kv_bytes_per_position"].items()),
        screen_bytes=info.raw["screen_bytes"],
        sample_prompts=entry.sample_prompts if entry else (),
        warnings=info.warnings,
    )


def from_stored(stored: Stored, now_s: float) -> StoredCard:
    return StoredCard(
        key=stored.key,
        title=stored.title,
        url=stored.url,
        received_bytes=stored.received_bytes,
        total_bytes=stored.total_bytes,
        complete=stored.complete,
        check=CHECKS[stored.verified],
        checkable=bool(stored.sha256),
        used=amounts.days_ago(stored.used_at, now_s),
    )


def choice(origin: Origin) -> Choice:
    """One of several models of a repository."""
    name = PurePosixPath(urlsplit(str(origin.source)).path).name
    size = amounts.size(origin.size_bytes) if origin.size_bytes else "size unknown"
    n_files = len(origin.parts)
    return Choice(name, size if n_files == 1 else f"{size} in {n_files} files")


def report(info: ModelInfo, origin: Origin, size_bytes: int | None, room: str) -> Report:
    """What a model is and will need. *room*: what there is to say of the room for it."""
    licence = origin.licence or _metadata(info, "general.license")
    weights, context = amounts.size(info.weights_bytes), amounts.size(info.kv_cache_bytes)
    facts = [
        ("Name", info.name or origin.title),
        ("Type", _kind(info)),
        ("Size", amounts.size(size_bytes) if size_bytes else "the server does not say"),
        ("Licence", licence or "the file names none"),
        ("Context", f"{info.context_length:,} of {info.n_ctx_train:,} tokens"),
        ("Memory", f"{weights} for the model, {context} for the context"),
        ("Room", room),
        *(("Note", warning) for warning in info.warnings),
    ]
    server = urlsplit(str(origin.source)).netloc
    about = f"From {server}. A download that breaks off can be continued; you can go on chatting meanwhile."
    return Report(origin.entry.title if origin.entry else origin.title, about, tuple(facts))


def _kind(info: ModelInfo) -> str:
    return f"{info.architecture}, {info.n_params / 1e6:,.0f} million parameters, {_tensor_types(info)}"


def _metadata(info: ModelInfo, key: str) -> str:
    return next((str(field.get("value", "")) for field in info.raw["metadata"] if field["key"] == key), "")


def _tensor_types(info: ModelInfo) -> str:
    """Types of the matrices, the one with most bytes first."""
    sizes: dict[str, int] = {}
    for tensor in info.raw["tensors"]:
        if len(tensor["shape"]) > 1:
            sizes[tensor["type"]] = sizes.get(tensor["type"], 0) + tensor["n_bytes"]
    return " and ".join(sorted(sizes, key=lambda kind: -sizes[kind]))
