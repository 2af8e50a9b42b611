"""From what a person names to a model's origin."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bitnet import catalogue
from bitnet.delivery import hub as hubs
from bitnet.delivery.origin import Origin, Part
from bitnet.delivery.shelf import Shelf, Stored, file_name
from bitnet.errors import BadArgument, Blocked, Busy, NotFound, Unreachable
from bitnet.host import Host
from bitnet.parts import PART_NAME, following, in_order, name_of


async def resolve(given: Any, host: Host, *, token: str = "", hub: str = "") -> list[Origin]:
    """What *given* can mean: a name of the catalogue, URL, path, bytes, browser File, list of parts, title of
    a stored model, or ``owner/repo[@revision][:file]`` of Hugging Face.

    Args:
        token: An access token of Hugging Face, for private models; kept in memory only.
        hub: Another address than that of Hugging Face, "" for ``$HF_ENDPOINT`` or that.
    Returns:
        One, or several where a repository holds several models and none was named: a person has to choose.
    Raises:
        BadArgument, FetchError: There is none.
    """
    if isinstance(given, Origin):
        return [given]
    if isinstance(given, list | tuple):
        return [_of_sources(in_order(given))]
    if not isinstance(given, str):
        return [_of_sources(following(given))]
    stored = await _stored(host)
    for model in stored:
        if given in (model.title, model.url):
            return [_of_stored(model, token, hub)]
    if catalogue.is_name(given):
        entry = await catalogue.find(given, host)
        return await of_entry(entry, host, token=token, hub=hub)
    name = None if Path(given).exists() else hubs.parse(given, hub or hubs.hub_address())
    if name:
        return await _from_hub(name, host, token, stored)
    return [_of_sources(following(host.locate(given)))]


async def find_stored(given: str, host: Host, *, hub: str = "") -> list[Stored]:
    """The stored models, whole or in part, that *given* can mean; needs no network."""
    if catalogue.is_name(given):
        with suppress(BadArgument):
            given = str((await catalogue.find(given, host)).location)
    name = hubs.parse(given, hub or hubs.hub_address())
    return [
        model
        for model in await _stored(host)
        if given in (model.key, model.title, model.url) or (name and _is_of(model, name))
    ]


async def _stored(host: Host) -> list[Stored]:
    return await Shelf(host.files, host).stored() if host.files else []


def _is_of(model: Stored, name: hubs.HubName) -> bool:
    return model.url == name.url_of(name.file) if name.file else model.url.startswith(name.url_of(""))


def _of_stored(model: Stored, token: str, hub: str) -> Origin:
    return replace(model.origin(), headers=_headers(token, model.url, hub))


async def resolve_one(given: Any, host: Host, *, token: str = "", hub: str = "") -> Origin:
    """As ``resolve``, where nobody can be asked to choose.

    Raises:
        BadArgument: There are several; the sentence names them.
    """
    origins = await resolve(given, host, token=token, hub=hub)
    if len(origins) > 1:
        names = ", ".join(file_name(origin.source) for origin in origins)
        raise BadArgument(f"{given} holds several models: name one of them as {given}:FILE ({names}).")
    return origins[0]


async def of_entry(entry: catalogue.Entry, host: Host, *, token: str = "", hub: str = "") -> list[Origin]:
    """A model of the catalogue: what its place says, and what the catalogue knows better.

    Raises:
        BadArgument, FetchError: As ``resolve``.
    """
    if isinstance(entry.location, str) and hubs.parse(entry.location, hub or hubs.hub_address()):
        origins = await resolve(entry.location, host, token=token, hub=hub)
    else:
        origins = [_of_sources(following(entry.location))]
    if len(origins) > 1:
        return [replace(origin, licence=entry.licence, entry=entry) for origin in origins]
    parts = origins[0].parts
    if len(parts) == 1:
        known = parts[0]
        parts = (
            replace(
                known,
                size_bytes=entry.size_bytes if entry.size_bytes is not None else known.size_bytes,
                sha256=entry.sha256 or known.sha256,
            ),
        )
    return [replace(origins[0], title=entry.title, parts=parts, licence=entry.licence, entry=entry)]


async def _from_hub(name: hubs.HubName, host: Host, token: str, stored: Sequence[Stored]) -> list[Origin]:
    headers = _headers(token, name.hub, name.hub)
    here = [model for model in stored if model.complete and _is_of(model, name)]
    if name.file and here:  # needs no network
        return [_of_stored(model, token, name.hub) for model in here]
    try:
        files = await hubs.list_files(name, host, headers)
    except (NotFound, Unreachable, Blocked, Busy):
        if len(here) == 1:
            return [_of_stored(here[0], token, name.hub)]
        if not name.file:
            raise
        parts = tuple(Part(url) for url in following(name.url_of(name.file)))
        return [Origin(Path(name.file).name, parts, headers=headers)]
    models = _models([file for file in files if file.path.lower().endswith(".gguf")])
    if name.file:
        models = {path: parts for path, parts in models.items() if path == name.file}
    if not models:
        what = f"no file {name.file}" if name.file else "no GGUF file"
        raise BadArgument(
            f"{name.repo} has {what}: look for one at {name.hub}/{name.repo}/tree/{name.revision}."
        )
    return [
        Origin(
            title=f"{name.repo.split('/')[1]}: {path}" if len(models) > 1 else name.repo.split("/")[1],
            parts=tuple(Part(name.url_of(file.path), file.size_bytes, file.sha256) for file in files),
            headers=headers,
        )
        for path, files in models.items()
    ]


def _models(files: Sequence[hubs.HubFile]) -> dict[str, list[hubs.HubFile]]:
    """Files of models by the path of the first one: parts of a split model belong together."""
    models: dict[str, list[hubs.HubFile]] = {}
    for file in sorted(files, key=lambda file: file.path):
        found = PART_NAME.search(file.path)
        first = f"{file.path[: found.start(1)]}{1:05}{file.path[found.end(1) :]}" if found else file.path
        models.setdefault(first, []).append(file)
    return models


def _headers(token: str, url: str, hub: str) -> dict[str, str]:
    """A token is for the hub alone."""
    token = token or os.environ.get("HF_TOKEN", "")
    is_there = url.startswith(hub or hubs.hub_address())
    return {"Authorization": f"Bearer {token}"} if token and is_there else {}


def _of_sources(sources: Sequence[Any]) -> Origin:
    first = sources[0]
    title = file_name(name_of(first)) if isinstance(first, str) else Path(name_of(first)).name
    return Origin(title or "model", tuple(Part(source) for source in sources))
