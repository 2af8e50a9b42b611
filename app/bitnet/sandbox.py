"""Jinja2 for templates from strangers: no way out, and neither time nor memory without end.

Jinja2's immutable sandbox keeps a template away from Python's insides, but lets it run for hours or fill
the memory. Nothing can interrupt it: a browser has no signals, and one call of ``str.replace`` is one
instruction. So a template works on an allowance: every value that it makes or walks over costs its size,
every turn of a loop and every call costs something too, and what could make something huge at once is asked
for its size before. All repetition in Jinja2 is a loop, a call, a filter or a test: nothing takes long
without paying.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.filters
import jinja2.sandbox

from bitnet.prices import Prices

# Prices are in characters, by the time that things take: the whole allowance lasts for some two seconds. Long
# conversations take a hundredth of it.
ALLOWANCE = 1 << 25
TURN, ITEM, CALL = 1 << 5, 1 << 4, 1 << 8
MOST_CHARACTERS = 1 << 20  # of one text: as much as the longest prompts
MOST_BITS = 4096  # of one number
LONGEST_PART = 256  # of what is stripped, or looked for from the end
DEEPEST = 100  # brackets within brackets; compilers of expressions call themselves

FILTERS = {
    *("abs", "capitalize", "count", "d", "default", "dictsort", "escape", "e", "first"),
    *("float", "groupby", "int", "items", "last", "length", "list", "lower", "map", "max"),
    *("min", "reject", "rejectattr", "reverse", "safe", "select", "selectattr", "sort"),
    *("title", "unique", "upper"),
}
TEXT_METHODS = {
    *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha"),
    *("isascii", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join"),
    *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind"),
    *("rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith"),
    *("strip", "swapcase", "title", "upper"),
}
#: Methods that may compare every character of a text with every one of their argument.
SLOW_METHODS = {"lstrip", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "strip"}


class TooMuch(jinja2.TemplateError):
    """The template has used up its allowance, or asks for something huge."""


class Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Compiles and runs one template at a time."""

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

    def __init__(self) -> None:
        # The settings, names and filter that templates of the Hugging Face hub are written for. Without
        # optimisation nothing of a template runs before it is rendered.
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            extensions=[jinja2.ext.loopcontrols],
            finalize=self._text,
        )
        self._left = ALLOWANCE
        self.concat = self._join  # type: ignore[method-assign]
        self.filters = {name: jinja2.filters.FILTERS[name] for name in FILTERS}
        self.filters |= {"tojson": self._to_json, "replace": self._replace, "join": self._join_items}
        self.filters |= {"indent": self._indent, "sum": self._sum, "trim": self._trim, "string": self._text}
        self.filters |= {
            "counted": self.count,
            "called": self._called,
            "steps": self._steps,
            "concatenated": self._join,
        }
        self.globals = {
            name: self.globals[name] for name in ("range", "dict", "namespace", "cycler", "joiner")
        }
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}

    def template(self, source: str) -> jinja2.Template:
        """Compile *source*.

        Raises:
            Exception: Whatever is wrong with it.
        """
        if _depth(source) > DEEPEST:
            raise TooMuch(f"it nests brackets more than {DEEPEST} deep")
        tree = Prices().visit(self.parse(source))
        return jinja2.Template.from_code(self, self.compile(tree), self.make_globals(None))

    def refill(self) -> None:
        """Begin a new rendering with the whole allowance."""
        self._left = ALLOWANCE

    def spend(self, price: int) -> None:
        self._left -= price
        if self._left < 0:
            raise TooMuch("it works without end or makes too much")

    def count(self, value: Any) -> Any:
        """Pay for *value* by its size."""
        self._pay(value)
        return value

    def _called(self, value: Any) -> Any:
        """Pay for a filter or a test of *value*."""
        self.spend(CALL)
        return self.count(value)

    def _pay(self, value: Any) -> None:
        if isinstance(value, str):
            self.spend(_checked(len(value)))
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self._pay(key)
                self._pay(item)
        elif isinstance(value, list | tuple | set | frozenset | KeysView | ValuesView | ItemsView):
            for item in value:
                self._pay(item)
        elif isinstance(value, range):
            self.spend(ITEM * len(value))
        elif isinstance(value, int):
            if (n_bits := value.bit_length()) > MOST_BITS:
                raise TooMuch("it makes a number that is too large")
            self.spend(n_bits)
        self.spend(ITEM)

    def _pay_product(self, text: str, part: Any) -> None:
        if isinstance(part, str):
            if len(part) > LONGEST_PART:
                raise TooMuch(f"it looks for more than {LONGEST_PART} characters from the end of a text")
            self.spend(len(text) * len(part) >> 4)

    def _steps(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.spend(TURN)
            yield item

    # ---- What templates can call ----

    def wrap_str_format(self, value: Any) -> None:
        """``str.format`` is not wrapped but refused: a width in it makes any length at once."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in TEXT_METHODS
        return not isinstance(obj, int | float | bytes | range) and super().is_safe_attribute(
            obj, attr, value
        )

    def getitem(self, obj: Any, argument: Any) -> Any:
        self._pay(argument)
        self.spend(TURN)  # filters come here for every part of "a.b.c", and for every item
        return super().getitem(obj, argument)

    def call(self, context: Any, function: Any, /, *args: Any, **options: Any) -> Any:
        self.spend(CALL)
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(owner, str):
            self._pay(owner)
            if name == "replace":
                return self._replace(owner, *args)
            if name == "join":
                return self._join_items(args[0], owner)
            if name in SLOW_METHODS:
                for argument in (*args, *options.values()):
                    self._pay_product(owner, argument)
        for argument in (*args, *options.values()):  # a recursive loop walks over it
            self._pay(argument)
        return self.count(super().call(context, function, *args, **options))

    def call_filter(  # map() calls this for every item
        self,
        name: str,
        value: Any,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *rest: Any,
        **options: Any,
    ) -> Any:
        self._called(value)
        self._pay(args)
        self._pay(kwargs)
        return self.count(super().call_filter(name, value, args, kwargs, *rest, **options))

    def call_test(  # select() and reject() call this for every item
        self,
        name: str,
        value: Any,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *rest: Any,
        **options: Any,
    ) -> Any:
        self._called(value)
        self._pay(args)
        self._pay(kwargs)
        return super().call_test(name, value, args, kwargs, *rest, **options)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if numbers or operator == "-":  # of sets; what else can be added or multiplied makes more
            self._pay(left)
            self._pay(right)
        if operator == "%" and not numbers:
            raise TooMuch("it formats text with %")
        if operator == "**":
            if not numbers or abs(right) > MOST_BITS or _bits(left) * abs(right) > MOST_BITS:
                raise TooMuch("it makes a number that is too large")
        elif operator == "*":
            if numbers and _bits(left) + _bits(right) > MOST_BITS:
                raise TooMuch("it makes a number that is too large")
            if not numbers:
                items, times = (right, left) if isinstance(left, int) else (left, right)
                _checked(len(items) * max(times, 0))
        return self.count(super().call_binop(context, operator, left, right))

    # ---- Filters that make text ----

    def _text(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        self._pay(value)
        return str(value)

    def _join(self, parts: Iterable[Any]) -> str:
        texts = [self._text(part) for part in parts]
        self.spend(_checked(sum(map(len, texts))) + len(texts))
        return "".join(texts)

    def _join_items(self, items: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
        if attribute is not None:
            items = [self.getitem(item, attribute) for item in items]
        texts = [self._text(item) for item in items]
        self.spend(_checked(sum(map(len, texts)) + len(d) * len(texts)))
        return str(d).join(texts)

    def _replace(self, text: str, old: str, new: str, count: int = -1) -> str:
        text, old, new = str(text), str(old), str(new)
        self.spend(_checked(len(text) + text.count(old) * len(new)))
        return text.replace(old, new, -1 if count is None else count)

    def _indent(self, text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        prefix = " " * min(width, 80) if isinstance(width, int) else str(width)
        _checked(len(text) + (text.count("\n") + 1) * len(prefix))
        return jinja2.filters.do_indent(text, prefix, first, blank)

    def _sum(self, items: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> float:
        if attribute is not None:
            items = map(jinja2.filters.make_attrgetter(self, attribute), items)
        total = start
        for item in items:
            if not isinstance(item, int | float) or not isinstance(total, int | float):
                raise TooMuch("it sums what are not numbers")
            total += item
        return total

    def _trim(self, value: Any, chars: str | None = None) -> str:
        text = str(self._text(value))
        self._pay_product(text, chars)
        return text.strip(chars)

    def _to_json(self, value: Any, indent: int | None = None) -> str:
        """Like Jinja2's own, but without escaping for HTML: a prompt is not a page."""
        return json.dumps(self.count(value), ensure_ascii=False, indent=min(indent, 8) if indent else None)


def _checked(n_characters: int) -> int:
    if n_characters > MOST_CHARACTERS:
        raise TooMuch(f"it makes a text of more than {MOST_CHARACTERS:,} characters")
    return n_characters


def _bits(number: float) -> int:
    return number.bit_length() if isinstance(number, int) else 64


def _depth(source: str) -> int:
    deepest = depth = 0
    for bracket in re.findall(r"[(\[{}\])]", source):
        depth = depth + 1 if bracket in "([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    if re.search(r"%[^a-zA-Z%]*\d", pattern):  # widths: "%999999999Y"
        raise TooMuch("it asks for a date of a given width")
    return datetime.datetime.now().strftime(pattern[:200])
