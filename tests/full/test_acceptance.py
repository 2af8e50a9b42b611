"""The acceptance of published files: its measure and its judgement, on the embedded model."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PUBLISHED = PROJECT / "tools/published"
sys.path.insert(0, str(PUBLISHED))

from judge import QUESTIONS, faults, knows, repeats  # noqa: E402 - found through the line above
from report import perplexity_verdict  # noqa: E402

MODEL = PROJECT / "models/tiny-tales/bitnet-tiny-i2_s.gguf"
STORY = (
    "Once upon a time there was a little rabbit who lived in a small house near the forest with his mother. "
)

#: The perplexity of tools/published, and the same from the core's own logprobs, token by token.
COMPARE = """
import asyncio, bitnet, json, math, sys
sys.path.insert(0, sys.argv[1])
from perplexity import perplexity
WINDOW = 64

async def main():
    async with await bitnet.load(sys.argv[2]) as model:
        measured, scored = await perplexity(model, sys.argv[3], window_tokens=WINDOW)
        ids, total, count = model.tokenize(sys.argv[3], parse_special=False), 0.0, 0
        session = model.engine.session
        for begin in range(0, len(ids) - WINDOW + 1, WINDOW):
            window = [model.info.raw["tokenizer"]["bos"], *ids[begin + 1 : begin + WINDOW]]
            session.rewind(0)
            for position, token in enumerate(window[:-1]):
                session.decode(token)
                if position >= WINDOW // 2:
                    total, count = total + session.logprob(window[position + 1]), count + 1
        print(json.dumps([measured, scored, math.exp(-total / count), count]))

asyncio.run(main())
"""


def test_perplexity_is_that_of_the_cores_own_logprobs() -> None:
    command = [sys.executable, "-c", COMPARE, str(PUBLISHED), str(MODEL), STORY * 8]
    measured, scored, expected, count = eval(subprocess.check_output(command, text=True))
    assert scored == count > 50
    assert math.isclose(measured, expected, rel_tol=1e-4)  # logprobs are float32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris is nice. " * 2, False),
        ("the cat sat on the mat and " * 3, True),
        ("GGGGGGGGGGGG", True),
        ("Rome was not built in a day, and Rome was not burnt in a day.", False),
    ],
)
def test_repetition_is_a_run_that_comes_again_and_again(text: str, expected: bool) -> None:
    assert repeats(text) is expected


def test_a_fact_is_a_whole_word() -> None:
    assert knows("It is paris.", ("Paris",))
    assert knows("Water is H₂O!", ("H2O", "H₂O"))
    assert not knows("Parisian", ("Paris",))
    assert not knows("It was 19456.", ("1945",))


def test_an_answer_must_be_right_and_end_by_itself() -> None:
    question = next(iter(QUESTIONS))
    assert faults(question, {"text": "Paris.", "stop_reason": "end"}) == []
    assert len(faults(question, {"text": "Paris.", "stop_reason": "length"})) == 1
    assert len(faults(question, {"text": "word " * 30, "stop_reason": "length"})) == 3


@pytest.mark.parametrize(
    ("value", "accepted", "words"),
    [(17.1, True, "right"), (99.0, False, "SiLU"), (40.0, False, "else"), (3.0, False, "suspiciously low")],
)
def test_the_verdict_names_the_likely_cause(value: float, accepted: bool, words: str) -> None:
    sentence, right = perplexity_verdict(value)
    assert right is accepted
    assert words in sentence
