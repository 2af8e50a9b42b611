"""The tokens of an answer: they join to it, each is whole characters, and it can go on from another one."""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing

import bitnet
import pytest
from bitnet.errors import BadArgument
from bitnet.records import Message, Timings, Token
from bitnet.ui import state as states
from bitnet.ui.conversation import Conversation
from bitnet.ui.state import State
from bitnet.ui.tokens import Alternative, Joiner, Piece, Tokens, marked, percent, shade, spoken
from hypothesis import given
from hypothesis import strategies as st

QUESTION = Message("user", "What is 8 plus 6?")


def scored(model: bitnet.Model, answer: str, top: int = 8) -> list[Token]:
    async def run() -> list[Token]:
        async with aclosing(model.score([QUESTION, Message("assistant", answer)], top=top)) as stream:
            return [token async for token in stream]

    return asyncio.run(run())


def pieces(model: bitnet.Model, tokens: list[Token]) -> tuple[Piece, ...]:
    joiner = Joiner(model.control_name, model.engine.model.piece)
    return tuple(piece for token in tokens if (piece := joiner.push(token)))


@given(answer=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_the_texts_of_the_pieces_join_to_the_answer(story_model: bitnet.Model, answer: str) -> None:
    joined = pieces(story_model, scored(story_model, answer, top=0))
    assert Tokens(1, joined).text() == answer
    assert all(piece.text for piece in joined)


def test_an_answer_has_the_probabilities_with_which_it_was_written(story_model: bitnet.Model) -> None:
    async def written() -> list[Token]:
        ids = story_model.score([QUESTION, Message("assistant", "x")]).prompt_ids
        stream = story_model.generate(ids, max_tokens=6, temperature=0, logprobs=True, top=8)
        async with aclosing(stream) as tokens:
            return [token async for token in tokens]

    tokens = asyncio.run(written())
    again = scored(story_model, "".join(token.text for token in tokens))
    assert again == tokens


def test_only_an_answer_can_be_scored(story_model: bitnet.Model) -> None:
    with pytest.raises(BadArgument, match="of the user"):
        story_model.score([QUESTION])


def test_a_character_of_several_tokens_is_one_piece() -> None:
    control = {9: "<end>"}
    joiner = Joiner(lambda token: control.get(token, ""), {1: b"\xe2", 2: b"a", 9: b""}.__getitem__)
    first = Token(1, b"\xe2\x82", "", math.log(0.5), ((1, math.log(0.5)), (2, math.log(0.25)), (9, -9.0)))
    assert joiner.push(first) is None
    piece = joiner.push(Token(2, b"\xac", "€", math.log(0.5), ((2, 0.0),)))
    assert piece is not None
    assert (piece.text, piece.n_tokens, piece.probability) == ("€", 2, pytest.approx(0.25))
    part, letter, end = piece.alternatives
    assert (part.text, part.name) == ("", "part of a character: E2")
    assert (letter.text, letter.probability) == ("a", pytest.approx(0.25))
    assert (end.text, end.name) == ("", "<end>")


def test_the_space_before_a_text_is_no_part_of_its_first_alternatives() -> None:
    joiner = Joiner(lambda token: "", {1: b" a"}.__getitem__, drops_space=True)
    places = [joiner.push(Token(1, b" a", text, 0.0, ((1, 0.0),))) for text in ("a", " a")]
    assert [place.alternatives[0].text for place in places if place] == ["a", " a"]


def test_what_cannot_be_seen_is_marked_and_said() -> None:
    assert marked(" a\n\u200d", "␣") == "␣a↵U+200D"
    assert [spoken(text) for text in (" the", "\n\n", " ")] == ["the", "line break, line break", "space"]
    assert [percent(p) for p in (1.0, 0.43, 0.034, 0.0001)] == ["100%", "43%", "3.4%", "under 0.1%"]
    assert [shade(p) for p in (0.95, 0.6, 0.3, 0.1, 0.01)] == [0, 1, 2, 3, 4]


def answered() -> State:
    chat = Conversation("one").asked("How many?")
    return State(chat=chat.changed(chat.path[-1].id, text="8 plus 6 is", busy=False))


PIECES = (
    Piece("8", 0.9, (Alternative("8", 0.9), Alternative("Eight", 0.1))),
    Piece(" plus", 0.5, (Alternative(" plus", 0.5), Alternative(" and", 0.3))),
)


def test_an_answer_goes_on_from_an_alternative_beside_the_first() -> None:
    state = states.tokens_asked(answered(), 1)
    for piece in PIECES:
        state = states.token_came(state, piece)
    state = states.branched(state, place=1, n=1)
    assert (state.answer.text, state.answer.busy, state.answering) == ("8 and", True, True)
    assert state.tokens is None
    state = states.answered(states.piece_came(state, " 6"), "end", Timings(), 10)
    assert state.answer.text == "8 and 6"
    assert state.chat.versions()[0] == (1, 2)
    assert states.version_shown(state, 2, -1).answer.text == "8 plus 6 is"
    deleted = states.message_deleted(state, 2)
    assert deleted.answer.text == "8 plus 6 is"
    assert states.deletion_undone(deleted).answer.text == "8 and 6"


def test_whatever_changes_the_conversation_ends_the_view_of_tokens() -> None:
    state = states.tokens_asked(answered(), 1)
    assert states.asked(state, "And 2 plus 2?").tokens is None
    assert states.message_deleted(state, 1).tokens is None
    assert states.chat_opened(state, Conversation("two")).tokens is None
    assert states.token_came(states.tokens_left(state), PIECES[0]).tokens is None
