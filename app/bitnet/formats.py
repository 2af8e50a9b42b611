"""Chat formats by name, for models whose file has none or a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """*source* is a Jinja2 template; *stop* are strings that end an answer where no token does."""

    title: str
    source: str
    stop: tuple[str, ...] = ()


# The format of OpenAI's chat models, which many others took over.
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA_3 = (
    "{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{ message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
# What microsoft/BitNet-b1.58-2B-4T was trained with (its tokenizer_config.json); the GGUF holds a converter's
# placeholder instead, under which the model rambles and does not stop.
BITNET_2B = (
    "{% for message in messages %}"
    "{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"
)
PLAIN = (
    "{% for message in messages %}"
    "{{ message['role'] | capitalize + ': ' + message['content'] | trim + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)

FORMATS: Mapping[str, Format] = {
    "chatml": Format("ChatML", CHATML, ("<|im_end|>",)),
    "llama3": Format("Llama 3", LLAMA_3, ("<|eot_id|>",)),
    "bitnet-2b": Format("BitNet 2B-4T", BITNET_2B, ("<|eot_id|>",)),
    "plain": Format("Plain User/Assistant", PLAIN, ("\nUser:", "\nSystem:", "\nAssistant:")),
}
