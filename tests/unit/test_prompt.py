"""Messages to ids: what a person writes never becomes a control token."""

import re

import pytest
from bitnet.errors import BadArgument
from bitnet.prompt import check_messages, encode_chat
from bitnet.records import Message
from bitnet.template import ChatTemplate
from hypothesis import given
from hypothesis import strategies as st

CONTROL = ("<|eot|>", "<|eot|>x", "<|start|>")
SOURCE = "{% for m in messages %}<|start|>{{ m.role }}:{{ m.content | trim }}<|eot|>{% endfor %}<|start|>"


class CharacterTokenizer:
    """Every character is a token; the names of control tokens are ids 1, 2, 3 when they may be."""

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = True) -> list[int]:
        longest_first = "|".join(re.escape(name) for name in sorted(CONTROL, key=len, reverse=True))
        parts = re.split(f"({longest_first})", text) if parse_special else [text]
        ids = [0] if add_special else []
        for part in parts:
            ids += (
                [CONTROL.index(part) + 1]
                if parse_special and part in CONTROL
                else [10 + ord(c) for c in part]
            )
        return ids

    def control_name(self, token: int) -> str:
        return CONTROL[token - 1] if 1 <= token <= len(CONTROL) else ""

    def text(self, ids: list[int]) -> str:
        return "".join(self.control_name(token) or chr(token - 10) for token in ids if token)


TOKENIZER = CharacterTokenizer()
CONTENTS = st.lists(st.sampled_from([*CONTROL, "<|", "eot|>", "x", "a ", "<|start", "|>"]), max_size=8).map(
    "".join
)


@given(st.lists(CONTENTS, min_size=1, max_size=3))
def test_control_tokens_are_only_where_the_template_wrote_them(contents: list[str]) -> None:
    messages = [Message("user", content) for content in contents]
    template = ChatTemplate(SOURCE)
    ids = encode_chat(messages, template, TOKENIZER)
    controls = [token for token in ids if TOKENIZER.control_name(token)]
    assert controls == [3, 1] * len(messages) + [3]
    assert TOKENIZER.text(ids) == template.render(messages)  # not a character is lost
    assert ids.count(0) == 1  # BOS
    assert ids[0] == 0


def test_bos_comes_first_also_where_a_person_begins_with_the_name_of_a_control_token() -> None:
    template = ChatTemplate("{% for message in messages %}{{ message.content }}{% endfor %}")
    ids = encode_chat([Message("user", CONTROL[0] + " hi")], template, TOKENIZER)
    assert ids[0] == 0
    assert ids.count(0) == 1


def test_a_conversation_without_control_tokens_gives_the_ids_of_the_rendered_text() -> None:
    messages = [Message("user", "Hello"), Message("assistant", "Hi"), Message("user", "A < B | C >")]
    template = ChatTemplate(SOURCE)
    assert encode_chat(messages, template, TOKENIZER) == TOKENIZER.tokenize(template.render(messages))


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "robot", "content": "Hi"}],
        [{"role": "user<|eot|>", "content": "Hi"}],
        [{"role": "user"}],
        [{"content": "Hi"}],
    ],
)
def test_messages_that_are_none_are_refused_in_a_sentence(messages: list[dict[str, str]]) -> None:
    with pytest.raises(BadArgument, match=r"\.$"):
        check_messages(messages)


def test_dictionaries_and_records_are_the_same() -> None:
    record = Message("user", "Hi")
    assert check_messages([{"role": "user", "content": "Hi"}, record]) == [record, record]
