"""A conversation goes on after a reload without being read again, and nothing breaks where it cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import bitnet
from bitnet.records import Timings
from bitnet.ui.recall import MOST_KEPT, Recall
from scripted import MemoryFiles

QUESTIONS = ("My name is Anna.", "What is 8 plus 6?", "What is my name?")


class Talk:
    """A model and the messages so far, as the page has them after a reload."""

    def __init__(self, model: bitnet.Model, recall: Recall, name: str = "one") -> None:
        self.model, self.recall, self.name = model, recall, name
        self.messages: list[bitnet.Message] = []
        self.timings = Timings()

    async def ask(self, question: str) -> str:
        self.messages.append(bitnet.Message("user", question))
        await self.recall.bring_back(self.model, self.name, goes_on=len(self.messages) > 1)
        turn = self.model.chat(self.messages, temperature=0.0, max_tokens=30)
        answer = "".join([piece async for piece in turn])
        self.messages.append(bitnet.Message("assistant", answer))
        self.timings = turn.timings
        await self.recall.keep(self.model, self.name, turn.timings)
        return answer


async def talk_then_reload(path: Path, worth_s: float) -> tuple[int, int, str, str]:
    """Two turns, and the third after a reload: tokens read then, and without one; the answers."""
    files = MemoryFiles()
    async with await bitnet.load(path) as model:
        talk = Talk(model, Recall(files, worth_s))
        for question in QUESTIONS[:2]:
            await talk.ask(question)
        before = list(talk.messages)
        expected = await talk.ask(QUESTIONS[2])
        unbroken = talk.timings.prefill_tokens
        if worth_s == 0:  # as it was before the third turn
            await talk.recall.forget("one")
            model.engine.rewind(0)
            talk.messages = before[:2]
            await talk.ask(QUESTIONS[1])
    async with await bitnet.load(path) as model:
        talk = Talk(model, Recall(files, worth_s))
        talk.messages = before
        answer = await talk.ask(QUESTIONS[2])
        return talk.timings.prefill_tokens, unbroken, answer, expected


def test_after_a_reload_only_what_is_new_is_read(tiny_tales: Path) -> None:
    n_tokens, unbroken, answer, expected = asyncio.run(talk_then_reload(tiny_tales, worth_s=0))
    assert n_tokens == unbroken
    assert answer == expected


def test_what_is_read_quickly_is_not_kept(tiny_tales: Path) -> None:
    n_tokens, unbroken, answer, expected = asyncio.run(talk_then_reload(tiny_tales, worth_s=100))
    assert n_tokens > 2 * unbroken
    assert answer == expected


def test_the_oldest_sessions_go(tiny_tales: Path) -> None:
    files = MemoryFiles()

    async def run() -> int:
        async with await bitnet.load(tiny_tales) as model:
            recall = Recall(files, worth_s=0)
            for n in range(MOST_KEPT + 2):
                await Talk(model, recall, f"talk {n}").ask("Hello!")
            return len(await bitnet.SavedSessions(files).stored())

    assert asyncio.run(run()) == MOST_KEPT


def test_a_session_of_another_model_is_deleted_and_the_conversation_read_again(
    tiny_tales: Path, seeded: Path
) -> None:
    files = MemoryFiles()

    async def run() -> tuple[str, int]:
        async with await bitnet.load(seeded) as other:
            async for _ in (stream := other.generate([1, 2, 3], max_tokens=2)):
                pass
            await Recall(files, worth_s=0).keep(other, "one", stream.timings)
            assert len(await bitnet.SavedSessions(files).stored()) == 1
        async with await bitnet.load(tiny_tales) as model:
            talk = Talk(model, Recall(files, worth_s=100))
            talk.messages = [bitnet.Message("user", "Hi"), bitnet.Message("assistant", "Hello!")]
            answer = await talk.ask(QUESTIONS[1])
            return answer, len(await bitnet.SavedSessions(files).stored())

    assert asyncio.run(run()) == ("8 plus 6 is 14.", 0)


def test_without_storage_everything_is_read_again(tiny_tales: Path) -> None:
    async def run() -> str:
        async with await bitnet.load(tiny_tales) as model:
            return await Talk(model, Recall(None)).ask(QUESTIONS[1])

    assert asyncio.run(run()) == "8 plus 6 is 14."
