"""Writes tests/golden/tiny-tales.bits.json: the bytes of whole generations, by the scalar kernel.

    .venv/bin/python tools/make_bits.py

Run it only when the definition of the arithmetic changes on purpose, and say so in the changelog.
"""

import asyncio
import json
import sys
from pathlib import Path

import bitnet

PROJECT = Path(__file__).resolve().parents[1]
GOLDEN = PROJECT / "tests" / "golden"
sys.path.insert(0, str(PROJECT / "tests" / "unit"))

from bits import measure  # noqa: E402 - found through the line above

MAX_TOKENS = 48
LONG_TOKENS = 200  # more than a dozen slices of prefill


async def make() -> dict[str, object]:
    """Every prompt of the golden data, and a long one made of all of them."""
    prompts = [
        entry["prompt_ids"]
        for entry in json.loads((GOLDEN / "tiny-tales.golden.json").read_text())["prompts"]
    ]
    long_prompt = [token for prompt in prompts for token in prompt][:LONG_TOKENS]
    model_file = PROJECT / "models" / "tiny-tales" / "bitnet-tiny-i2_s.gguf"
    async with await bitnet.load(model_file, kernel="scalar") as model:
        measured = [await measure(model, prompt, max_tokens=MAX_TOKENS) for prompt in [*prompts, long_prompt]]
        return {"model": model_file.name, "kernel": model.info.kernel, "prompts": measured}


if __name__ == "__main__":
    text = json.dumps(asyncio.run(make()), separators=(",", ":")).replace('{"prompt_ids"', '\n{"prompt_ids"')
    (GOLDEN / "tiny-tales.bits.json").write_text(text + "\n")
