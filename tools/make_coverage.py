"""Writes docs/coverage.md: which combinations of architecture, tensor type and tokenizer a test runs.

    .venv/bin/python tools/make_coverage.py            writes it
    .venv/bin/python tools/make_coverage.py --check    fails if it is not what the tests are

Everything in it comes from the names of the collected tests: a cell without a test cannot be marked.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import gguf
from make_tiny_model import ARCHITECTURES
from tiny_weights import TYPES

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "coverage.md"

OPERATORS = "test_reference.py::test_every_operator_is_that_of_the_reference"
WHOLE = "test_reference.py::test_whole_runs_agree_until_an_int8_rounding_falls_the_other_way"
VARIANTS = "test_reference.py::test_operators_of_a_variant_are_those_of_the_reference"
ENGINES = "test_golden_engines.py::test_logits_are_near_the_other_engine_and_clear_ids_are_its_own"
PAIRS = "test_support.py::test_every_architecture_takes_every_tokenizer"
SPLITS = "test_tokenizer_reference.py::test_random_texts_are_split_as_by_the_reference"
SCORES = (
    "test_tokenizer_reference.py::test_random_texts_are_joined_by_scores_as_by_the_merges_of_the_reference"
)
VECTORS = "test_tokenizer_vectors.py::test_texts_have_the_ids_that_llama_cpp_wrote_down"
OTHER_TYPES = "test_support.py::test_every_other_tensor_type_is_refused_by_its_number"
OTHER_ARCHITECTURES = "test_support.py::test_other_architectures_are_refused_by_name"
OTHER_TOKENIZERS = "test_tokenizer_vectors.py::test_other_tokenizers_are_refused_by_name"

#: Fixtures of tests/golden: dev-ARCHITECTURE-TYPE.
FIXTURE_ARCHITECTURES = {"bitnet158": "bitnet-b1.58", "bitnet-silu": "bitnet"}
FIXTURE_TYPES = {"i2s": "I2_S"}


def collected() -> list[str]:
    """Names of all unit tests, below tests/unit."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/unit"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        sys.exit(f"the tests cannot be collected: run pytest --collect-only\n{run.stdout}{run.stderr}")
    return [line.removeprefix("tests/unit/") for line in run.stdout.splitlines() if "::" in line]


class Tests:
    """What the collected names say."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)

    def parameters(self, test: str) -> list[str]:
        """What stands in brackets behind the name of *test*; there must be something."""
        found = [name[len(test) + 1 : -1] for name in self.names if name.startswith(f"{test}[")]
        if not found:
            sys.exit(f"there is no test {test} any more: change tools/make_coverage.py with it")
        return found

    def fixtures(self) -> set[str]:
        """Architecture and type of each fixture, as "llama-TQ1_0"."""
        found = set()
        for name in self.parameters(ENGINES):
            architecture, kind = re.fullmatch(r"dev-(.+)-(\w+)", name).groups()  # type: ignore[union-attr]
            architecture = FIXTURE_ARCHITECTURES.get(architecture, architecture)
            found.add(f"{architecture}-{FIXTURE_TYPES.get(kind, kind.upper())}")
        return found


def table(corner: str, columns: Iterable[str], rows: Iterable[tuple[str, list[str]]]) -> str:
    columns = list(columns)
    lines = [f"| {corner} | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows]
    return "\n".join(lines)


def types(tests: Tests) -> str:
    marks = {"o": set(tests.parameters(OPERATORS)), "w": set(tests.parameters(WHOLE)), "g": tests.fixtures()}

    def cell(pair: str) -> str:
        return " ".join(mark for mark, pairs in marks.items() if pair in pairs) or "not tested"

    return table(
        "type", ARCHITECTURES, ((kind, [cell(f"{a}-{kind}") for a in ARCHITECTURES]) for kind in TYPES)
    )


def tokenizers(tests: Tests) -> str:
    pairs = set(tests.parameters(PAIRS))
    names = dict.fromkeys(pair.removeprefix(f"{ARCHITECTURES[0]}-") for pair in tests.parameters(PAIRS))
    names = {name: None for name in names if f"{ARCHITECTURES[0]}-{name}" in pairs}
    random_texts = {*tests.parameters(SPLITS), *(["SentencePiece"] if tests.parameters(SCORES) else [])}

    def row(name: str) -> list[str]:
        runs = ["yes" if f"{a}-{name}" in pairs else "not tested" for a in ARCHITECTURES]
        return [*runs, "yes" if name in random_texts else "no"]

    return table("tokenizer", [*ARCHITECTURES, "random texts"], ((name, row(name)) for name in names))


def type_names(numbers: list[str]) -> str:
    """What llama.cpp or bitnet.cpp call the types that other engines know, and the other numbers."""
    theirs = {str(kind.value): kind.name for kind in gguf.GGMLQuantizationType}
    names = theirs | {"37": "I8_S", "38": "TL1", "39": f"TL2 and {theirs['39']}"}
    named = [names[number] for number in numbers if number in names]
    return f"{', '.join(named)}; and {', '.join(number for number in numbers if number not in names)}"


def page(tests: Tests) -> str:
    """The whole of docs/coverage.md."""
    variants = "\n".join(f"- {name}" for name in tests.parameters(VARIANTS))
    return f"""# What is tested, and what is refused

Made of the names of the tests by `tools/make_coverage.py`; `tests/unit/test_coverage.py` checks that it is up
to date.

## Architectures and types of matrices

o: every operator is that of the NumPy reference, on the core's own inputs. w: whole runs are. g: logits and
ids are those that bitnet.cpp or llama.cpp wrote down.

{types(tests)}

`bitnet-25` is another name of `bitnet-b1.58`. Beside this table, `make reference` compares all of `llama`,
`qwen2` and `qwen3` but I2_S with llama.cpp, and I2_S in `bitnet-b1.58` and `bitnet` with Hugging Face's
transformers.

Variants of a network, with operators as the reference:

{variants}

## Architectures and tokenizers

A model is loaded, gives ids to a text, gives the text back, and runs. Random texts have the ids of Hugging
Face's tokenizers.

{tokenizers(tests)}

With llama.cpp's own vocabularies and texts: {", ".join(tests.parameters(VECTORS))}.

## Refused, each by name and with a test

- Tensor types: {type_names(tests.parameters(OTHER_TYPES))}.
- Architectures: every other one; tested with {", ".join(tests.parameters(OTHER_ARCHITECTURES))}.
- Tokenizers: every other one; tested with {", ".join(tests.parameters(OTHER_TOKENIZERS))}.
"""


def main() -> None:
    text = page(Tests(collected()))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/coverage.md is not what the tests are: run .venv/bin/python tools/make_coverage.py")


if __name__ == "__main__":
    main()
