"""Microsoft's bitnet.cpp, where the reader has built it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any


class BitnetCpp:
    """A program of bitnet.cpp that the reader has built: llama-bench, or llama-cli, told by its name."""

    def __init__(self, program: str, model: Path) -> None:
        self._program, self._model = program, model

    def measure(self, n_tokens: int) -> dict[str, Any]:
        """Run it once on one thread, with a prompt of 128 tokens.

        Raises:
            RuntimeError: It failed, or says no speed.
        """
        is_bench = "bench" in Path(self._program).name
        command = [self._program, "-m", str(self._model), "-t", "1", "-n", str(n_tokens)]
        command += ["-p", "128", "-r", "1", "-o", "json"] if is_bench else ["-p", "the " * 127, "-c", "512"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        figures = speeds_of_bench(done.stdout) if is_bench else speeds_of_log(done.stdout + done.stderr)
        if done.returncode or not figures:
            last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise RuntimeError(f"{self._program} gave no speeds (its last line: {last}): check BITNET_CPP.")
        return figures


def speeds_of_bench(output: str) -> dict[str, float]:
    """What llama-bench -o json says."""
    tests = json.loads(output) if output.strip().startswith("[") else []
    names = {True: "decode_tokens_per_s", False: "prefill_tokens_per_s"}
    return {names[test["n_gen"] > 0]: float(test["avg_ts"]) for test in tests}


def speeds_of_log(output: str) -> dict[str, float]:
    """What llama-cli's last lines say: "prompt eval time = ... tokens per second" and "eval time = ..."."""
    found = re.findall(r"(prompt )?eval time =.*?([\d.]+) tokens per second", output)
    return {f"{'prefill' if prompt else 'decode'}_tokens_per_s": float(speed) for prompt, speed in found}
