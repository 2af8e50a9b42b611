"""The one report of an acceptance, in Markdown, and its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from file_facts import Check
from judge import QUESTIONS, faults

RIGHT_PERPLEXITY = (
    17.1  # of the published file on wikitext-2, windows of 512, as others report for bitnet.cpp
)
SILU_PERPLEXITY = 99.8  # the same with SiLU in place of the squared ReLU
SHOWN_CHARACTERS = 160  # of an answer


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(head), line(["---"] * len(head)), *map(line, rows), ""]


def file_section(checks: list[Check]) -> tuple[list[str], bool]:
    rows = [(name, expected, found, "yes" if right else "**no**") for name, expected, found, right in checks]
    return ["## The file", "", *table(("what", "published", "this file", "equal"), rows)], all(
        right for *_, right in checks
    )


def worlds_section(worlds: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Where the questions were asked, how fast the answers came, and whether they were the same."""
    rows = []
    for world in worlds:
        n_right = sum(not faults(*pair) for pair in zip(QUESTIONS, world["answers"], strict=True))
        same = world["answers"] == worlds[0]["answers"]
        speeds = (f"{world[key]:.1f}" for key in ("load_s", "prefill_tokens_per_s", "decode_tokens_per_s"))
        rows.append((world["world"], world["kernel"], *speeds, str(n_right), "yes" if same else "**no**"))
    head = ("where", "kernel", "load, s", "prefill, tokens/s", "decode, tokens/s", "right", "same answers")
    n_same = sum(world["answers"] == worlds[0]["answers"] for world in worlds)
    return [f"## The same in {len(worlds)} worlds", "", *table(head, rows)], n_same == len(worlds)


def answers_section(world: dict[str, Any], first: dict[str, Any]) -> tuple[list[str], bool]:
    """The answers in one world, each with what is wrong with it; of another world only those that differ."""
    rows, n_right = [], 0
    for question, answer, same in zip(QUESTIONS, world["answers"], first["answers"], strict=True):
        found = faults(question, answer)
        n_right += not found
        if world is first or answer != same:
            rows.append((question, shortened(answer["text"]), "; ".join(found) or "right"))
    lines = [f"## Answers: {world['world']}", "", f"{n_right} of {len(QUESTIONS)} right.", ""]
    if rows:
        return [*lines, *table(("question", "answer", "verdict"), rows)], n_right == len(QUESTIONS)
    return [*lines, f"All are those of {first['world']}.", ""], n_right == len(QUESTIONS)


def shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " …"


def perplexity_verdict(value: float) -> tuple[str, bool]:
    """Which of the two reported figures *value* looks like, and whether that is the right one."""
    if near(value, RIGHT_PERPLEXITY):
        return f"looks right: others report {RIGHT_PERPLEXITY}", True
    if near(value, SILU_PERPLEXITY):
        return f"**looks like SiLU in place of the squared ReLU ({SILU_PERPLEXITY})**", False
    if value < RIGHT_PERPLEXITY:
        return f"**suspiciously low: others report {RIGHT_PERPLEXITY}; was it the right text?**", False
    return (
        f"**neither {RIGHT_PERPLEXITY} (right) nor {SILU_PERPLEXITY} (SiLU): something else is wrong**",
        False,
    )


def near(value: float, reported: float) -> bool:
    """Within 15 %: more than the cutting into windows changes, far less than the two figures differ."""
    return reported / 1.15 < value < reported * 1.15


def perplexity_section(
    passage: tuple[float, int], wikitext: tuple[float, int] | None
) -> tuple[list[str], bool]:
    lines = [
        "## Perplexity, natively, windows of 512 tokens, second halves scored",
        "",
        f"- Genesis 1-3, King James Version ({passage[1]} tokens): {passage[0]:.2f}. No figure to compare "
        "with is known: a text that every large model has seen often should give far less than wikitext's.",
    ]
    right = True
    if wikitext is None:
        lines += ["- wikitext-2: not measured; give its test file with WIKITEXT=path.", ""]
    else:
        sentence, right = perplexity_verdict(wikitext[0])
        lines += [f"- wikitext-2 ({wikitext[1]} tokens): {wikitext[0]:.2f}, {sentence}.", ""]
    return lines, right
