"""The work of stored models: which there are, what becomes of them, and how much room is left."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from bitnet.delivery import Origin, Shelf, Stored, resolve_one
from bitnet.errors import BitNetError
from bitnet.host import Host
from bitnet.ui import amounts, cards
from bitnet.ui.models_view import stored_id
from bitnet.ui.screen import Screen
from bitnet.ui.state import Alert
from bitnet.ui.stored import Shelf as Shown

logger = logging.getLogger("bitnet")


class Storage:
    """Does short things at once, and long ones beside all else.

    Args:
        hand: Gives the visitor a file to keep.
    """

    def __init__(self, host: Host, screen: Screen, hand: Callable[[Any], None]) -> None:
        self._shelf = Shelf(host.files, host) if host.files else None
        self._host, self._screen, self._hand = host, screen, hand
        self._tasks: set[asyncio.Task[None]] = set()
        if self._shelf is None:
            self._show(Shown(why_none=host.why_no_files))

    # ---- What others ask ----

    async def refresh(self) -> None:
        """Show what is stored now."""
        if self._shelf is None:
            return
        stored, room, now_s = await self._shelf.stored(), await self._shelf.room(), time.time()
        before = self._screen.state.shelf
        shown = (
            replace(cards.from_stored(one, now_s), checked_bytes=_checked(before, one.key)) for one in stored
        )
        in_order = tuple(sorted(shown, key=lambda card: (card.title, card.key)))  # others keep their places
        self._show(replace(before, cards=in_order, used_bytes=room.used_bytes, free_bytes=room.free_bytes))

    async def find(self, origin: Origin) -> Stored | None:
        return await self._shelf.find(origin) if self._shelf else None

    async def persist(self) -> None:
        if self._shelf:
            await self._shelf.persist()

    async def room_for(self, n_bytes: int) -> str:
        """What there is to say of the room for a download."""
        if self._shelf is None:
            return self._screen.state.shelf.why_none
        free = (await self._shelf.room()).free_bytes
        if free is None:
            return "how much is left on this device is not known"
        if free >= n_bytes:
            return f"{amounts.size(free)} left on this device"
        large = await self._shelf.to_make_room(n_bytes)
        names = " and ".join(f"{one.title} ({amounts.size(one.received_bytes)})" for one in large)
        advice = f"delete {names} first to keep it" if names else "it will be used, but not kept"
        return f"only {amounts.size(free)} left on this device: {advice}"

    def offer_help(self) -> None:
        """For what is damaged, or was not finished, unless there is something else to say."""
        state = self._screen.state
        if state.alert or self._shelf is None:
            return
        alert = None
        if card := next((card for card in state.shelf.cards if card.check == "damaged"), None):
            alert = Alert(f"The stored copy of {card.title} is damaged and not used.", "repair", card.key)
        elif card := next((card for card in state.shelf.cards if not card.complete), None):
            sentence = f"The download of {card.title} was not finished: {card.amount}."
            alert = Alert(sentence, "open_stored", card.key)
        if alert:
            self._screen.show(replace(state, alert=replace(alert, is_problem=False)))

    def watch(self, verification: asyncio.Task[bool | None], title: str) -> None:
        """A model that has just been stored is compared with what it should be."""
        self._begin(lambda: self._watch(verification, title))

    # ---- What a visitor may ask for ----

    def look(self) -> None:
        """Other tabs may have changed what is stored."""
        self._begin(self.refresh)

    def ask_to_delete(self, key: str) -> None:
        self._show(replace(self._screen.state.shelf, deleting=key), ["focus", f"{stored_id(key)}-no"])

    def keep(self, key: str) -> None:
        self._show(replace(self._screen.state.shelf, deleting=""), ["focus", f"{stored_id(key)}-delete"])

    def delete(self, key: str) -> None:
        self._begin(lambda: self._delete(key))

    def verify(self, key: str) -> None:
        self._begin(lambda: self._verify(key))

    def repair(self, key: str, token: str) -> None:
        """*token* is for private models."""
        self._begin(lambda: self._repair(key, token))

    def export(self, key: str) -> None:
        self._begin(lambda: self._export(key))

    # ---- The work ----

    def _show(self, shown: Shown, *extra: list[Any]) -> None:
        self._screen.show(replace(self._screen.state, shelf=shown), *extra)

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._do(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except BitNetError as error:
            self._screen.show(replace(self._screen.state, alert=Alert(str(error))))
        except Exception as error:
            logger.exception("Work on stored models failed")
            sentence = f"The stored models could not be reached ({error!r}): reload the page, then try again."
            self._screen.show(replace(self._screen.state, alert=Alert(sentence)))

    async def _delete(self, key: str) -> None:
        if self._shelf is None:
            return
        try:
            await self._shelf.remove(key)
        finally:
            alert = self._screen.state.alert
            if alert and alert.key == key:  # it offered what is no longer there
                self._screen.state = replace(self._screen.state, alert=None)
            self._show(replace(self._screen.state.shelf, deleting=""), ["focus", "stored-title"])
            await self.refresh()

    async def _verify(self, key: str) -> None:
        card = self._screen.state.shelf.card(key)
        if card and await self._compare(key) is False:
            self._warn(card.title, "repair it, or delete it and download it again")

    async def _watch(self, verification: asyncio.Task[bool | None], title: str) -> None:
        try:
            verified = await verification
        finally:
            await self.refresh()
        if verified is False:
            self._warn(title, "delete it, and download it again")

    async def _repair(self, key: str, token: str) -> None:
        """Fetch again what is not what was written, then see whether the whole is what it should be."""
        card = self._screen.state.shelf.card(key)
        if self._shelf is None or card is None:
            return
        self._say(f"{card.title} is being repaired.")
        origin = await resolve_one(card.url, self._host, token=token)
        n_bytes = await self._shelf.repair(key, headers=origin.headers)
        if await self._compare(key) is False:
            self._warn(card.title, "delete it, and download it again")
        else:
            self._say(f"{card.title} is repaired: {amounts.size(n_bytes)} were fetched again.")

    async def _compare(self, key: str) -> bool | None:
        """Whether a model has the SHA-256 that it should have; the page shows how far that is."""
        if self._shelf is None:
            return None

        def report(n_bytes: int) -> None:
            shelf = self._screen.state.shelf.with_check(key, n_bytes)
            self._screen.show_at_leisure(replace(self._screen.state, shelf=shelf))

        self._show(self._screen.state.shelf.with_check(key, 0), ["focus", "stored-title"])
        try:
            return await self._shelf.verify(key, report)
        finally:
            self._screen.state = replace(
                self._screen.state, shelf=self._screen.state.shelf.with_check(key, None)
            )
            await self.refresh()

    def _warn(self, title: str, advice: str) -> None:
        sentence = f"{title} is not the file that its source publishes (its SHA-256 is another one): "
        self._screen.show(
            replace(self._screen.state, alert=Alert(f"{sentence}do not rely on it; {advice}.", "models"))
        )

    def _say(self, sentence: str) -> None:
        self._screen.show(replace(self._screen.state, alert=Alert(sentence, is_problem=False)))

    async def _export(self, key: str) -> None:
        if self._shelf:
            for file in await self._shelf.export(key):
                self._hand(file)


def _checked(shown: Shown, key: str) -> int | None:
    card = shown.card(key)
    return card.checked_bytes if card else None
