"""What each command does; ``chat`` has a file of its own."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import bitnet
from bitnet import inspection
from bitnet.cli import npy
from bitnet.cli.meter import Meter
from bitnet.errors import BadArgument
from bitnet.formats import FORMATS
from bitnet.prompt import encode_chat
from bitnet.records import MEMORY_PARTS

SHOWN_ABOVE_BYTES = 100_000_000  # smaller models are there before a line could be read


async def open_model(options: argparse.Namespace) -> bitnet.Model:
    """The model that the command names; one that is not stored is fetched, and not kept."""
    with Meter(options.model, only_above_bytes=SHOWN_ABOVE_BYTES) as meter:
        return await bitnet.load(
            options.model,
            kernel=options.kernel,
            ranks=options.threads,
            context_length=options.context_length,
            kv=options.kv,
            profile=options.profile,
            chat_template=chat_template(getattr(options, "chat_template", None)),
            on_progress=meter.show,
        )


def chat_template(given: str | None) -> str | None:
    """The text of a template: that of the file *given*, or *given* itself if it is a name."""
    if given is None or given in FORMATS:
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadArgument(
            f"The chat template {given} cannot be read ({getattr(error, 'strerror', None) or error}): "
            f"give a text file, or one of {', '.join(FORMATS)}."
        ) from None


def warn(warnings: Sequence[str]) -> None:
    """Say on standard error what is odd about a model."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def sampling(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of a generation, as ``Model.generate`` and ``Model.chat`` take them."""
    names = ("max_tokens", "temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed")
    return {name: getattr(options, name) for name in names}


def generate(options: argparse.Namespace) -> None:
    """Continue a prompt: text as it comes, or one JSON object at the end."""
    asyncio.run(_generate(options))


async def _generate(options: argparse.Namespace) -> None:
    clock = time.perf_counter()
    async with await open_model(options) as model:
        load_ms = 1000 * (time.perf_counter() - clock)
        if options.ids is not None:
            prompt_ids = options.ids
        elif options.chat:
            warn(model.template.warnings)
            prompt_ids = encode_chat([bitnet.Message("user", options.prompt)], model.template, model)
        else:
            prompt_ids = model.tokenize(options.prompt)
        stream = model.generate(prompt_ids, **sampling(options))
        ids = []
        async for token in stream:
            ids.append(token.id)
            if not options.json:
                print(token.text, end="", flush=True)
        if not options.json:
            print()
            return
        timings = {"load_ms": load_ms, **dataclasses.asdict(stream.timings)}
        answer = {"prompt_ids": prompt_ids, "ids": ids, "text": model.detokenize(ids)}
        print(json.dumps({**answer, "stop_reason": stream.stop_reason, "timings": timings}))


def logits(options: argparse.Namespace) -> None:
    """Write the logits of every position as a NumPy file."""
    asyncio.run(_logits(options))


async def _logits(options: argparse.Namespace) -> None:
    async with await open_model(options) as model:
        rows = await model.logits(options.ids)
        npy.write(Path(options.out), rows)


def tokenize(options: argparse.Namespace) -> None:
    """Print the ids of a text."""
    model = asyncio.run(open_model(options))
    special = not options.no_special
    ids = model.tokenize(options.text, add_special=special, parse_special=special)
    if options.json:
        native = model.engine.model  # its pieces keep their spaces, which a text of one token would lose
        pieces = [native.piece(token, special=True).decode(errors="replace") for token in ids]
        print(json.dumps({"ids": ids, "pieces": pieces}))
    else:
        print(",".join(map(str, ids)))
    model.close()


def detokenize(options: argparse.Namespace) -> None:
    """Print the text of ids."""
    model = asyncio.run(open_model(options))
    print(model.detokenize(options.ids, special=options.special))
    model.close()


def inspect(options: argparse.Namespace) -> None:
    """Say what a model is, what it needs, and what is odd about it."""
    asyncio.run(_inspect(options))


async def _inspect(options: argparse.Namespace) -> None:
    async with await open_model(options) as model:
        info, memory = model.info, model.memory()
        counts = [each async for each in model.count_weights()] if options.weights else []
    warn(info.warnings)
    if options.json:
        print(json.dumps(inspection.report(info, memory, counts, with_tensors=options.tensors)))
        return
    _print_facts(info, memory)
    if options.tensors:
        for tensor in info.raw["tensors"]:
            shape = " x ".join(map(str, tensor["shape"]))
            print(f"  {tensor['name']:32}{tensor['type']:8}{shape:20}{tensor['n_bytes']:>14,} bytes")
    for each in counts:
        shares = (100 * n / each.n_weights for n in (each.minus, each.zero, each.plus))
        minus, zero, plus = (f"{share:.2f} %" for share in shares)
        print(f"  {each.tensor:32}-1: {minus:>8}   0: {zero:>8}   +1: {plus:>8}")


def _print_facts(info: bitnet.ModelInfo, memory: Sequence[Mapping[str, int]]) -> None:
    tokenizer, tensors = info.raw["tokenizer"], info.raw["tensors"]
    rules = ", ".join(filter(None, (tokenizer["model"], tokenizer["pre"])))
    bytes_per_1024 = 1024 * info.raw["kv_bytes_per_position"][info.kv]
    used = {part.replace("_", " "): sum(rank[part] for rank in memory) for part in MEMORY_PARTS}
    lines = {
        "name": info.name,
        "architecture": info.architecture,
        "parameters": f"{info.n_params:,}",
        "shape": f"{info.n_layers} layers, {info.n_embd} wide, vocabulary of {info.n_vocab:,}",
        "context": f"{info.context_length:,} of {info.n_ctx_train:,} positions",
        "weights": f"{info.weights_bytes:,} bytes",
        "KV cache": f"{info.kv}, {info.kv_cache_bytes:,} bytes; each 1,024 positions take {bytes_per_1024:,}",
        "memory": ", ".join(f"{part} {n_bytes:,}" for part, n_bytes in used.items()),
        "kernels": info.kernel,
        "tokenizer": f"{rules}, ends with {tokenizer['end_ids']}",
        "tensors": f"{len(tensors)}, of which {info.raw['n_bit_linear']} run as BitLinear",
        "types": "; ".join(
            f"{use.type}: {use.n_bytes:,} bytes in {use.n_tensors}" for use in inspection.type_uses(tensors)
        ),
    }
    for name, value in lines.items():
        print(f"{name:14}{value}")


def bench(options: argparse.Namespace) -> None:
    """Say how many tokens per second a model reads and writes: medians, with the least and the most."""
    asyncio.run(_bench(options))


async def _bench(options: argparse.Namespace) -> None:
    async with await open_model(options) as model:
        measured = model.measure(contexts=options.contexts, repeats=options.repeats)
        speeds = [each async for each in measured][-1]
        info = model.info
    if options.json:
        facts = {"model": info.name, "kernel": info.kernel, "kv": info.kv, "cores": os.cpu_count()}
        print(json.dumps({**facts, "speeds": [each.to_json() for each in speeds]}))
        return
    for each in speeds:
        prompt, answer = (
            f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
            for values in (each.prefill, each.decode)
        )
        print(f"{each.context:>6} tokens: prompt {prompt}, answer {answer} tokens/s")
