"""The settings of a chat: their bounds, and how text from a form or an address becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bitnet.errors import BadArgument
from bitnet.formats import FORMATS
from bitnet.records import KV_PRECISIONS, PROFILES, Sampling

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
    "context": Bounds("Context length", 1, 1_048_576, whole=True),
    "ranks": Bounds("CPU cores", 1, 64, whole=True),
}
MAY_BE_EMPTY = ("seed", "context", "ranks")  # then a new seed each time, and what is usual for the model
CHOICES: Mapping[str, tuple[str, ...]] = {
    "kv": KV_PRECISIONS,
    "profile": PROFILES,
}
TEXTS = ("system", "stop", *CHOICES, "template", "own_template")
OTHERS = ("max_tokens", "context", "ranks", *TEXTS)  # what is no part of the sampling
OF_THE_MODEL = ("context", "ranks", "kv", "profile", "template", "own_template")
OF_THE_DEVICE = ("ranks", "kv", "profile")  # what this device keeps for all its tabs
MOST_STOPS, MOST_STOP_CHARACTERS = 16, 100
OWN = "own"  # the chat template that the visitor writes; "" is the model's, else a name of bitnet.formats


@dataclass(frozen=True, slots=True)
class Settings:
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 512
    system: str = ""
    stop: str = ""
    context: int | None = None
    ranks: int | None = None
    kv: str = "f16"
    profile: str = "fast"
    template: str = ""
    own_template: str = ""

    @property
    def chat_template(self) -> str | None:
        """As ``Model.use_chat_template`` takes it; an own one that is still empty is none."""
        chosen = self.own_template if self.template == OWN else self.template
        return chosen if chosen.strip() else None

    @property
    def stops(self) -> tuple[str, ...]:
        r"""The stop strings, one of each line; ``\n`` and ``\t`` stand for a line break and a tab."""
        written = (line.replace(r"\n", "\n").replace(r"\t", "\t") for line in self.stop.splitlines())
        return tuple(dict.fromkeys(text for text in written if text))

    def fields(self) -> dict[str, str]:
        """Every setting as the text that its field shows; see ``MAY_BE_EMPTY``."""
        texts = {name: _show(value) for name, value in self._values().items()}
        return {name: texts[name] for name in (*BOUNDS, *TEXTS)}

    def with_fields(self, fields: Mapping[str, str]) -> Settings:
        """These settings with what *fields* says.

        Raises:
            BadArgument: A value is not a number or lies outside its bounds, or there is no such choice;
                the sentence names it.
        """
        values = self._values()
        values.update({name: parse(name, text) for name, text in fields.items() if name in BOUNDS})
        values.update({name: fields[name] for name in TEXTS if name in fields})
        for name, choices in CHOICES.items():
            if values[name] not in choices:
                raise BadArgument(f"{name}={values[name]} has no effect: choose {' or '.join(choices)}.")
        if values["template"] not in ("", OWN, *FORMATS):
            raise BadArgument(
                f"There is no chat template {values['template']!r}: choose one of {', '.join(FORMATS)}."
            )
        settings = self._from_values(values)
        if len(settings.stops) > MOST_STOPS or any(
            len(text) > MOST_STOP_CHARACTERS for text in settings.stops
        ):
            raise BadArgument(
                f"There can be {MOST_STOPS} stop strings of up to {MOST_STOP_CHARACTERS} characters, "
                "one in each line: those before stay."
            )
        return settings

    @classmethod
    def of_sampling(cls, fields: Mapping[str, float]) -> Settings:
        """The settings that a model asks for, such as ``{"temperature": 0.7, "top_p": 0.95}``."""
        return cls().with_fields({name: str(value) for name, value in fields.items()})

    def sampling_options(self) -> dict[str, Any]:
        """As ``Model.chat`` takes them."""
        return asdict(self.sampling)

    def chat_fields(self) -> dict[str, str]:
        """The fields that belong to a conversation; the others belong to the model and this machine."""
        return {name: text for name, text in self.fields().items() if name not in OF_THE_MODEL}

    def with_chat(self, other: Settings) -> Settings:
        """These settings with what *other* says for a conversation."""
        return self.with_fields(other.chat_fields())

    def device_fields(self) -> dict[str, str]:
        """The fields that belong to this device, whatever is opened on it."""
        return {name: text for name, text in self.fields().items() if name in OF_THE_DEVICE}

    def to_json(self) -> dict[str, Any]:
        return self._values()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        return cls().with_fields({name: _show(value) for name, value in data.items()})

    def _values(self) -> dict[str, Any]:
        return {**asdict(self.sampling), **{name: getattr(self, name) for name in OTHERS}}

    def _from_values(self, values: dict[str, Any]) -> Settings:
        sampling = {name: value for name, value in values.items() if name not in OTHERS}
        return Settings(replace(self.sampling, **sampling), **{name: values[name] for name in OTHERS})


def _show(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def parse(name: str, text: str) -> float | int | None:
    """The number that *text* gives for the setting *name*; None for one left empty that may be."""
    bounds = BOUNDS[name]
    if name in MAY_BE_EMPTY and not text.strip():
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
