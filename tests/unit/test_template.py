"""The prompt format: Jinja2 as chat templates expect it, in a sandbox."""

import pytest
from bitnet.errors import TemplateError
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


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('roles must alternate') }}",
        "{{ messages[7].content }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",  # the way out of a template that is not sandboxed
        "{{ messages.append('x') }}",  # immutable
        "{{ 1 // 0 }}",
        "{% for i in range(100000) %}{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' }}{% endfor %}",
        "{% for i in range(10 ** 9) %}x{% endfor %}",
    ],
)
def test_a_template_that_refuses_fails_or_attacks_gives_one_sentence(source: str) -> None:
    with pytest.raises(TemplateError, match=r"^The model's chat template [^\n]+\.$"):
        ChatTemplate(source).render(HELLO)


def test_the_reason_of_a_refusing_template_is_passed_on() -> None:
    with pytest.raises(TemplateError, match="roles must alternate"):
        ChatTemplate("{{ raise_exception('roles must alternate') }}").render(HELLO)
