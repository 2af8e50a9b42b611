"""``bitnet chat``: a conversation in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import aclosing

import bitnet
from bitnet.cli.commands import open_model, sampling, warn
from bitnet.errors import BitNetError


def chat(options: argparse.Namespace) -> None:
    """Answer line by line until the end of input. Ctrl-C stops an answer; between answers it ends the chat.

    The event loop runs only while there is something to answer, so that reading a line needs no thread.
    """
    with asyncio.Runner() as runner:
        model = runner.run(open_model(options))
        warn(model.info.warnings)
        conversation = bitnet.Conversation(model, system=options.system, **sampling(options))
        if sys.stdin.isatty():
            print("Ctrl-C stops an answer, Ctrl-D ends the chat.", file=sys.stderr)
        while (line := _read_line()) is not None:
            if not line.strip():
                continue
            try:
                runner.run(_answer(conversation, line))
            except KeyboardInterrupt:
                print(" [stopped]")
            except BitNetError as error:  # the conversation goes on
                print(f"bitnet: {error}", file=sys.stderr)
        model.close()


async def _answer(conversation: bitnet.Conversation, prompt: str) -> None:
    async with aclosing(conversation.turn(prompt)) as turn:
        async for text in turn:
            print(text, end="", flush=True)
    print()


def _read_line() -> str | None:
    try:
        return input("> " if sys.stdin.isatty() else "")
    except EOFError:
        return None
