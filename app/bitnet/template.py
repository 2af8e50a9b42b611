"""The prompt format of a model: its own chat template or a chosen one, rendered in the sandbox.

A template comes with a model file from anywhere, so it is hostile. It is tried on a short conversation before
it is used; one that cannot be used is replaced, with a warning that says why.
"""

from __future__ import annotations

from collections.abc import Sequence

import jinja2

from bitnet.allowance import MOST_CHARACTERS, TooMuch
from bitnet.errors import BadArgument, TemplateError
from bitnet.formats import FORMATS, Format
from bitnet.records import Message
from bitnet.sandbox import Sandbox

MAX_TEMPLATE_CHARACTERS = 64 * 1024  # the longest published templates have some 20,000
TRIALS = (
    [Message("user", "Hello!")],
    [Message("user", "Hello!"), Message("assistant", "Hi!"), Message("user", "How are you?")],
)


class ChatTemplate:
    """Renders messages as one prompt.

    Args:
        own: The template of the model file, None if it has none.
        chosen: What is to be used instead: a name of ``bitnet.formats``, or a template; None for *own*.
        bos_token, eos_token: Their texts, for the template.
    Attributes:
        stop: Strings that end an answer, where no token does.
        warnings: Sentences about what had to be replaced.
    Raises:
        BadArgument: *chosen* is neither a known name nor a template.
    """

    def __init__(
        self, own: str | None, *, chosen: str | None = None, bos_token: str = "", eos_token: str = ""
    ) -> None:
        self.stop: tuple[str, ...] = ()
        self.warnings: tuple[str, ...] = ()
        self._sandbox = Sandbox()
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}
        if chosen is not None:
            self._whose = "The chosen chat template"
            if not (problem := self._try(_format(chosen))):
                return
            self.warnings = (f"{self._whose} cannot be used ({problem}): the model's own format is used.",)
        self._whose = "The model's chat template"
        self._use_own(own)

    def _use_own(self, own: str | None) -> None:
        if own is None:
            reason = "The model has no chat template"
        elif "BITNET" in own:
            self._try(FORMATS["bitnet-2b"])
            self.warnings += (
                "The file's chat template is a converter's placeholder: BitNet 2B-4T's own is used.",
            )
            return
        elif problem := self._try(Format("", own)):
            reason = f"{self._whose} cannot be used ({problem})"
        else:
            return
        self._try(FORMATS["plain"])
        self.warnings += (f"{reason}: a plain User/Assistant format is used, so answers may be poor.",)

    def _try(self, chat_format: Format) -> str:
        """Use *chat_format*, or say in some words why it cannot be used."""
        if len(chat_format.source) > MAX_TEMPLATE_CHARACTERS:
            return f"it has {len(chat_format.source):,} characters, more than {MAX_TEMPLATE_CHARACTERS:,}"
        try:
            self._template = self._sandbox.template(chat_format.source)
            for messages in TRIALS:
                self._render(messages, add_generation_prompt=True)
        except Exception as error:  # a template can fail in any way that Python can
            return _one_line(error)
        self.stop = chat_format.stop
        return ""

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool = True) -> str:
        """The prompt that ends where the answer begins.

        Raises:
            TemplateError: The template refused the messages, failed, or wrote or worked too much.
        """
        try:
            return self._render(messages, add_generation_prompt=add_generation_prompt)
        except Exception as error:
            raise TemplateError(
                f"{self._whose} refuses this conversation ({_one_line(error)}): start a new chat, or choose "
                "another chat template."
            ) from error

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        entries = [{"role": message.role, "content": message.content} for message in messages]
        self._sandbox.allowance.refill()
        parts, size = [], 0
        for part in self._template.generate(
            messages=entries, add_generation_prompt=add_generation_prompt, **self._tokens
        ):
            parts.append(part)
            size += len(part)
            self._sandbox.allowance.spend(len(part))
            if size > MOST_CHARACTERS:
                raise TooMuch(f"the prompt has more than {MOST_CHARACTERS:,} characters")
        return "".join(parts)


def _format(chosen: str) -> Format:
    if chosen in FORMATS:
        return FORMATS[chosen]
    if "{" not in chosen:
        raise BadArgument(
            f"There is no chat template {chosen!r}: give a Jinja2 template, or one of {', '.join(FORMATS)}."
        )
    return Format("", chosen)


def _one_line(error: Exception) -> str:
    message = error.message if isinstance(error, jinja2.TemplateError) else str(error)
    return " ".join((message or "").split())[:200].rstrip(".") or type(error).__name__
