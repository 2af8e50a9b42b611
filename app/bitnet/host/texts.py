"""Small texts that a browser keeps in IndexedDB: what web/texts.js gives, for Python."""

from __future__ import annotations

from typing import Any


class BrowserTexts:
    """*texts* is what ``textsFrom`` of web/texts.js gave; every method raises JsException if it cannot."""

    def __init__(self, texts: Any) -> None:
        self._texts = texts

    async def entries(self) -> dict[str, str]:
        """All texts by their keys."""
        return dict((await self._texts.entries()).to_py())

    async def write(self, key: str, text: str) -> None:
        await self._texts.write(key, text)

    async def remove(self, key: str) -> None:
        await self._texts.remove(key)
