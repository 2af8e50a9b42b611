"""Jinja2 for templates from strangers: no way out, and neither time nor memory without end.

Jinja2's immutable sandbox keeps a template away from Python's insides, but lets it run for hours or fill
the memory. Nothing can interrupt it: a browser has no signals, and one call of ``str.replace`` is one
instruction. So a template works on an allowance: every value that it makes or walks over costs its size,
every turn of a loop and every call costs something too, and what could make something huge at once is asked
for its size before. All repetition in Jinja2 is a loop, a call, a filter or a test: nothing takes long
without paying.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2
import jinja2.ext
import jinja2.sandbox
from jinja2.runtime import LoopContext

from bitnet.allowance import CALL, TURN, Allowance, TooMuch, checked, checked_bits
from bitnet.filters import Filters, make_dict, make_namespace, raise_exception, strftime_now
from bitnet.prices import Prices

# Compilers of expressions call themselves, and so does what frees an expression: in Pyodide a chain such as
# "a.b.b.b" with thousands of links would overflow the stack, which nothing catches.
DEEPEST = 100  # brackets within brackets
MOST_LINKS = 500  # brackets, dots, bars and operators between "{{" and "}}"
LINKING_WORDS = {"and", "if", "in", "is", "not", "or"}

TEXT_METHODS = {
    *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha"),
    *("isascii", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join"),
    *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind"),
    *("rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith"),
    *("strip", "swapcase", "title", "upper"),
}
#: Methods that may compare every character of a text with every one of their argument.
SLOW_METHODS = {"lstrip", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "strip"}


class Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Compiles and runs one template at a time.

    Attributes:
        allowance: What is left to the template; to be refilled before each rendering.
    """

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

    def __init__(self) -> None:
        self.allowance = Allowance()
        self._filters = Filters(self, self.allowance)
        # The settings, names and filter that templates of the Hugging Face hub are written for. Without
        # optimisation nothing of a template runs before it is rendered.
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            extensions=[jinja2.ext.loopcontrols],
            finalize=self._filters.text,
        )
        self.concat = self._filters.join  # type: ignore[method-assign]
        self.filters = self._filters.by_name() | {
            "called": self._called,
            "concatenated": self._filters.join,
            "counted": self.count,
            "steps": self.allowance.steps,
            "worked": self._worked,
        }
        self.globals = {name: self.globals[name] for name in ("range", "cycler", "joiner")} | {
            "dict": make_dict,
            "namespace": make_namespace,
            "raise_exception": raise_exception,
            "strftime_now": strftime_now,
        }

    def template(self, source: str) -> jinja2.Template:
        """Compile *source*.

        Raises:
            Exception: Whatever is wrong with it.
        """
        self._check_expressions(source)
        tree = Prices().visit(self.parse(source))
        return jinja2.Template.from_code(self, self.compile(tree), self.make_globals(None))

    def _check_expressions(self, source: str) -> None:
        depth = n_links = 0
        for _, kind, text in self.lex(source):
            if kind.endswith("_begin"):
                depth = n_links = 0
            elif kind == "operator" and text in ")]}":
                depth -= 1
            elif (kind == "operator" and text not in ",:") or (kind == "name" and text in LINKING_WORDS):
                depth, n_links = depth + (text in "([{"), n_links + 1
            if depth > DEEPEST:
                raise TooMuch(f"it nests brackets more than {DEEPEST} deep")
            if n_links > MOST_LINKS:
                raise TooMuch(f"it has an expression of more than {MOST_LINKS} links")

    # ---- Filters that ``prices`` puts into a template ----

    def count(self, value: Any) -> Any:
        """Pay for *value* by its size; what is only made when it is asked for items is made now."""
        if isinstance(value, Iterator) and not isinstance(value, LoopContext):
            value = list(self.allowance.steps(value))
        self.allowance.pay(value)
        return value

    def _called(self, value: Any) -> Any:
        """Pay for a filter or a test of *value*."""
        self.allowance.spend(CALL)
        return self.count(value)

    def _worked(self, value: Any, price: int) -> Any:
        """Pay for a passage that is run again and again."""
        self.allowance.spend(max(TURN, price))  # whatever a template says that knows this filter
        return value

    # ---- What templates can call ----

    def wrap_str_format(self, value: Any) -> None:
        """``str.format`` is not wrapped but refused: a width in it makes any length at once."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in TEXT_METHODS
        return not isinstance(obj, int | float | bytes | range) and super().is_safe_attribute(
            obj, attr, value
        )

    def getattr(self, obj: Any, attribute: str) -> Any:
        self.allowance.spend(TURN)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        self.allowance.pay(argument)
        self.allowance.spend(TURN)  # filters come here for every part of "a.b.c", and for every item
        return super().getitem(obj, argument)

    def call(self, context: Any, function: Any, /, *args: Any, **options: Any) -> Any:
        self.allowance.spend(CALL)
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(
            owner, str | list | tuple
        ):  # methods of dictionaries look up, or pay for what they give
            self.allowance.pay(owner)
        if isinstance(owner, str):
            if name == "replace":
                return self._filters.replace(owner, *args)
            if name == "join":
                return self._filters.join_items(args[0], owner)
            if name in SLOW_METHODS:
                for argument in (*args, *options.values()):
                    self.allowance.pay_product(owner, argument)
        for argument in args:  # a recursive loop walks over it
            self.allowance.pay(argument)
        self.allowance.pay({name: value for name, value in options.items() if name != "caller"})
        return self.count(super().call(context, function, *args, **options))

    def call_filter(  # map() calls this for every item
        self, name: str, value: Any, args: Any = None, kwargs: Any = None, *rest: Any, **options: Any
    ) -> Any:
        value = self._paid(value, args, kwargs)
        return self.count(super().call_filter(name, value, args, kwargs, *rest, **options))

    def call_test(  # select() and reject() call this for every item
        self, name: str, value: Any, args: Any = None, kwargs: Any = None, *rest: Any, **options: Any
    ) -> Any:
        value = self._paid(value, args, kwargs)
        return super().call_test(name, value, args, kwargs, *rest, **options)

    def _paid(self, value: Any, args: Sequence[Any] | None, options: Mapping[str, Any] | None) -> Any:
        """*value*, when it and the arguments of what is called with it have been paid."""
        self.allowance.pay(args)
        self.allowance.pay(options)
        return self._called(value)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int | float) and isinstance(right, int | float):
            self.allowance.pay(left)
            self.allowance.pay(right)
            n_bits = _bits(left) * abs(right) if operator == "**" else _bits(left) + _bits(right)
            if operator in ("*", "**"):
                checked_bits(n_bits)
        elif operator == "*":  # "+" makes no more than there is, and is paid when it has been made
            items, times = (right, left) if isinstance(left, int) else (left, right)
            checked(len(items) * max(times, 0))
        elif operator != "+":  # "%" makes any length at once, "-" a set
            raise TooMuch(f"it reckons with {operator}, but not with numbers")
        return self.count(super().call_binop(context, operator, left, right))


def _bits(number: float) -> int:
    return number.bit_length() if isinstance(number, int) else 64
