"""Twenty questions whose answers a model of two billion weights knows, and what is asked of an answer."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

#: Question, and words of which one must be in the answer (any case, as whole words).
QUESTIONS: dict[str, tuple[str, ...]] = {
    "What is the capital of France?": ("Paris",),
    "What is the capital of Japan?": ("Tokyo",),
    "What is the capital of Italy?": ("Rome",),
    "Which planet is closest to the Sun?": ("Mercury",),
    "Which is the largest planet of the solar system?": ("Jupiter",),
    "What is the chemical formula of water?": ("H2O", "H₂O"),
    "What is the chemical symbol of gold?": ("Au",),
    "Who wrote Romeo and Juliet?": ("Shakespeare",),
    "Who painted the Mona Lisa?": ("Leonardo", "Vinci"),
    "Who developed the theory of general relativity?": ("Einstein",),
    "How many days are there in a week?": ("7", "seven"),
    "How many legs does a spider have?": ("8", "eight"),
    "What is 2 plus 2?": ("4", "four"),
    "What is 7 times 8?": ("56", "fifty-six"),
    "Which ocean lies between Europe and North America?": ("Atlantic",),
    "On which continent is Egypt?": ("Africa",),
    "What do bees make?": ("honey",),
    "What is the opposite of hot?": ("cold",),
    "Which gas do plants take in for photosynthesis?": ("carbon dioxide", "CO2", "CO₂"),
    "In which year did the Second World War end?": ("1945",),
}

RUN_WORDS = 5  # so many words in a row, three times over, are repetition
RUN_TIMES = 3


def repeats(text: str) -> bool:
    """Whether some run of words, or one character, comes again and again."""
    words = text.lower().split()
    runs = Counter(tuple(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1))
    return max(runs.values(), default=0) >= RUN_TIMES or re.search(r"(\S{1,12}?)\1{7}", text) is not None


def knows(text: str, facts: tuple[str, ...]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", text, re.IGNORECASE) for fact in facts)


def faults(question: str, answer: dict[str, Any]) -> list[str]:
    """What is wrong with *answer*: its text and why it ended; [] for nothing."""
    text = answer["text"]
    found = []
    if not knows(text, QUESTIONS[question]):
        found.append(f"no {' or '.join(QUESTIONS[question])}")
    if answer["stop_reason"] != "end":
        found.append(f"no end of its own ({answer['stop_reason']})")
    if repeats(text):
        found.append("repetition")
    return found
