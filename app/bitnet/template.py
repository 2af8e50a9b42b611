"""The prompt format of a model: its own chat template, rendered by Jinja2 in a sandbox.

A template comes with a model file from anywhere, so it is hostile: it runs in Jinja2's immutable sandbox, its
size and its output are bounded, and it sees nothing but the messages and the names that templates use.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.sandbox

from bitnet.errors import TemplateError
from bitnet.records import Message

MAX_TEMPLATE_CHARACTERS = 64 * 1024  # the longest published templates have some 20,000
MAX_PROMPT_CHARACTERS = 4 * 1024 * 1024

# What microsoft/BitNet-b1.58-2B-4T was trained with (its tokenizer_config.json); the GGUF holds a converter's
# placeholder instead, under which the model rambles and does not stop.
BITNET_2B_TEMPLATE = (
    "{% for message in messages %}"
    "{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"
)
PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{{ message['role'] | capitalize + ': ' + message['content'] | trim + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
PLAIN_STOP = ("\nUser:", "\nSystem:", "\nAssistant:")


class ChatTemplate:
    """Renders messages as one prompt.

    Args:
        source: The template of the model file, None if it has none.
        bos_token, eos_token: Their texts, for the template.
    Attributes:
        stop: Strings that end an answer, where no token does.
        warnings: Sentences about what had to be replaced.
    """

    def __init__(self, source: str | None, *, bos_token: str = "", eos_token: str = "") -> None:
        self.stop: tuple[str, ...] = ()
        self.warnings: tuple[str, ...] = ()
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}
        if source is None:
            self._use_plain("The model has no chat template")
        elif len(source) > MAX_TEMPLATE_CHARACTERS:
            self._use_plain(f"The model's chat template has {len(source):,} characters, too many to trust")
        elif "BITNET" in source:
            self._template = _compile(BITNET_2B_TEMPLATE)
            self.warnings = (
                "The file's chat template is a converter's placeholder: BitNet 2B-4T's own is used.",
            )
        else:
            try:
                self._template = _compile(source)
            except jinja2.TemplateError as error:
                self._use_plain(f"The model's chat template cannot be read ({_one_line(error)})")

    def _use_plain(self, reason: str) -> None:
        self._template, self.stop = _compile(PLAIN_TEMPLATE), PLAIN_STOP
        self.warnings = (f"{reason}: a plain User/Assistant format is used, so answers may be poor.",)

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool = True) -> str:
        """The prompt that ends where the answer begins.

        Raises:
            TemplateError: The template refused the messages, failed, or wrote too much.
        """
        entries = [{"role": message.role, "content": message.content} for message in messages]
        parts, size = [], 0
        try:
            for part in self._template.generate(
                messages=entries, add_generation_prompt=add_generation_prompt, **self._tokens
            ):
                parts.append(part)
                size += len(part)
                if size > MAX_PROMPT_CHARACTERS:
                    raise TemplateError(
                        f"The model's chat template wrote more than {MAX_PROMPT_CHARACTERS:,} characters: "
                        "shorten the conversation, or use another model file."
                    )
        except TemplateError:
            raise
        except Exception as error:  # a template can fail in any way that Python can
            raise TemplateError(
                f"The model's chat template refuses this conversation ({_one_line(error)}): start a new chat."
            ) from error
        return "".join(parts)


def _compile(source: str) -> jinja2.Template:
    # The settings, names and filter that templates of the Hugging Face hub are written for.
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment.from_string(source)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.datetime.now().strftime(pattern)


def _to_json(value: Any, indent: int | None = None) -> str:
    """Like Jinja2's own, but without escaping for HTML: a prompt is not a page."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
