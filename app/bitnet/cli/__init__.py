"""The command ``bitnet``: what it accepts, and how it ends.

Exit status 0: done. 1: one sentence on standard error says what was wrong. 2: wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import bitnet
from bitnet.bench import CONTEXTS, REPEATS
from bitnet.cli import commands, store
from bitnet.cli.terminal_chat import chat
from bitnet.errors import BitNetError
from bitnet.formats import FORMATS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if getattr(options, "ids", None) is not None and getattr(options, "chat", False):
        parser.error("--chat needs words: give --prompt instead of --ids")
    if options.run is commands.generate and options.chat_template and not options.chat:
        parser.error("--chat-template needs --chat: without it the prompt is taken as it is")
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells say it
    except (BitNetError, OSError) as error:
        print(f"bitnet: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def _ids(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of ids such as 1,2,3") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bitnet", description="Run BitNet b1.58 models on this machine's CPU."
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "model",
        metavar="MODEL",
        help="path, URL, OWNER/REPO[:FILE] of Hugging Face, name of the catalogue such as tiny-tales, or "
        "title of a stored model; of a split model the first part",
    )
    shared.add_argument("--kernel", help="name of a kernel set, such as scalar (default: the fastest)")
    shared.add_argument("--threads", type=int, default=1, help="threads that share the work (default: 1)")
    shared.add_argument(
        *("--context", "--context-length"),
        type=int,
        dest="context_length",
        metavar="N",
        help="positions of the KV cache (default: the model's, at most 4096); see `bitnet inspect`",
    )
    shared.add_argument(
        "--kv",
        choices=bitnet.KV_PRECISIONS,
        default="f16",
        help="precision of the KV cache: int8 takes half the memory and is a little less exact (f16)",
    )
    shared.add_argument(
        "--profile",
        choices=bitnet.PROFILES,
        default="fast",
        help="lean does without the copy of the output head that makes choosing a token faster (fast)",
    )
    sampling = argparse.ArgumentParser(add_help=False)
    sampling.add_argument("-n", "--max-tokens", type=int, default=256, metavar="N", help="at most (256)")
    sampling.add_argument("--temperature", type=float, default=0.7, metavar="T", help="0 is greedy (0.7)")
    sampling.add_argument("--top-k", type=int, default=40, metavar="K", help="0 is off (40)")
    sampling.add_argument("--top-p", type=float, default=0.95, metavar="P", help="1 is off (0.95)")
    sampling.add_argument("--min-p", type=float, default=0.0, metavar="P", help="0 is off (0)")
    sampling.add_argument("--repeat-penalty", type=float, default=1.0, metavar="R", help="1 is off (1)")
    sampling.add_argument("--seed", type=int, metavar="S", help="same seed, same text (default: a new one)")
    dialogue = argparse.ArgumentParser(add_help=False)
    dialogue.add_argument(
        "--chat-template",
        metavar="FILE|NAME",
        help=f"a file with a Jinja2 template, or one of {', '.join(FORMATS)} (default: the model's own)",
    )
    command = parser.add_subparsers(required=True, metavar="COMMAND")

    talk = command.add_parser("chat", parents=[shared, sampling, dialogue], help="talk in the terminal")
    talk.add_argument("--system", metavar="TEXT", help="a first message that sets the tone")
    talk.set_defaults(run=chat)

    generate = command.add_parser("generate", parents=[shared, sampling, dialogue], help="continue a prompt")
    prompt = generate.add_mutually_exclusive_group(required=True)
    prompt.add_argument("--prompt", metavar="TEXT")
    prompt.add_argument("--ids", type=_ids, metavar="1,2,3")
    generate.add_argument("--chat", action="store_true", help="put the prompt into the model's chat format")
    generate.add_argument("--json", action="store_true", help="one object with ids, text and timings")
    generate.set_defaults(run=commands.generate)

    logits = command.add_parser("logits", parents=[shared], help="write the logits of every position")
    logits.add_argument("--ids", type=_ids, required=True, metavar="1,2,3")
    logits.add_argument("--out", required=True, metavar="FILE.npy", help="float32 [n_tokens, n_vocab]")
    logits.set_defaults(run=commands.logits)

    tokenize = command.add_parser("tokenize", parents=[shared], help="text to ids")
    tokenize.add_argument("--text", required=True)
    tokenize.add_argument(
        "--no-special", action="store_true", help="no BOS, and no control tokens in the text"
    )
    tokenize.add_argument("--json", action="store_true", help="ids and the text of each")
    tokenize.set_defaults(run=commands.tokenize)

    detokenize = command.add_parser("detokenize", parents=[shared], help="ids to text")
    detokenize.add_argument("--ids", type=_ids, required=True, metavar="1,2,3")
    detokenize.add_argument("--special", action="store_true", help="write control tokens by name")
    detokenize.set_defaults(run=commands.detokenize)

    inspect = command.add_parser("inspect", parents=[shared], help="what a model file holds and will need")
    inspect.add_argument("--json", action="store_true")
    inspect.add_argument("--tensors", action="store_true", help="list every tensor too")
    inspect.add_argument("--weights", action="store_true", help="count -1, 0 and +1 in every ternary tensor")
    inspect.set_defaults(run=commands.inspect)

    bench = command.add_parser("bench", parents=[shared], help="how fast prompts and answers are here")
    bench.add_argument("--json", action="store_true", help="every repeat, as one object")
    bench.add_argument("--contexts", type=_ids, default=CONTEXTS, metavar="128,512", help="(128,512,2048)")
    bench.add_argument("--repeats", type=int, default=REPEATS, metavar="N", help=f"({REPEATS})")
    bench.set_defaults(run=commands.bench)

    pull = command.add_parser("pull", help="fetch a model and keep it; goes on where it was stopped")
    pull.add_argument("name", metavar="NAME|URL|OWNER/REPO[:FILE]")
    pull.set_defaults(run=store.pull)

    listing = command.add_parser("list", help="the stored models, used last first")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=store.list_models)

    remove = command.add_parser("rm", help="delete a stored model")
    remove.add_argument("name", metavar="NAME|URL|OWNER/REPO[:FILE]|TITLE")
    remove.set_defaults(run=store.remove)
    return parser
