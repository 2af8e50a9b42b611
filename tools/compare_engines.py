"""Compares the core with other people's engines on seeded tiny models.

    make reference

Those engines are llama.cpp (llama-cpp-python) and Hugging Face transformers, in a Python environment of their
own. Prints a table; exits 1 if logits are farther apart than two right engines are, or a token with a clear
margin is another one. Writes what llama.cpp says of SmolLM2 to tests/golden/smollm2.json.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "app"), str(PROJECT / "tools")]

import bitnet  # noqa: E402 - found through the line above
import llama_engine  # noqa: E402
import smollm2  # noqa: E402
import transformers_engine  # noqa: E402
from make_tiny_model import Network, tiny_model  # noqa: E402
from tiny_weights import TYPES  # noqa: E402

FOLDER = PROJECT / "build" / "reference"
IDS = [(7 * step * step + 3) % 320 for step in range(24)]

MAX_RELATIVE_RMS = 0.08  # right engines differ by 1 to 3.5 %, wrong ones by 30 % and more
CLEAR_MARGIN = 0.5  # of the best logit over the second: below it the roundings of an engine may decide


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model: logits of the other engine and of the core, shape (n_positions, n_vocab)."""

    engine: str
    model: str
    theirs: np.ndarray
    mine: np.ndarray

    def relative_rms(self) -> float:
        """The largest of all positions."""
        rms = np.sqrt(np.mean((self.mine - self.theirs) ** 2, axis=1))
        return float(np.max(rms / self.theirs.std(axis=1)))

    def clear(self) -> np.ndarray:
        """Positions at which the other engine's best token leads by a clear margin."""
        best = np.sort(self.theirs, axis=1)
        return np.flatnonzero(best[:, -1] - best[:, -2] > CLEAR_MARGIN)

    def n_equal(self) -> int:
        clear = self.clear()
        return int(np.sum(self.mine[clear].argmax(axis=1) == self.theirs[clear].argmax(axis=1)))

    def passes(self) -> bool:
        n_clear = len(self.clear())
        return self.relative_rms() <= MAX_RELATIVE_RMS and self.n_equal() == n_clear > 0

    def row(self) -> str:
        n_clear = len(self.clear())
        verdict = "" if self.passes() else "   WRONG"
        return (
            f"{self.engine:<13} {self.model:<24} {len(self.mine):>9} {self.relative_rms():>12.5f} "
            f"{self.n_equal():>6} of {n_clear}{verdict}"
        )


def core_logits(file: bytes | Path) -> np.ndarray:
    async def run() -> np.ndarray:
        async with await bitnet.load(file) as model:
            return np.array((await model.logits(IDS)).tolist())

    return asyncio.run(run())


def comparisons() -> Iterator[Comparison]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for architecture in ("llama", "qwen2", "qwen3"):
        for kind in TYPES:
            if kind == "I2_S":  # llama.cpp does not know it
                continue
            network = Network.usual(architecture, kind)
            file = FOLDER / "tiny.gguf"
            file.write_bytes(tiny_model(network=replace(network, embedding=kind, n_ctx=256)))
            theirs = llama_engine.logits(file, IDS)
            yield Comparison("llama.cpp", f"{architecture} {kind}", theirs, core_logits(file))
            file.unlink()
    for activation in ("relu2", "silu"):
        file_bytes, theirs = transformers_engine.random_bitnet(activation, IDS)
        yield Comparison("transformers", f"bitnet, {activation}", theirs, core_logits(file_bytes))


def main() -> None:
    print(f"{'engine':<13} {'model':<24} {'positions':>9} {'relative rms':>12}   equal ids")
    wrong = 0
    for comparison in comparisons():
        print(comparison.row(), flush=True)
        wrong += not comparison.passes()
    smollm2.write_golden(PROJECT, PROJECT / "tests" / "golden" / "smollm2.json")
    if wrong:
        sys.exit(f"{wrong} models are wrong")


if __name__ == "__main__":
    main()
