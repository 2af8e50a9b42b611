"""Write wasm/src/unicode_tables.cpp: the general category of every code point, as ranges.

    python tools/make_unicode_tables.py            write the file
    python tools/make_unicode_tables.py --check    exit 1 if the committed file is not what this writes

Unicode 16.0.0, because a pre-tokenizer must split text exactly as the one that the model was trained
with: Hugging Face `tokenizers` 0.23.3 gives the same members of \\p{L}, \\p{N}, \\p{P} and \\s over all
code points, and tests/unit/test_tokenizer_reference.py keeps comparing. The data come from Python's own
`unicodedata` where it has that version (Python 3.14), else from `pip install unicodedata2==16.0.0`.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

UNICODE_VERSION = "16.0.0"
CODE_POINTS = 0x110000
RANGES_PER_LINE = 4
TABLE = Path(__file__).parent.parent / "wasm" / "src" / "unicode_tables.cpp"

# First letter of the general category -> enumerator of `Category` in wasm/src/unicode.h.
CATEGORIES = {
    "C": "other",
    "L": "letter",
    "M": "mark",
    "N": "number",
    "P": "punctuation",
    "S": "symbol",
    "Z": "whitespace",
}
# White_Space is the separators (Z) and these controls (Unicode's PropList.txt).
WHITE_SPACE_CONTROLS = frozenset({0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85})

HEADER = f"""\
// Made by tools/make_unicode_tables.py from Unicode {UNICODE_VERSION}: do not edit.
#include "unicode_tables.h"

namespace bitnet {{

// Each range starts at `first` and ends before the next one's.
const CategoryRange category_ranges[] = {{
"""
FOOTER = """\
};
const size_t n_category_ranges = std::size(category_ranges);

}  // namespace bitnet
"""


def general_category() -> Callable[[str], str]:
    """Return ``category(character)`` of Unicode `UNICODE_VERSION`; exit with a sentence if it is nowhere."""
    found = []
    for name in ("unicodedata", "unicodedata2"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if module.unidata_version == UNICODE_VERSION:
            category: Callable[[str], str] = module.category
            return category
        found.append(f"{name} has {module.unidata_version}")
    sys.exit(
        f"Unicode {UNICODE_VERSION} is needed, but {', '.join(found)}: "
        f"pip install unicodedata2=={UNICODE_VERSION}"
    )


def ranges(category: Callable[[str], str]) -> Iterator[tuple[int, str]]:
    """Yield ``(first code point, enumerator)`` wherever the enumerator changes, from 0 up."""
    previous = None
    for code_point in range(CODE_POINTS):
        name = CATEGORIES[category(chr(code_point))[0]]
        if code_point in WHITE_SPACE_CONTROLS:
            name = "whitespace"
        if name != previous:
            yield code_point, name
        previous = name


def table_text() -> str:
    """Return the whole C++ file."""
    entries = [f"{{0x{first:X}, Category::{name}}}," for first, name in ranges(general_category())]
    starts = range(0, len(entries), RANGES_PER_LINE)
    lines = ["    " + " ".join(entries[start : start + RANGES_PER_LINE]) + "\n" for start in starts]
    return HEADER + "".join(lines) + FOOTER


def main() -> None:
    """Write or check the table."""
    parser = argparse.ArgumentParser(description="Write wasm/src/unicode_tables.cpp.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    text = table_text()
    if not parser.parse_args().check:
        TABLE.write_text(text, encoding="utf-8")
    elif TABLE.read_text(encoding="utf-8") != text:
        sys.exit(f"{TABLE.name} is not what this tool writes: run python tools/make_unicode_tables.py")


if __name__ == "__main__":
    main()
