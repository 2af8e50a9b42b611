"""Run by smoke.mjs inside Pyodide; its last expression is the line that the build prints.

Beyond a margin of 0.5 between the two best logits the golden ids, made by another program, are certain;
so from each prompt the leading tokens with such a margin are decoded and compared, and the ids of every
prompt's text.
"""

import json
from itertools import takewhile
from pathlib import Path

import micropip

MARGIN = 0.5


async def check(wheel: str) -> str:
    """Install *wheel*, load the embedded model, compare with the golden file; what was compared.

    Raises:
        AssertionError: A token differs.
    """
    await micropip.install(wheel)
    import bitnet

    golden = json.loads(Path("/golden/tiny-tales.golden.json").read_text(encoding="utf-8"))
    compared = 0
    async with await bitnet.load(Path("/dist/models/tiny-tales/bitnet-tiny-i2_s.gguf").read_bytes()) as model:
        for prompt in golden["prompts"]:
            ids = model.tokenize(prompt["prompt"], add_special=False)
            assert ids == prompt["prompt_ids"], f"tokenised to {ids}, golden are {prompt['prompt_ids']}"
            n_sure = sum(1 for _ in takewhile(lambda margin: margin > MARGIN, prompt["margins"]))
            if not n_sure:
                continue
            expected = prompt["greedy_ids"][:n_sure]
            decoded = [token.id async for token in model.generate(ids, max_tokens=n_sure, temperature=0)]
            assert decoded == expected, f"decoded {decoded}, golden are {expected}"
            compared += len(expected)
        assert compared, "the golden file holds no token beyond the margin"
        return f"smoke test: {compared} greedy tokens equal the golden ones ({model.info.kernel}, in Pyodide)"


await check(wheel)  # noqa: F704, F821  # type: ignore
