"""What the address of the page asks for: ``?model=tiny-tales&temperature=0&seed=7``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from bitnet.ui.settings import BOUNDS, CHOICES


@dataclass(frozen=True, slots=True)
class Query:
    """*fields* are settings as text, still unchecked; *remarks* say what has no effect here."""

    model: str = ""
    kernel: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def parse_query(text: str) -> Query:
    given = dict(parse_qsl(text.removeprefix("?"), keep_blank_values=True))
    remarks = []
    for name, choices in CHOICES.items():
        if name in given and given[name] not in choices:
            remarks.append(f"{name}={given.pop(name)} has no effect: choose {' or '.join(choices)}.")
    return Query(
        model=given.get("model", ""),
        kernel=given.get("kernel") or None,
        fields={
            name: given[name] for name in (*BOUNDS, *CHOICES, "system", "stop", "template") if name in given
        },
        remarks=tuple(remarks),
    )
