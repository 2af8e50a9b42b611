"""A conversation as a tree: versions beside each other, deletions, and a record that gives all of it back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bitnet.ui.conversation import TITLE_CHARACTERS, Conversation, Entry
from hypothesis import given
from hypothesis import strategies as st


def said(*texts: str) -> Conversation:
    """Questions and answers in turn."""
    chat = Conversation("one")
    for question, answer in zip(texts[::2], texts[1::2], strict=True):
        chat = answered(chat.asked(question), answer)
    return chat


def answered(chat: Conversation, text: str) -> Conversation:
    return chat.changed(chat.path[-1].id, text=text, busy=False)


def texts(chat: Conversation) -> list[str]:
    return [entry.text for entry in chat.path]


TWO_TURNS = said("Hello!", "Hi", "How are you?", "Fine")


def test_another_answer_stands_beside_the_first() -> None:
    chat = answered(TWO_TURNS.asked_again(1), "Good day")
    assert texts(chat) == ["Hello!", "Good day"]
    assert chat.versions()[0] == (1, 4)
    assert texts(chat.switched(4, -1)) == ["Hello!", "Hi", "How are you?", "Fine"]
    assert chat.switched(4, -1).switched(1, 1) == chat


def test_nothing_lies_beyond_the_first_and_last_version() -> None:
    assert TWO_TURNS.switched(1, -1) == TWO_TURNS == TWO_TURNS.switched(3, 1)


def test_an_edited_question_is_asked_anew() -> None:
    chat = TWO_TURNS.edited(2, "Who are you?")
    assert texts(chat) == ["Hello!", "Hi", "Who are you?", ""]
    assert chat.path[-1].busy
    assert texts(chat.switched(4, -1)) == texts(TWO_TURNS)


def test_an_edited_first_question_keeps_both() -> None:
    chat = answered(TWO_TURNS.edited(0, "Good evening!"), "Welcome")
    assert texts(chat) == ["Good evening!", "Welcome"]
    assert chat.versions()[None] == (0, 4)


def test_an_edited_answer_is_as_it_was_written() -> None:
    chat = TWO_TURNS.edited(3, "Splendid")
    assert texts(chat)[-1] == "Splendid"
    assert (chat.path[-1].remark, chat.path[-1].busy) == ("edited", False)


def test_an_answer_is_written_on_where_it_is() -> None:
    chat = TWO_TURNS.going_on(3)
    assert chat.path[-1] == Entry(3, "assistant", "Fine", 2, busy=True)


def test_what_followed_a_deleted_message_goes_with_it() -> None:
    assert texts(TWO_TURNS.without(2)) == ["Hello!", "Hi"]
    assert TWO_TURNS.without(0).entries == ()
    assert TWO_TURNS.without(0).leaf is None


def test_another_version_takes_the_place_of_a_deleted_one() -> None:
    chat = answered(TWO_TURNS.asked_again(1), "Good day")
    assert texts(chat.without(4)) == texts(TWO_TURNS)


def test_a_number_is_never_given_twice_to_what_is_there() -> None:
    chat = TWO_TURNS.asked_again(1).without(4).asked("More?")
    assert len({entry.id for entry in chat.entries}) == len(chat.entries)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello!", "Hello!"),
        ("  two\n lines ", "two lines"),
        ("word " * 40, "word " * 11 + "word…"),
        ("x" * 70, "x" * 59 + "…"),
    ],
)
def test_a_title_is_how_the_first_question_begins(text: str, title: str) -> None:
    found = said(text, "Yes").title
    assert found == title
    assert len(found) <= TITLE_CHARACTERS


def test_a_given_title_goes_before() -> None:
    chat = Conversation("one", given_title="Mine")
    assert (chat.title, chat.asked("Hello!").title, Conversation("one").title) == ("Mine", "Mine", "")


OPERATIONS = st.tuples(
    st.sampled_from(["ask", "again", "edit", "on", "back", "forth", "delete"]), st.integers(0, 40)
)


def after(chat: Conversation, operation: str, number: int) -> Conversation:
    """Something that a person can do, with the message that *number* happens to mean."""
    if not chat.path or operation == "ask":
        return answered(chat.asked(f"question {number}"), f"answer {number}")
    entry = chat.path[number % len(chat.path)]
    if operation == "again":
        return answered(
            chat.asked_again(entry.id if entry.role == "assistant" else chat.path[-1].id), "again"
        )
    if operation == "edit":
        chat = chat.edited(entry.id, f"edited {number}")
        return answered(chat, "new") if chat.path[-1].busy else chat
    if operation == "on" and chat.path[-1].role == "assistant":
        return answered(chat.going_on(chat.path[-1].id), "more")
    if operation == "delete" and entry.role == "user":  # so that a question does not come last
        return chat.without(entry.id)
    return chat.switched(entry.id, 1 if operation == "forth" else -1)


@given(st.lists(OPERATIONS, max_size=25))
def test_whatever_is_done_questions_and_answers_take_turns(operations: list[tuple[str, int]]) -> None:
    chat = Conversation("one")
    for operation, number in operations:
        chat = after(chat, operation, number)
        roles = [entry.role for entry in chat.path]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert [entry.parent for entry in chat.path[1:]] == [entry.id for entry in chat.path[:-1]]
        assert [entry.id for entry in chat.entries] == sorted({entry.id for entry in chat.entries})
    assert Conversation.from_json(json.loads(json.dumps(chat.to_json()))) == chat


def test_an_answer_without_text_is_not_kept() -> None:
    chat = TWO_TURNS.asked("And you?")
    again = Conversation.from_json(chat.to_json())
    assert texts(again) == ["Hello!", "Hi", "How are you?", "Fine", "And you?"]


def test_an_empty_answer_that_was_followed_is_kept() -> None:
    chat = answered(answered(Conversation("one").asked("Hello!"), "").asked("Well?"), "Yes")
    assert texts(Conversation.from_json(chat.to_json())) == ["Hello!", "", "Well?", "Yes"]


GOOD: dict[str, Any] = TWO_TURNS.to_json()


@pytest.mark.parametrize(
    "entries",
    [
        [[0, 7, "user", "Hello!", ""]],
        [[0, None, "system", "Hello!", ""]],
        [[0, None, "user", "Hello!", ""], [0, None, "user", "Hello!", ""]],
        [[1, None, "user", "Hello!", ""], [0, 1, "assistant", "Hi", ""]],
        [[0, None, "user"]],
        [[0, [], "user", "Hello!", ""]],
        None,
    ],
)
def test_what_is_no_conversation_is_refused(entries: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Conversation.from_json({**GOOD, "entries": entries, "leaf": None})


def test_an_unknown_last_message_is_refused() -> None:
    with pytest.raises(ValueError, match="no message 9"):
        Conversation.from_json({**GOOD, "leaf": 9})


def test_answers_keep_who_wrote_them_and_older_conversations_do_not_say() -> None:
    chat = Conversation("one").asked("Hello!").changed(1, text="Hi", busy=False, model="Tiny Model")
    kept = chat.to_json()
    assert Conversation.from_json(kept) == chat
    older = {**kept, "entries": [entry[:5] for entry in kept["entries"]]}
    assert Conversation.from_json(older).path[-1].model == ""
