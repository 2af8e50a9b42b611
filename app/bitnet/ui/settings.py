"""The settings of a chat: their bounds, and how text from a form or an address becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bitnet.errors import BadArgument
from bitnet.records import Sampling

SEED_LIMIT = 2**53  # JSON numbers are exact up to here


@dataclass(frozen=True, slots=True)
class Bounds:
    label: str
    least: float
    most: float
    whole: bool = False


BOUNDS: Mapping[str, Bounds] = {
    "temperature": Bounds("Temperature", 0, 5),
    "top_p": Bounds("Top-p", 0.01, 1),
    "top_k": Bounds("Top-k", 0, 100_000, whole=True),
    "min_p": Bounds("Min-p", 0, 1),
    "repeat_penalty": Bounds("Repetition penalty", 1, 2),
    "max_tokens": Bounds("Max tokens", 1, 100_000, whole=True),
    "seed": Bounds("Seed", 0, SEED_LIMIT, whole=True),
}


@dataclass(frozen=True, slots=True)
class Settings:
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 512
    system: str = ""

    def fields(self) -> dict[str, str]:
        """Every setting as the text that its field shows; an empty seed means a new one each time."""
        texts = {name: _show(value) for name, value in self._values().items()}
        return {name: texts[name] for name in (*BOUNDS, "system")}

    def with_fields(self, fields: Mapping[str, str]) -> Settings:
        """These settings with what *fields* says.

        Raises:
            BadArgument: A value is not a number or lies outside its bounds; the sentence names both.
        """
        values = self._values()
        values.update({name: parse(name, text) for name, text in fields.items() if name in BOUNDS})
        values["system"] = fields.get("system", self.system)
        return self._from_values(values)

    @classmethod
    def of_sampling(cls, fields: Mapping[str, float]) -> Settings:
        """The settings that a model asks for, such as ``{"temperature": 0.7, "top_p": 0.95}``."""
        return cls().with_fields({name: str(value) for name, value in fields.items()})

    def sampling_options(self) -> dict[str, Any]:
        """As ``Model.chat`` takes them."""
        return asdict(self.sampling)

    def to_json(self) -> dict[str, Any]:
        return self._values()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        return cls().with_fields({name: _show(value) for name, value in data.items()})

    def _values(self) -> dict[str, Any]:
        return {**asdict(self.sampling), "max_tokens": self.max_tokens, "system": self.system}

    def _from_values(self, values: dict[str, Any]) -> Settings:
        sampling = {name: value for name, value in values.items() if name not in ("max_tokens", "system")}
        return Settings(replace(self.sampling, **sampling), values["max_tokens"], values["system"])


def _show(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def parse(name: str, text: str) -> float | int | None:
    """The number that *text* gives for the setting *name*; None for a seed left empty."""
    bounds = BOUNDS[name]
    if name == "seed" and not text.strip():
        return None
    try:
        value = int(text) if bounds.whole else float(text)
        if not bounds.least <= value <= bounds.most:  # also refuses NaN
            raise ValueError
    except ValueError:
        kind = "a whole number" if bounds.whole else "a number"
        raise BadArgument(
            f"{bounds.label} must be {kind} from {bounds.least:g} to {bounds.most:,.0f}, not {text!r}: "
            "the value before stays."
        ) from None
    return value
