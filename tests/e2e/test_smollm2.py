"""A real model that others trained, opened from a file and asked in the chat: llama.cpp's answers."""

from __future__ import annotations

import sys

import pytest
from conftest import PROJECT, Visit
from playwright.sync_api import expect
from test_models import facts
from test_settings import change

sys.path.insert(0, str(PROJECT / "tests/unit"))

from llama_answers import CHATS, IS_MISSING, LEAST_COMPARED, MISSING, MODEL, n_clear

pytestmark = pytest.mark.skipif(IS_MISSING, reason=MISSING)


def test_answers_in_the_chat_are_those_of_llama_cpp(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    visitor.load_file(str(MODEL))
    expect(visitor.page.locator("#loading-text")).to_contain_text(MODEL.name)
    visitor.wait_until("ready")
    assert facts(visitor.page)["Type"].startswith("llama, 135 million parameters, Q4_1")
    visitor.button("Settings").click()
    change(visitor, "Temperature", "0")
    change(visitor, "Top-p", "1")
    change(visitor, "Max tokens", "32")
    visitor.page.keyboard.press("Escape")
    n_compared = 0
    for chat in CHATS:
        visitor.begin_anew()
        visitor.ask(chat["question"])
        n = n_clear(chat["margins"])
        clear, answer = "".join(chat["pieces"][:n]), visitor.source()
        assert (answer if n == len(chat["ids"]) else answer[: len(clear)]) == clear
        n_compared += n
    assert n_compared >= LEAST_COMPARED
