"""The prompt format: Jinja2 as chat templates expect it, in a sandbox."""

import re
import time

import pytest
from bitnet.errors import BadArgument, TemplateError
from bitnet.records import Message
from bitnet.template import ChatTemplate

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


# ruff: noqa: E501 - a template reads best in one line

#: Templates that must not be used, and what the warning says of each.
HOSTILE = {
    "{{ raise_exception('roles must alternate') }}": "roles must alternate",
    "{{ messages[7].content }}": "no element 7",
    "{{ 1 // 0 }}": "zero",
    "{{ messages.append('x') }}": "unsafe",  # immutable
    # Ways out of a template that is not sandboxed.
    "{{ ''.__class__.__mro__[1].__subclasses__() }}": "unsafe",
    "{{ cycler.__init__.__globals__ }}": "unsafe",
    "{% include 'x' %}": "no loader",
    # Much text.
    "{% for i in range(100000) %}{{ 'x' * 48 }}{% endfor %}": "more than",
    "{{ 'x' * 10 ** 9 }}": "more than",
    "{{ [0] * 10 ** 9 }}": "more than",
    "{{ 'x'.center(1000000000) }}": "unsafe",
    "{{ '{:1000000000}'.format(1) }}": "unsafe",
    "{{ '%1000000000d' % 1 }}": "formats text",
    "{{ ('x' * 9999) | replace('x', 'y' * 9999) }}": "more than",
    "{{ ('x' * 9999).replace('x', 'y' * 9999) }}": "more than",
    "{{ ('x' * 9999).join(range(9999)) }}": "more than",
    "{{ range(9999) | join('x' * 9999) }}": "more than",
    "{{ strftime_now('%999999999Y') }}": "date",
    "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}": "more than",
    "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}": "more than",
    "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set t %}{{ n.s }}{{ n.s }}{% endset %}"
    "{% set n.s = t %}{% endfor %}": "more than",
    "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}": "without end",
    "{{ (2 ** 4000) ** 4000 }}": "number",
    "{{ range(100000) | map('replace', '1', 'x' * 100000) | list }}": "without end",
    # Much work without a word of output.
    "{% for i in range(10 ** 9) %}x{% endfor %}": "Range too big",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}": "without end",
    "{% for a in range(99999) %}{% set b = range(99999) | list %}{% endfor %}": "without end",
    "{% for a in range(99999) %}{% set b = ('x' * 1000000)[1:] %}{% endfor %}": "without end",
    "{% for a in range(99999) %}{% if 'y' in 'x' * 1000000 %}{% endif %}{% endfor %}": "without end",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}": "without end",
    "{% for i in [1] recursive %}{% if loop.depth < 60 %}{{ loop([1, 1]) }}{% endif %}{% endfor %}": "without end",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "recursion",
    # Arguments of filters and tests.
    "{% set a = 'a.' * 500000 %}{% for i in range(999) %}{{ [1] | map(attribute=a, default=1) | list }}{% endfor %}": "without end",
    "{{ ([1] * 99999) | map(attribute='a.' * 999, default=1) | list }}": "without end",
    "{% set l = [1] * 400000 %}{% for i in range(100000) %}{% if 0 is in(l) %}{% endif %}{% endfor %}": "without end",
    "{% set l = [1] * 400000 %}{% for i in range(100000) %}{% if 0 is in(*[l]) %}{% endif %}{% endfor %}": "without end",
    "{% set l = [1] * 400000 %}{{ range(1, 100000) | reject('in', l) | list }}": "without end",
    "{% set d = dict([(1, 1)]) %}{% set l = [d] * 400000 %}{{ range(2, 100000) | reject('in', dict(a=l).values()) | list }}": "without end",
    # What takes time by the product of two lengths.
    "{{ ('a' * 1000000).rfind('ab' + 'a' * 500000) }}": "256 characters",
    "{{ ('a' * 1000000).rindex('ab' + 'a' * 500000) }}": "256 characters",
    "{{ ('a' * 1000000).rpartition('ab' + 'a' * 500000) }}": "256 characters",
    "{{ ('a' * 1000000).rsplit(sep='ab' + 'a' * 500000) }}": "256 characters",
    "{{ ('a' * 1000000).strip('b' * 900000 + 'a') }}": "256 characters",
    "{{ ('a' * 1000000).lstrip('b' * 900000 + 'a') }}": "256 characters",
    "{{ ('a' * 1000000).rstrip('b' * 900000 + 'a') }}": "256 characters",
    "{{ ('a' * 1000000) | trim('b' * 900000 + 'a') }}": "256 characters",
    "{{ [('a' * 1000000)] | map('trim', 'b' * 900000 + 'a') | list }}": "256 characters",
    "{% set t = 'a' * 1000000 %}{% for i in range(999) %}{% if t.rfind('ab' + 'a' * 250) %}{% endif %}{% endfor %}": "without end",
    "{{ ([[1]] * 200000) | sum(start=[]) }}": "not numbers",
    "{{ ([[1]] * 200000) | sum }}": "not numbers",
    "{{ ([{'a': [1]}] * 99999) | sum('a', []) }}": "not numbers",
    # Large numbers.
    "{{ ('f' * 1000000) | int(base=16) is odd }}": "number",
    "{% for i in range(9999) %}{% set n = ('f' * 1000000) | int(base=16) // 3 ** 2000 %}{% endfor %}": "number",
    "{% for i in range(9999) %}{% set n = ('f' * 1000000) | int(base=16) % 3 ** 2000 %}{% endfor %}": "number",
    "{% for i in range(9999) %}{% set n = 0 - ('f' * 1000000) | int(base=16) %}{% endfor %}": "number",
    "{% for i in range(9999) %}{% set n = " + "9" * 4000 + " - 1 %}{% endfor %}": "number",
    "{% set n = 9 ** 900 %}{% for a in range(9999) %}{% for b in range(999) %}{% set t %}{{ n }}{% endset %}{% endfor %}"
    "{% endfor %}": "without end",
    "{% set d = dict.fromkeys(range(99999)).keys() %}{% for i in range(99999) %}{% set e = d - d %}{% endfor %}": "without end",
    # A compiler that calls itself for every level.
    "{{ " + "(" * 9999 + ")" * 9999 + " }}": "brackets",
    "{{ " + "- " * 9999 + "1 }}": "recursion",
    "{% if 1 %}" * 3000 + "{% endif %}" * 3000: "recursion",
}


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_a_template_that_fails_or_attacks_is_replaced_with_a_warning(source: str) -> None:
    clock = time.monotonic()
    template = ChatTemplate(source)
    assert time.monotonic() - clock < 30  # 2 s of work natively; Pyodide on a busy machine takes longer
    assert template.render(HELLO) == "User: Hello\nAssistant:"
    (warning,) = template.warnings
    assert HOSTILE[source] in warning
    assert re.match(r"The model's chat template cannot be used \([^\n]+\): a plain [^\n]+\.$", warning)


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
        "{% set c = m['content'] | trim %}{% endif %}{{ '<|im_start|>' + m.role + '\\n' + c + '<|im_end|>' }}{% endfor %}"
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
