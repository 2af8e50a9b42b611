"""What chat templates can call, where Jinja2's own could make much at once, or would not pay for it."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import jinja2
import jinja2.filters
from jinja2.utils import Namespace

from bitnet.allowance import MOST_CHARACTERS, Allowance, TooMuch, checked, checked_keys

#: Those of Jinja2 that are paid well by the size of what comes in and goes out.
OF_JINJA = {
    *("abs", "capitalize", "count", "d", "default", "dictsort", "escape", "e", "first"),
    *("float", "groupby", "int", "items", "last", "length", "list", "lower", "map", "max"),
    *("min", "reject", "rejectattr", "reverse", "safe", "select", "selectattr", "sort"),
    *("title", "upper"),
}


class Filters:
    """The filters that replace Jinja2's.

    Args:
        environment: Looks up attributes, at a price.
    """

    def __init__(self, environment: jinja2.Environment, allowance: Allowance) -> None:
        self._environment, self._allowance = environment, allowance

    def by_name(self) -> dict[str, Callable[..., Any]]:
        """All filters that templates may use."""
        return {name: jinja2.filters.FILTERS[name] for name in OF_JINJA} | {
            "indent": self._indent,
            "join": self.join_items,
            "replace": self.replace,
            "string": self.text,
            "sum": self._sum,
            "tojson": self._to_json,
            "trim": self._trim,
            "unique": self._unique,
        }

    def text(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        self._allowance.pay(value)
        return str(value)

    def join(self, parts: Iterable[Any]) -> str:
        texts = [self.text(part) for part in parts]
        self._allowance.spend(checked(sum(map(len, texts))) + len(texts))
        return "".join(texts)

    def join_items(self, items: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
        if attribute is not None:
            items = [self._environment.getitem(item, attribute) for item in items]
        texts = [self.text(item) for item in items]
        self._allowance.spend(checked(sum(map(len, texts)) + len(d) * len(texts)))
        return str(d).join(texts)

    def replace(self, text: str, old: str, new: str, count: int = -1) -> str:
        text, old, new = str(text), str(old), str(new)
        self._allowance.spend(checked(len(text) + text.count(old) * len(new)))
        return text.replace(old, new, -1 if count is None else count)

    def _indent(self, text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        prefix = " " * min(width, 80) if isinstance(width, int) else str(width)
        checked(len(text) + (text.count("\n") + 1) * len(prefix))
        return jinja2.filters.do_indent(text, prefix, first, blank)

    def _sum(self, items: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> float:
        if attribute is not None:
            items = map(jinja2.filters.make_attrgetter(self._environment, attribute), items)
        total = start
        for item in items:
            if not isinstance(item, int | float) or not isinstance(total, int | float):
                raise TooMuch("it sums what are not numbers")
            total += item
        return total

    def _trim(self, value: Any, chars: str | None = None) -> str:
        text = str(self.text(value))
        self._allowance.pay_product(text, chars)
        return text.strip(chars)

    def _to_json(self, value: Any, indent: int | None = None) -> str:
        """Like Jinja2's own, but without escaping for HTML: a prompt is not a page."""
        self._allowance.pay(value)
        return json.dumps(value, ensure_ascii=False, indent=min(indent, 8) if indent else None)

    def _unique(
        self, items: Iterable[Any], case_sensitive: bool = False, attribute: str | int | None = None
    ) -> list[Any]:
        key_of = jinja2.filters.make_attrgetter(
            self._environment, attribute, None if case_sensitive else jinja2.filters.ignore_case
        )
        found: dict[Any, Any] = {}
        items = list(items)
        for key, item in zip(checked_keys(map(key_of, items)), items, strict=True):
            found.setdefault(key, item)
        return list(found.values())


def make_dict(items: Iterable[Any] = (), /, **named: Any) -> dict[Any, Any]:
    pairs = list(items.items() if isinstance(items, Mapping) else items)
    keys = checked_keys(key for key, _ in pairs)
    return dict(zip(keys, (value for _, value in pairs), strict=True), **named)


def make_namespace(*items: Any, **named: Any) -> Namespace:
    return Namespace(make_dict(*items, **named))


def raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(str(message)[:MOST_CHARACTERS])


def strftime_now(pattern: str) -> str:
    if re.search(r"%[^a-zA-Z%]*\d", pattern):  # widths: "%999999999Y"
        raise TooMuch("it asks for a date of a given width")
    return datetime.datetime.now().strftime(pattern[:200])
