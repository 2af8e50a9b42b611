"""A real model that somebody else trained, against llama.cpp: see tests/golden/README.md."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import bitnet
import pytest
from bitnet.records import Message
from llama_answers import CHATS, GOLDEN, IS_MISSING, MISSING, MODEL, compare, n_clear
from worlds import IN_PYODIDE

pytestmark = [
    pytest.mark.skipif(IN_PYODIDE, reason="tests/e2e/test_smollm2.py runs it in browsers"),
    pytest.mark.skipif(IS_MISSING, reason=MISSING),
]


def test_the_file_is_the_one_that_the_golden_answers_are_of() -> None:
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == GOLDEN["sha256"]


def test_the_prompts_of_a_chat_are_those_of_llama_cpp_python() -> None:
    async def prompts() -> list[str]:
        async with await bitnet.load(MODEL, context_length=128) as model:
            return [model.template.render([Message("user", chat["question"])]) for chat in CHATS]

    assert asyncio.run(prompts()) == [chat["text"] for chat in CHATS]


def test_answers_are_those_of_llama_cpp_as_long_as_its_margins_are_clear(
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    async def answers() -> list[tuple[list[int], list[int]]]:
        found = []
        async with await bitnet.load(MODEL, context_length=128) as model:
            for prompt in GOLDEN["prompts"]:
                ids = model.tokenize(prompt["text"])
                tokens = model.generate(ids, max_tokens=n_clear(prompt["margins"]), temperature=0)
                found.append((ids, [token.id async for token in tokens]))
        return found

    record_testsuite_property("positions compared, SmolLM2", compare(asyncio.run(answers())))
