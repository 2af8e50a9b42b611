"""The prompt format: Jinja2 as chat templates expect it, in a sandbox."""

import re
import time

import pytest
from bitnet.allowance import MOST_SECONDS, READ_CLOCK_EVERY, Allowance, TooMuch
from bitnet.errors import BadArgument, TemplateError
from bitnet.records import Message
from bitnet.template import ChatTemplate
from hostile_templates import COLLIDING_PAIRS, HOSTILE

HELLO = [Message("user", " Hello ")]
PLACEHOLDER = (
    "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
    "{% if message['role'] == 'user' %}"
    "{{ 'Human: ' + message['content'] + '\\n\\nBITNETAssistant: ' + eos_token }}{% endif %}{% endfor %}"
)


def test_blocks_are_trimmed_as_in_the_templates_of_the_hub() -> None:
    source = "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n{% endif %}\n{% endfor %}"
    template = ChatTemplate(source)
    assert template.render(HELLO) == " Hello \n"


def test_a_template_sees_the_names_it_expects() -> None:
    source = (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{% continue %}{% endif %}"
        "{{ m | tojson }}{% endfor %}{{ add_generation_prompt }}"
        "{{ strftime_now('%Y') | length }}{{ eos_token }}"
    )
    template = ChatTemplate(source, bos_token="<s>", eos_token="</s>")
    rendered = template.render([Message("system", "no"), Message("user", "<ä>")])
    assert rendered == '<s>{"role": "user", "content": "<ä>"}True4</s>'
    assert template.warnings == ()


def test_numbers_and_text_are_reckoned_as_jinja_does() -> None:
    source = (
        "{{ [1, 2.5] | sum }} {{ [{'a': {'b': 2}}] | sum('a.b', 3) }} {{ [] | sum }} {{ ' a ' | trim }} "
        "{{ 'xax' | trim('x') }} {{ 'xax'.strip('x') }} {{ 'a b'.rsplit(' ', 1)[-1] }} "
        "{{ 7 // 2 }} {{ 7 - 2 }} {{ 7 % 2 }} {{ 7 / 2 }} {{ -7 }} {{ 'ff' | int(base=16) }}"
    )
    template = ChatTemplate(source)
    assert template.warnings == ()
    assert template.render(HELLO) == "3.5 5 0 a a a b 3 5 1 3.5 -7 255"


def test_the_placeholder_of_bitnet_2b_is_replaced_by_its_true_format_with_a_remark() -> None:
    template = ChatTemplate(PLACEHOLDER)
    messages = [Message("system", "Be kind."), Message("user", "Hi "), Message("assistant", "Hello!"), *HELLO]
    assert template.render(messages) == (
        "System: Be kind.<|eot_id|>User: Hi<|eot_id|>Assistant: Hello!<|eot_id|>"
        "User: Hello<|eot_id|>Assistant: "
    )
    assert template.render(HELLO, add_generation_prompt=False) == "User: Hello<|eot_id|>"
    assert "placeholder" in template.warnings[0]


@pytest.mark.parametrize("source", [None, "{% for %}", "x" * 100_000])
def test_without_a_usable_template_a_plain_format_is_used_with_a_warning(source: str | None) -> None:
    template = ChatTemplate(source)
    assert template.render(HELLO) == "User: Hello\nAssistant:"
    assert "\nUser:" in template.stop
    assert len(template.warnings) == 1


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_a_template_that_fails_or_attacks_is_replaced_with_a_warning(source: str) -> None:
    clock = time.monotonic()
    template = ChatTemplate(source)
    assert time.monotonic() - clock < 3 * MOST_SECONDS  # it is compiled too, and every check has its distance
    assert template.render(HELLO) == "User: Hello\nAssistant:"
    (warning,) = template.warnings
    assert HOSTILE[source] in warning
    assert re.match(r"The model's chat template cannot be used \([^\n]+\): a plain [^\n]+\.$", warning)


def test_the_clock_ends_what_takes_more_time_than_its_price_says() -> None:
    times = iter([0.0, 0.0, MOST_SECONDS / 2, MOST_SECONDS + 0.1])
    allowance = Allowance(clock=lambda: next(times))
    for _ in range(2):
        allowance.spend(READ_CLOCK_EVERY + 1)
    with pytest.raises(TooMuch, match="more than 5 seconds"):
        allowance.spend(READ_CLOCK_EVERY + 1)


