"""What the page says of a model, drawn from the catalogue or from a model that has been loaded."""

from __future__ import annotations

from bitnet.catalogue import Entry
from bitnet.records import ModelInfo
from bitnet.ui.state import ModelCard


def from_catalogue(entry: Entry) -> ModelCard:
    return ModelCard(
        name=entry.name,
        title=entry.title,
        size_bytes=entry.size_bytes,
        licence=entry.licence,
        description=entry.description,
    )


def from_model(info: ModelInfo, title: str, size_bytes: int | None, entry: Entry | None) -> ModelCard:
    """*size_bytes* is that of the file; *entry* where the model comes from the catalogue."""
    return ModelCard(
        name=entry.name if entry else title,
        title=entry.title if entry else info.name or title,
        size_bytes=size_bytes,
        licence=entry.licence if entry else _metadata(info, "general.license"),
        kind=f"{info.architecture}, {info.n_params / 1e6:,.0f} million parameters, {_tensor_types(info)}",
        kernel=info.kernel,
        n_ranks=info.n_ranks,
        context_length=info.context_length,
        n_ctx_train=info.n_ctx_train,
        kv_bytes_per_position=info.kv_cache_bytes // info.context_length,
        sample_prompts=entry.sample_prompts if entry else (),
        warnings=info.warnings,
    )


def _metadata(info: ModelInfo, key: str) -> str:
    return next((str(field.get("value", "")) for field in info.raw["metadata"] if field["key"] == key), "")


def _tensor_types(info: ModelInfo) -> str:
    """Types of the matrices, the one with most bytes first."""
    sizes: dict[str, int] = {}
    for tensor in info.raw["tensors"]:
        if len(tensor["shape"]) > 1:
            sizes[tensor["type"]] = sizes.get(tensor["type"], 0) + tensor["n_bytes"]
    return " and ".join(sorted(sizes, key=lambda kind: -sizes[kind]))
