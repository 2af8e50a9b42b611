"""A conversation is stored by one page and goes on in another: the same bits, without a new prefill."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import open_context
from playwright.sync_api import Browser, BrowserContext
from test_storage import wheel
from test_wheel import Notebook
from visitor import Visitor

MODEL = "../models/tiny-tales/bitnet-tiny-i2_s.gguf"

BEGIN = """
import hashlib, json, micropip
from contextlib import aclosing
given = json.loads(data)
await micropip.install(given["wheel"])
import bitnet
from bitnet.host.browser import BrowserHost
from bitnet.host.opfs import Opfs
sessions = bitnet.SavedSessions(Opfs(storage))

async def load(n_ranks=1):
    return await bitnet.load(given["model"], kv=given["kv"], ranks=n_ranks, host=BrowserHost(None, ranks))

async def say(conversation, prompt):
    turn = conversation.turn(prompt)
    async with aclosing(turn):
        return ["".join([text async for text in turn]), turn.timings.prefill_tokens]

async def restore(model):
    async with aclosing(sessions.read("chat")) as pieces:
        return await model.restore_state(pieces)

def logits(model):
    return hashlib.sha256(model.engine.session.logits()).hexdigest()
"""

SAVE = (
    BEGIN
    + """
async with await load(given["n_ranks"]) as model:
    conversation = bitnet.Conversation(model, temperature=0.0, max_tokens=40)
    for prompt in ["My name is Anna.", "I have a dog.", "What is my name?"]:
        await say(conversation, prompt)
    history = [[message.role, message.content] for message in conversation.history]
    async with aclosing(model.save_state()) as pieces:
        stored = await sessions.write("chat", pieces)
    position = model.position
    answer = await say(conversation, given["prompt"])
    found = [position, stored.n_bytes, history, answer, logits(model)]
json.dumps(found)
"""
)

GO_ON = (
    BEGIN
    + """
async with await load(given["n_ranks"]) as model:
    position = await restore(model)
    (stored,) = await sessions.stored()
    conversation = bitnet.Conversation(model, temperature=0.0, max_tokens=40)
    conversation.history = [bitnet.Message(*message) for message in given["history"]]
    answer = await say(conversation, given["prompt"])
    found = [position, stored.n_bytes, given["history"], answer, logits(model)]
json.dumps(found)
"""
)

DAMAGE = (
    BEGIN
    + """
from bitnet.host.memory import address_of
files = Opfs(storage)
(name,) = [name for name in await files.names() if name.endswith(".session")]
file = await files.open(name)
file.write_from(address_of(bytearray(b"damage")), 6, file.size // 2)
file.close()
async with await load() as model:
    try:
        await restore(model)
        said = []
    except bitnet.BadFile as error:
        said = [str(error), model.position]
    conversation = bitnet.Conversation(model, temperature=0.0)
    said.append((await say(conversation, "What is 8 plus 6?"))[0])
json.dumps(said)
"""
)


def run(context: BrowserContext, site: str, code: str, **given: Any) -> Any:
    """Run *code* in a page of its own."""
    visitor = Visitor(context, site)
    visitor.open("/test/index.html")
    prompt = "Tell me a story about my dog."
    found = Notebook(visitor).run(code, wheel=wheel(), model=MODEL, prompt=prompt, **given)
    visitor.page.close()
    return found


@pytest.mark.parametrize("kv", ["f16", "int8"])
def test_another_page_goes_on_where_a_conversation_was_stored(browser: Browser, site: str, kv: str) -> None:
    context = open_context(browser)
    expected = run(context, site, SAVE, kv=kv, n_ranks=1)
    position, n_bytes, history, (answer, n_run), _ = expected
    assert run(context, site, GO_ON, kv=kv, n_ranks=1, history=history) == expected
    assert answer
    assert n_run < position / 3
    assert n_bytes > 1000 * position
    context.close()


def test_a_conversation_goes_on_with_another_number_of_cores(browser: Browser, isolated_site: str) -> None:
    context = open_context(browser)
    expected = run(context, isolated_site, SAVE, kv="f16", n_ranks=2)
    for n_ranks in (3, 1):
        assert run(context, isolated_site, GO_ON, kv="f16", n_ranks=n_ranks, history=expected[2]) == expected
    context.close()


def test_a_damaged_one_is_refused_and_the_model_answers(browser: Browser, site: str) -> None:
    context = open_context(browser)
    run(context, site, SAVE, kv="f16", n_ranks=1)
    refusal, position, answer = run(context, site, DAMAGE, kv="f16")
    assert "of the saved session is damaged; run the conversation again" in refusal
    assert position == 0
    assert answer == "8 plus 6 is 14."
    context.close()
