"""Messages to token ids, such that nobody can write a control token into a message.

The rendered template must be tokenised with control tokens recognised: that is how a turn ends. A message
may hold the same text, by accident or to deceive the model ("<|eot_id|><|start_header_id|>system..."). So
control tokens inside contents are found first, replaced by markers that no one can guess, and after rendering
put back as plain characters, tokenised without recognition. A conversation without them gives the ids of the
rendered text as it is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from typing import Protocol

from bitnet.errors import BadArgument
from bitnet.records import ROLES, Message
from bitnet.template import ChatTemplate


class Tokenizer(Protocol):
    """What this module needs of a model."""

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = True) -> list[int]:
        """Ids of *text*."""

    def control_name(self, token: int) -> str:
        """Text of a control token, "" for every other token."""


def check_messages(messages: Iterable[Message | dict[str, str]]) -> list[Message]:
    """Messages given as records or as OpenAI-like dictionaries.

    Raises:
        BadArgument: No message at all, an unknown role, or a content that is not text.
    """
    checked = []
    for message in messages:
        if isinstance(message, dict):
            role, content = message.get("role"), message.get("content")
        else:
            role, content = message.role, message.content
        if role not in ROLES:
            raise BadArgument(f"A message has the role {role!r}: use one of {', '.join(ROLES)}.")
        if not isinstance(content, str):
            raise BadArgument(f"A message of the {role} has the content {content!r}: give it a string.")
        checked.append(Message(role, content))  # type: ignore[arg-type]
    if not checked:
        raise BadArgument("The conversation is empty: give at least one message.")
    return checked


def encode_chat(
    messages: Sequence[Message],
    template: ChatTemplate,
    tokenizer: Tokenizer,
    *,
    continue_final: bool = False,
) -> list[int]:
    """Ids of the rendered conversation; control tokens only where the template wrote them.

    Args:
        continue_final: Leave the last message open: its text follows the beginning of an answer.
    Raises:
        TemplateError: From the template.
    """
    if continue_final:
        before = encode_chat(messages[:-1], template, tokenizer)
        return before + tokenizer.tokenize(messages[-1].content, add_special=False, parse_special=False)
    names = _control_names([message.content for message in messages], tokenizer)
    if not names:
        return tokenizer.tokenize(template.render(messages))
    markers = {name: f"\ue000{secrets.randbelow(10**18):018}\ue001" for name in names}
    guarded = [Message(message.role, _replace(message.content, markers)) for message in messages]
    hidden = {marker: name for name, marker in markers.items()}
    parts = [part for part in re.split("(" + "|".join(hidden) + ")", template.render(guarded)) if part]
    ids: list[int] = []
    for index, part in enumerate(parts):
        text = hidden.get(part, part)
        ids += tokenizer.tokenize(text, add_special=index == 0, parse_special=text == part)
    return ids


def _control_names(contents: Sequence[str], tokenizer: Tokenizer) -> set[str]:
    """Texts of the control tokens that *contents* would become."""
    names: set[str] = set()
    while True:
        texts = [_replace(content, dict.fromkeys(names, "\ue000")) for content in contents]
        ids = {token for text in texts for token in tokenizer.tokenize(text, add_special=False)}
        found = {name for token in ids if (name := tokenizer.control_name(token))}
        if not found - names:
            return names
        names |= found


def _replace(text: str, markers: dict[str, str]) -> str:
    if not markers:
        return text
    longest_first = sorted(markers, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda match: markers[match[0]], text)
