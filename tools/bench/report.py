"""Tables and a picture of one run: for the terminal, and for docs/speed.md.

python tools/bench/report.py     the run recorded in docs/bench/ into docs/speed.md and its picture
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from picture import bars
from targets import EMBEDDED, MODEL, RECORDED_TOKENS_PER_S, TARGETS, Run

PROJECT = Path(__file__).resolve().parents[2]
RECORDED = PROJECT / "docs/bench/results.jsonl"
PAGE = PROJECT / "docs/speed.md"
PICTURE = PROJECT / "docs/images/speed.svg"
TITLE = "Tokens per second of a model of BitNet-b1.58-2B-4T's shape, on one thread"
MARKED = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- /measured -->)", re.DOTALL)

Line = dict[str, Any]
Rows = list[Sequence[str]]


def last_run(path: Path) -> list[Line]:
    """The lines of the run that was written last; none if there was none."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return [line for line in lines if line["time"] == lines[-1]["time"]]


def run_of(lines: Iterable[Line]) -> Run:
    return Run({(line["place"], line["model"]): line["figures"] for line in lines})


def table(head: Sequence[str], rows: Rows) -> str:
    """Markdown; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def number(compute: Callable[..., float], *arguments: Any) -> str:
    """Three digits of what *compute* gives, "-" where it was not measured."""
    try:
        value = compute(*arguments)
    except KeyError:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def targets_table(run: Run) -> str:
    rows: Rows = []
    for target in TARGETS:
        found = number(target.value, run)
        level = "-" if found == "-" else target.reached(target.value(run))
        limits = (f"{limit:g}" for limit in (target.must, target.good, target.wish))
        rows.append([target.name, found, level, *limits])
    return table(["figure", "measured", "reached", "must", "good", "wish"], rows)


def speeds_table(run: Run, lines: Sequence[Line]) -> str:
    """Tokens per second, of the engine in every place."""
    rows: Rows = []
    for place, model in (
        (line["place"], line["model"]) for line in lines if "token_at_512_ms" in line["figures"]
    ):
        rows.append(
            [
                f"{model}, {place}",
                *(number(run.prefill, place, model, n_tokens) for n_tokens in (128, 512)),
                *(number(run.decode, place, model, n_positions) for n_positions in (512, 2048, 4096)),
                number(run.kernels_share, place, model),
                *(
                    number(run.value, f"attention_at_{n_positions}_ms", place, model)
                    for n_positions in (512, 2048, 4096)
                ),
            ]
        )
    head = ["model, place", "prefill 128", "prefill 512", "decode at 512", "at 2048", "at 4096"]
    return table([*head, "kernels' share", "attention at 512, ms", "at 2048, ms", "at 4096, ms"], rows)


def limits_table(run: Run, lines: Sequence[Line]) -> str:
    """The machine's limits in each place, and beside them where a token's time goes."""
    rows: Rows = []
    for place in dict.fromkeys(line["place"] for line in lines):
        row = [
            number(run.value, "read_one_stream_gb_per_s", place),
            number(run.value, "read_four_streams_gb_per_s", place),
            number(run.value, "relaxed_dot_g_products_per_s", place),
            number(run.value, "matrices_ms", place, MODEL),
            number(run.matrices_gb_per_s, place),
            number(run.matrices_g_products_per_s, place),
            number(run.value, "layers_ms", place, MODEL),
            number(run.head_ms, place, MODEL),
        ]
        if set(row) != {"-"}:
            rows.append([place, *row])
    head = ["place", "one stream, GB/s", "four streams, GB/s", "relaxed dot, G products/s"]
    head += ["matrices of 30 layers, ms", "their weights, GB/s", "their products, G/s", "whole layers, ms"]
    return table([*head, "head, ms"], rows)


def start_table(run: Run, lines: Sequence[Line]) -> str:
    names = {
        "first_visit_ready_ms": "first visit, to ready, s",
        "ready_ms": "cached, to ready, s",
        "first_token_ms": "cached, to first token, s",
        "compile_pyodide_ms": "compiling Pyodide, s",
        "compile_core_ms": "compiling the core, s",
    }
    places = [line["place"] for line in lines if "ready_ms" in line["figures"]]
    rows: Rows = [
        [label, *(number(run.seconds, name, place, EMBEDDED) for place in places)]
        for name, label in names.items()
    ]
    return table(["page", *places], rows)


def loading_table(run: Run, lines: Sequence[Line]) -> str:
    rows: Rows = []
    for line in lines:
        if "load_ms" not in (figures := line["figures"]):
            continue
        growth = figures.get("heap_growth_bytes", 0) / 1e6
        rows.append(
            [
                f"{line['model']}, {line['place']}",
                number(run.seconds, "load_ms", line["place"], line["model"]),
                f"{growth:.0f}" if growth else "-",
            ]
        )
    return table(["loading over loopback", "s", "memory grows by, MB"], rows)


def memory_table(run: Run, lines: Sequence[Line]) -> str:
    names = {"page_loaded_bytes": "while it loads", "page_full_bytes": "its context of 512 full"}
    places = [line["place"] for line in lines if "page_full_bytes" in line["figures"]]
    rows: Rows = [
        [label, *(f"{run.value(name, place, MODEL) / 1e6:.0f}" for place in places)]
        for name, label in names.items()
    ]
    return table([f"greatest memory of a tab with {MODEL}, MB", *places], rows) if places else ""


def bytes_table(run: Run) -> str:
    parts = run("chromium", EMBEDDED)["shipped_bytes_by_part"]
    largest_first = sorted(parts.items(), key=lambda part: -part[1])
    rows: Rows = [[name, f"{n_bytes / 1e6:.2f}"] for name, n_bytes in largest_first]
    return table(["download besides the model, brotli", "MB"], rows)


def peers(run: Run) -> Rows:
    """Engines on the shape of BitNet-b1.58-2B-4T, one thread each: decode and prefill, tokens/s."""
    recorded = [f"{RECORDED_TOKENS_PER_S[what]:g}" for what in ("decode", "prefill")]
    rows: Rows = [
        ["this engine, Chromium", number(run.decode, "chromium"), number(run.prefill, "chromium")],
        ["this engine, Firefox", number(run.decode, "firefox"), number(run.prefill, "firefox")],
        ["this engine, native", number(run.decode, "native"), number(run.prefill, "native")],
        *(
            [label, number(run.peers_decode, place), number(run.peers_prefill, place)]
            for label, place in (("wllama, Chromium", "wllama"), ("llama.cpp, native", "llama.cpp"))
        ),
    ]
    found = [number(run.bitnet_cpp, what) for what in ("decode", "prefill")]
    if run.has_bitnet_cpp:
        return [*rows, ["bitnet.cpp, native", *found]]
    return [*rows, ["bitnet.cpp, elsewhere", *recorded], ["bitnet.cpp, elsewhere, scaled", *found]]


def report(lines: Sequence[Line]) -> str:
    """Everything that one run says, as Markdown."""
    run, about = run_of(lines), lines[0]
    versions = ", ".join(
        dict.fromkeys(f"{line['place'].split(',')[0]} {line['version']}" for line in lines if line["version"])
    )
    return "\n".join(
        [
            f"{about['cpu']}, {about['cores']} cores, load average {about['load_average']:.1f} before;"
            f" commit {about['commit']}; {versions}; {about['time']}.\n",
            targets_table(run),
            speeds_table(run, lines),
            limits_table(run, lines),
            table(["one thread", "decode, tokens/s", "prefill, tokens/s"], peers(run)),
            loading_table(run, lines),
            memory_table(run, lines),
            start_table(run, lines),
            bytes_table(run),
        ]
    )


def changes(before: Sequence[Line], lines: Sequence[Line]) -> str:
    """Each time of this run over that of the run before it, for the places that both have."""
    known = {(line["place"], line["model"]): line["figures"] for line in before}
    rows: Rows = []
    for line in lines:
        last = known.get((line["place"], line["model"]), {})
        rows += [
            [f"{line['place']}, {line['model']}: {name}", f"{value:.4g}", f"{value / last[name]:.3f}"]
            for name, value in line["figures"].items()
            if name.endswith("_ms") and name in last
        ]
    return table(["since the last run", "ms", "over the last"], rows) if rows else ""


def main() -> None:
    lines = last_run(RECORDED)
    shown = f"![{TITLE}](images/{PICTURE.name})\n\n{report(lines)}"
    PAGE.write_text(MARKED.sub(lambda _: shown, PAGE.read_text()))
    PICTURE.write_text(bars(TITLE, ["decode, tokens/s", "prefill, tokens/s"], peers(run_of(lines))))


if __name__ == "__main__":
    main()
