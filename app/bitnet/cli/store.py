"""``bitnet pull``, ``list`` and ``rm``: the models that are stored on this machine."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import time

from bitnet.cli.meter import Meter
from bitnet.delivery import Control, Delivery, Shelf, Stored, find_stored, resolve_one
from bitnet.errors import BadArgument, FetchError
from bitnet.host import Host, this_host
from bitnet.records import Progress


def pull(options: argparse.Namespace) -> None:
    """Fetch a model, or go on with one, and check it; prints where it lies."""
    asyncio.run(_pull(options.name))


async def _pull(name: str) -> None:
    host = this_host()
    shelf = _shelf(host)
    origin = await resolve_one(name, host)
    if not origin.is_remote:
        raise BadArgument(f"{name} is a file of this machine already: give a name of the catalogue or a URL.")
    control, received = Control(), 0
    delivery = Delivery(origin, host, keep=True, control=control)
    total_bytes = await delivery.total_bytes()
    with Meter(origin.title) as meter:

        def show() -> None:
            total = total_bytes if len(origin.parts) > 1 else delivery.total_here or total_bytes
            stored = min(delivery.from_storage_bytes, received)
            meter.show(Progress(received, total, control.state, control.retry_in_s, stored, control.remark))

        def arrived(n_bytes: int) -> None:
            nonlocal received
            received = n_bytes
            show()

        control.on_change = show
        await delivery.fetch(arrived)
    stored = await shelf.find(origin)
    if stored is None or not stored.complete:
        raise FetchError(
            f"{origin.title} could not be stored ({control.remark or 'it is incomplete'}): try again."
        )
    await _verify(shelf, stored)
    for path in await shelf.export(stored.key):
        print(path)


async def _verify(shelf: Shelf, stored: Stored) -> None:
    verified = stored.verified
    if verified is None:
        verified = await shelf.verify(stored.key)
    if verified is False:
        raise FetchError(
            f"{stored.title} does not have the SHA-256 that it should have: pull it again, "
            "or look whether its place is the right one."
        )
    said = "its SHA-256 is right" if verified else "nobody has said which SHA-256 it should have"
    print(f"{stored.title}: {stored.received_bytes:,} bytes, {said}", file=sys.stderr)


def list_models(options: argparse.Namespace) -> None:
    """Say what is stored, used last first."""
    models, room = asyncio.run(_listed())
    if options.json:
        print(json.dumps([dataclasses.asdict(model) for model in models]))
        return
    for model in models:
        used = time.strftime("%Y-%m-%d", time.localtime(model.used_at))
        print(f"{model.received_bytes:>16,}  {_state(model):12}  {used}  {model.title}  {model.url}")
    print(f"{room:>16}  free", file=sys.stderr)


async def _listed() -> tuple[list[Stored], str]:
    shelf = _shelf(this_host())
    free = (await shelf.room()).free_bytes
    return await shelf.stored(), "?" if free is None else f"{free:,}"


def _state(model: Stored) -> str:
    if not model.complete:
        total = model.total_bytes
        return f"{100 * model.received_bytes // total} %" if total else "incomplete"
    return {True: "verified", False: "wrong", None: "complete"}[model.verified]


def remove(options: argparse.Namespace) -> None:
    """Delete a stored model."""
    asyncio.run(_remove(options.name))


async def _remove(name: str) -> None:
    host = this_host()
    shelf = _shelf(host)
    found = await find_stored(name, host)
    if not found:
        raise BadArgument(f"No stored model is called {name}: `bitnet list` shows what there is.")
    if len(found) > 1:
        urls = ", ".join(model.url for model in found)
        raise BadArgument(f"{name} means several stored models: give the address of one of them ({urls}).")
    await shelf.remove(found[0].key)
    print(f"{found[0].title}: {found[0].received_bytes:,} bytes are free again", file=sys.stderr)


def _shelf(host: Host) -> Shelf:
    if host.files is None:
        raise BadArgument(host.why_no_files)
    return Shelf(host.files, host)
