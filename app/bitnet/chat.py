"""One turn of a conversation, and the conversation that remembers its turns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from bitnet.records import Message, Token
from bitnet.stream import Stream
from bitnet.text import TextStream


class Turn(Stream[str]):
    """The answer to a conversation, piece by piece.

    Args:
        begin: Makes the stream of tokens; called when the first piece is asked for.
        stop: Strings that end the answer, not part of it.
        drop_space: Leave out the space that the tokenizer puts before a text.
    """

    def __init__(
        self, begin: Callable[[], Stream[Token]], stop: Sequence[str], *, drop_space: bool = False
    ) -> None:
        super().__init__()
        self._begin, self._text = begin, TextStream(stop, drop_space=drop_space)

    @property
    def text(self) -> str:
        """All that has been said so far."""
        return self._text.text

    async def _run(self) -> AsyncGenerator[str, None]:
        tokens = self._begin()
        async with aclosing(tokens):
            async for token in tokens:
                text = self._text.push(token.piece)
                self.timings = tokens.timings
                if self._text.stopped:
                    self.stop_reason = "stop"
                if text:
                    yield text
                if self._text.stopped:
                    return
        if rest := self._text.finish():
            yield rest
        self.stop_reason = "stop" if self._text.stopped else tokens.stop_reason


class ChatModel(Protocol):
    """What a conversation needs of a model."""

    def chat(self, messages: Sequence[Message], **options: Any) -> Turn:
        """The answer to *messages*."""


class Conversation:
    """Remembers what was said; the model keeps it in its KV cache, so a turn runs only what is new.

    Args:
        system: A first message that sets the tone, None for none.
        options: For every turn, as ``Model.chat`` takes them.
    """

    def __init__(self, model: ChatModel, *, system: str | None = None, **options: Any) -> None:
        self._model, self._options = model, options
        self.history: list[Message] = [Message("system", system)] if system else []

    def turn(self, prompt: str, **options: Any) -> ConversationTurn:
        """Answer *prompt*; *options* go before those of the conversation.

        What was said stays said: a stopped answer is remembered as far as it came. A turn that fails (a
        prompt longer than the context, say) leaves the history as it was.
        """
        user = Message("user", prompt)
        answer = self._model.chat([*self.history, user], **{**self._options, **options})
        return ConversationTurn(answer, user, self.history)


class ConversationTurn(Stream[str]):
    """A turn that writes itself into the history when it ends, however it ends."""

    def __init__(self, answer: Turn, user: Message, history: list[Message]) -> None:
        super().__init__()
        self._answer, self._user, self._history = answer, user, history

    @property
    def text(self) -> str:
        """All that has been said so far."""
        return self._answer.text

    async def _run(self) -> AsyncGenerator[str, None]:
        answer = self._answer
        try:
            async with aclosing(answer):
                async for text in answer:
                    self.timings = answer.timings
                    yield text
            self.stop_reason = answer.stop_reason
        finally:
            self.timings = answer.timings
            if answer.stop_reason:
                self._history += [self._user, Message("assistant", answer.text)]
