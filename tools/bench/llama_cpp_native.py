"""llama.cpp built for this machine, through llama-cpp-python, in the Python that has it: on one thread."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROMPT_TOKENS = 128


class LlamaCpp:
    """*python* has llama-cpp-python, which need not be the one that runs the benchmark."""

    def __init__(self, python: str, model: Path) -> None:
        self._command = [python, __file__, str(model)]

    def measure(self, n_tokens: int) -> dict[str, Any]:
        """A prompt of 128 tokens, and the tokens after it.

        Raises:
            RuntimeError: It failed.
        """
        done = subprocess.run([*self._command, str(n_tokens)], capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise RuntimeError(
                f"{self._command[0]} gave no speeds (its last line: {last}): run `make reference` once."
            )
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures


def main(model: str, n_tokens: str) -> None:
    from llama_cpp import Llama

    llama = Llama(model, n_ctx=512, n_threads=1, n_threads_batch=1, verbose=False)
    clock = time.perf_counter()
    llama.eval(list(range(1000, 1000 + PROMPT_TOKENS)))
    prefill_s = time.perf_counter() - clock
    times = []
    for token in range(int(n_tokens)):
        clock = time.perf_counter()
        llama.eval([2000 + token])
        times.append(time.perf_counter() - clock)
    print(json.dumps({"token_ms": 1000 * min(times), "prefill_tokens_per_s": PROMPT_TOKENS / prefill_s}))


if __name__ == "__main__":
    main(*sys.argv[1:])
