"""Turns and conversations, over a model that says what the test wants."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from bitnet.chat import Conversation, Turn
from bitnet.errors import ContextFull
from bitnet.records import Message, StopReason, Timings, Token
from bitnet.stream import Stream


class Tokens(Stream[Token]):
    def __init__(self, pieces: Sequence[bytes], reason: StopReason) -> None:
        super().__init__()
        self._pieces, self._reason, self.closed = pieces, reason, False

    async def _run(self) -> AsyncGenerator[Token, None]:
        try:
            for index, piece in enumerate(self._pieces):
                if piece == b"FULL":
                    raise ContextFull("The context is full: start a new chat.")
                self.timings = Timings(3, 1.0, index, 2.0)
                yield Token(index, piece)
                await asyncio.sleep(0)
            self.stop_reason = self._reason
        finally:
            self.closed = True


class ScriptedModel:
    """Answers with *pieces*, and notes what it was asked."""

    def __init__(self, pieces: Sequence[bytes], reason: StopReason = "end", stop: Sequence[str] = ()) -> None:
        self.tokens = Tokens(pieces, reason)
        self.asked: list[list[Message]] = []
        self.options: dict[str, Any] = {}
        self._stop = stop

    def chat(self, messages: Sequence[Message], **options: Any) -> Turn:
        self.asked.append(list(messages))
        self.options = options
        return Turn(lambda: self.tokens, self._stop)


async def collect(stream: Stream[str], at_most: int = 1000) -> list[str]:
    said = []
    async with aclosing(stream):
        async for text in stream:
            said.append(text)
            if len(said) == at_most:
                break
    return said


def test_a_turn_gives_text_at_utf8_boundaries_and_its_reason_and_timings() -> None:
    model = ScriptedModel([b"H", b"\xe2", b"\x82", b"\xac", b"\xf0"], "length")
    turn = model.chat([])
    assert asyncio.run(collect(turn)) == ["H", "€", "\ufffd"]
    assert (turn.text, turn.stop_reason, turn.timings) == ("H€\ufffd", "length", Timings(3, 1.0, 4, 2.0))


def test_a_stop_string_ends_the_turn_and_the_model() -> None:
    model = ScriptedModel([b"one ST", b"OP two", b"three"], stop=["STOP"])
    turn = model.chat([])
    assert asyncio.run(collect(turn)) == ["one "]
    assert turn.stop_reason == "stop"
    assert model.tokens.closed


def test_a_conversation_remembers_its_turns() -> None:
    model = ScriptedModel([b"Hi", b"!"])
    conversation = Conversation(model, system="Be kind.", temperature=0.0)
    asyncio.run(collect(conversation.turn("Hello", seed=1)))
    remembered = [Message("system", "Be kind."), Message("user", "Hello"), Message("assistant", "Hi!")]
    assert conversation.history == remembered
    assert model.options == {"temperature": 0.0, "seed": 1}
    conversation.turn("More")
    assert model.asked[1] == [*remembered, Message("user", "More")]


def test_what_was_said_stays_said_when_stopped() -> None:
    model = ScriptedModel([b"one", b"two", b"three"])
    conversation = Conversation(model)
    turn = conversation.turn("Count")
    assert asyncio.run(collect(turn, at_most=2)) == ["one", "two"]
    assert turn.stop_reason == "cancelled"
    assert model.tokens.closed
    assert conversation.history == [Message("user", "Count"), Message("assistant", "onetwo")]


def test_a_cancelled_task_stops_the_turn_and_keeps_the_text() -> None:
    conversation = Conversation(ScriptedModel([b"word "] * 1000))

    async def cancel_after_a_while() -> None:
        task = asyncio.create_task(collect(conversation.turn("Count")))
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_after_a_while())
    assert [message.role for message in conversation.history] == ["user", "assistant"]
    assert conversation.history[1].content.startswith("word word ")
    assert len(conversation.history[1].content) < 200


def test_a_turn_that_fails_leaves_the_history_as_it_was() -> None:
    conversation = Conversation(ScriptedModel([b"FULL"]))
    turn = conversation.turn("Too long")
    with pytest.raises(ContextFull):
        asyncio.run(collect(turn))
    assert conversation.history == []
    assert turn.stop_reason is None
