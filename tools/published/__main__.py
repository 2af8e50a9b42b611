"""Acceptance of a published BitNet file by whoever has it: one report in Markdown, to paste.

    make test-published MODEL=path-or-url [WIKITEXT=wiki.test.raw]

Checks the file, asks twenty questions natively, in Chromium and in Firefox, and measures perplexity. The
report goes to the terminal and to build/published/report.md; the exit status is 0 only if all is right.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(PROJECT / "tools")]

import bitnet  # noqa: E402
import report  # noqa: E402 - found through the line above
from ask import ask  # noqa: E402
from download import local_copy  # noqa: E402
from file_facts import Check, checks  # noqa: E402
from in_browser import ask_in_browser  # noqa: E402
from judge import QUESTIONS  # noqa: E402
from perplexity import perplexity  # noqa: E402

FOLDER = PROJECT / "build/published"
PASSAGE = Path(__file__).parent / "genesis.txt"
WINDOW_TOKENS = 512

Perplexity = tuple[float, int]


async def examine(
    path: Path, wikitext: Path | None, windows: int | None
) -> tuple[list[Check], Perplexity, Any]:
    """What needs no questions: the header against the published one, and perplexity."""
    async with await bitnet.load(str(path), context_length=WINDOW_TOKENS) as model:
        found = checks(path, model.info.raw)
        passage = await perplexity(model, PASSAGE.read_text(), window_tokens=WINDOW_TOKENS)
        if wikitext is None:
            return found, passage, None
        text = wikitext.read_text(encoding="utf-8")
        return (
            found,
            passage,
            await perplexity(model, text, window_tokens=WINDOW_TOKENS, most_windows=windows),
        )


def head(path: Path) -> list[str]:
    git = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    return [
        f"# Acceptance of {path.name}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}, {platform.platform()}, "
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}.",
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/published", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="path or URL of the GGUF file")
    parser.add_argument("--wikitext", type=Path, help="the raw test text of wikitext-2")
    parser.add_argument("--windows", type=int, default=40, help="of wikitext-2 to measure (40; 0 for all)")
    parser.add_argument("--max-tokens", type=int, default=96, help="of an answer (96)")
    options = parser.parse_args()
    try:
        path = local_copy(options.model, FOLDER)
        found, passage, wikitext = asyncio.run(examine(path, options.wikitext, options.windows))
        questions = list(QUESTIONS)
        native = asyncio.run(ask(str(path), questions, options.max_tokens)) | {"world": "native"}
        browsers = ("chromium", "firefox")
        worlds = [native, *(ask_in_browser(name, path, questions, options.max_tokens) for name in browsers)]
    except (bitnet.BitNetError, OSError, ValueError) as error:
        sys.exit(f"test-published: {error}")

    sections = [
        report.file_section(found),
        report.worlds_section(worlds),
        *(report.answers_section(world, native) for world in worlds),
        report.perplexity_section(passage, wikitext),
    ]
    wrong = [lines[0].removeprefix("## ") for lines, right in sections if not right]
    verdict = f"**Not accepted.** Wrong: {'; '.join(wrong)}." if wrong else "**Accepted.**"
    lines = [*head(path), verdict, "", *(line for part, _ in sections for line in part)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "report.md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