def test_a_reason_that_is_no_text_is_a_reason_too() -> None:
    (warning,) = ChatTemplate("{{ raise_exception([1]) }}").warnings
    assert "cannot be used ([1])" in warning


def test_dictionaries_and_unique_are_those_of_jinja() -> None:
    source = (
        "{{ dict(messages[0], role='me', n={1: 2}) | tojson }} {{ dict([('a', 1)]).a }} {{ dict() }} "
        "{{ namespace({'a': 1}, b=2).b }} {{ ['b', 'B', 'a', 1, 1] | unique | join }} "
        "{{ ['b', 'B'] | unique(true) | list }} "
        "{{ [{'a': 1}, {'a': 1, 'b': 2}] | unique(attribute='a') | list }}"
    )
    template = ChatTemplate(source)
    assert template.warnings == ()
    assert template.render([Message("user", "x")]) == (
        """{"role": "me", "content": "x", "n": {"1": 2}} 1 {} 2 ba1 ['b', 'B'] [{'a': 1}]"""
    )


def test_a_few_keys_may_be_numbers() -> None:
    template = ChatTemplate(COLLIDING_PAIRS + "{{ dict(n.pairs[:256]) | length }}")
    assert template.render(HELLO) == "256"


def test_a_template_that_fails_later_gives_one_sentence() -> None:
    source = (
        "{% if messages[0].content == 'no' %}{{ raise_exception('never') }}{% endif %}"
        "{{ messages[0].content }}"
    )
    template = ChatTemplate(source)
    assert template.render([Message("user", "yes")]) == "yes"
    with pytest.raises(TemplateError, match=r"^The model's chat template refuses [^\n]+never[^\n]+\.$"):
        template.render([Message("user", "no")])
    assert template.render([Message("user", "yes")]) == "yes"


def test_a_long_conversation_costs_a_small_part_of_what_is_allowed() -> None:
    # Like those of the hub: it looks through all messages for each, compares, slices, strips and splits.
    source = (
        "{% set n = namespace(last=0) %}{% for m in messages[::-1] %}{% if m.role == 'user' %}"
        "{% set n.last = loop.index0 %}{% endif %}{% endfor %}"
        "{% for m in messages %}{% if '</think>' in m.content %}"
        "{% set c = m.content.split('</think>')[-1].lstrip('\\n') %}{% else %}"
        "{% set c = m['content'] | trim %}{% endif %}"
        "{{ '<|im_start|>' + m.role + '\\n' + c + '<|im_end|>' }}{% endfor %}"
    )
    messages = [Message("user", "What is it? " * 50), Message("assistant", "It is that. " * 100)] * 200
    assert len(ChatTemplate(source).render(messages)) > 360_000


@pytest.mark.parametrize(
    ("chosen", "prompt"),
    [
        ("chatml", "<|im_start|>user\n Hello <|im_end|>\n<|im_start|>assistant\n"),
        (
            "llama3",
            "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("bitnet-2b", "User: Hello<|eot_id|>Assistant: "),
        ("plain", "User: Hello\nAssistant:"),
        ("Q: {{ messages[-1].content | trim }} A:", "Q: Hello A:"),
    ],
)
def test_a_format_can_be_chosen_by_name_or_written(chosen: str, prompt: str) -> None:
    template = ChatTemplate("own", chosen=chosen)
    assert template.render(HELLO) == prompt
    assert template.warnings == ()


def test_a_chosen_template_that_cannot_be_used_leaves_the_model_its_own() -> None:
    template = ChatTemplate("own: {{ messages[0].content }}", chosen="{% for %}")
    assert template.render(HELLO) == "own:  Hello "
    assert template.warnings[0].startswith("The chosen chat template cannot be used (")
    assert template.warnings[0].endswith("the model's own format is used.")
    with pytest.raises(BadArgument, match=r"'vicuna'.*chatml, llama3, bitnet-2b, plain"):
        ChatTemplate(None, chosen="vicuna")
