"""The command as a person runs it: every command, and every kind of bad input."""

import ast
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import bitnet
import pytest
from splitting import split
from worlds import needs_processes

pytestmark = needs_processes

PROJECT = Path(__file__).resolve().parents[2]
GOLDEN = PROJECT / "tests" / "golden"
SEEDED = GOLDEN / "dev-bitnet158-i2s.gguf"


def run(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``bitnet`` with *arguments* in a process of its own."""
    search = os.pathsep.join([str(Path(bitnet.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "bitnet", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": search},
        check=False,
    )


def output(*arguments: object, stdin: str = "") -> str:
    """What a command that must succeed prints."""
    done = run(*arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_generate_prints_the_text() -> None:
    text = output("generate", "tiny-tales", "--prompt", "Hello!", "--chat", "--temperature", 0)
    assert text == "Hello! What can I do for you?\n"


def test_generate_as_json_holds_ids_text_reason_and_timings() -> None:
    entry = json.loads((GOLDEN / "tiny-tales.golden.json").read_text())["prompts"][0]
    ids = ",".join(map(str, entry["prompt_ids"]))
    for kernel in ([], ["--kernel", "scalar"]):
        answer = json.loads(
            output("generate", "tiny-tales", "--ids", ids, "--temperature", 0, "--json", *kernel)
        )
        assert answer.keys() == {"prompt_ids", "ids", "text", "stop_reason", "timings"}
        assert answer["prompt_ids"] == entry["prompt_ids"]
        assert answer["text"] == entry["greedy_text"]
        assert answer["ids"] == entry["greedy_ids"]
        assert answer["stop_reason"] == "end"
        timings = answer["timings"]
        names = {"load_ms", "prefill_tokens", "prefill_ms", "decode_tokens", "decode_ms", "scored_rows"}
        assert timings.keys() == names
        assert timings["prefill_tokens"] == len(entry["prompt_ids"])
        assert all(value > 0 for value in timings.values())


def test_the_seed_and_the_length_are_kept() -> None:
    command = ["generate", "tiny-tales", "--prompt", "Once upon", "-n", 12, "--seed", 7, "--temperature", 1.2]
    first = json.loads(output(*command, "--json", "--top-k", 50, "--top-p", 0.99, "--min-p", 0.001))
    again = json.loads(output(*command, "--json", "--top-k", 50, "--top-p", 0.99, "--min-p", 0.001))
    assert len(first["ids"]) == 12
    assert first["stop_reason"] == "length"
    assert (first["ids"], first["text"]) == (again["ids"], again["text"])


def test_logits_are_a_numpy_file(tmp_path: Path) -> None:
    path = tmp_path / "logits.npy"
    assert output("logits", SEEDED, "--ids", "1,2,3", "--out", path) == ""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (header_bytes,) = struct.unpack("<H", data[8:10])
    assert (10 + header_bytes) % 64 == 0
    header = ast.literal_eval(data[10 : 10 + header_bytes].decode())
    assert header == {"descr": "<f4", "fortran_order": False, "shape": (3, 2048)}
    assert len(data) == 10 + header_bytes + 4 * 3 * 2048


def test_numpy_reads_the_logits(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "logits.npy"
    output("logits", SEEDED, "--ids", "5,6", "--out", path)
    rows = numpy.load(path)
    assert rows.shape == (2, 2048)
    assert rows.dtype == numpy.float32
    assert numpy.isfinite(rows).all()


def test_tokenize_and_detokenize_are_inverse() -> None:
    text = "Über den Wölken … 你好 🚀<|eot_id|>"
    ids = output("tokenize", SEEDED, "--text", text).strip()
    assert output("detokenize", SEEDED, "--ids", ids, "--special") == f"<|begin_of_text|>{text}\n"
    assert output("detokenize", SEEDED, "--ids", ids) == text.removesuffix("<|eot_id|>") + "\n"
    plain = output("tokenize", SEEDED, "--text", text, "--no-special").strip()
    assert output("detokenize", SEEDED, "--ids", plain) == text + "\n"
    answer = json.loads(output("tokenize", SEEDED, "--text", text, "--json"))
    assert ",".join(map(str, answer["ids"])) == ids
    assert answer["pieces"][-1] == "<|eot_id|>"


def test_inspect_says_what_a_model_is() -> None:
    text = output("inspect", "tiny-tales", "--tensors")
    for expected in ("bitnet-b1.58", "40,407,552", "llama-bpe", "blk.11.ffn_down.weight", "I2_S"):
        assert expected in text
    answer = json.loads(output("inspect", "tiny-tales", "--json"))
    assert (answer["architecture"], answer["n_ctx_train"], answer["n_tensors"]) == ("bitnet-b1.58", 1024, 134)
    assert "tensors" not in answer
    assert len(json.loads(output("inspect", "tiny-tales", "--json", "--tensors"))["tensors"]) == 134


def test_inspect_counts_the_weights_of_ternary_tensors() -> None:
    lines = output("inspect", "tiny-tales", "--weights").splitlines()
    assert sum(line.startswith("  blk.") for line in lines) == 84
    assert any(line.startswith("types") and "I2_S: 9,439,872 bytes in 84" in line for line in lines)
    counts = json.loads(output("inspect", "tiny-tales", "--json", "--weights"))["weight_counts"]
    assert sum(each["minus"] + each["zero"] + each["plus"] for each in counts) == 37_748_736
    assert counts[0]["layer"] == 0


def test_inspect_says_what_the_context_costs() -> None:
    lines = output("inspect", "tiny-tales", "--context", 256).splitlines()
    assert "context       256 of 1,024 positions" in lines
    assert "KV cache      f16, 3,145,728 bytes; each 1,024 positions take 12,582,912" in lines
    lines = output("inspect", "tiny-tales", "--context", 256, "--kv", "int8").splitlines()
    assert "KV cache      int8, 1,671,168 bytes; each 1,024 positions take 6,684,672" in lines
    answer = json.loads(output("inspect", "tiny-tales", "--json"))
    assert (answer["context_length"], answer["kv_bytes_per_1024_positions"]) == (1024, 12_582_912)


def test_the_oddities_of_a_model_file_are_warnings(tmp_path: Path) -> None:
    data = SEEDED.read_bytes()
    assert data.count(b"tokenizer.ggml.pre") == 1
    path = tmp_path / "odd.gguf"
    path.write_bytes(data.replace(b"tokenizer.ggml.pre", b"tokenizer.ggml.prx"))
    warnings = run("inspect", path).stderr.splitlines()
    assert any("tokenizer.ggml.pre is missing" in line for line in warnings)
    assert any('token 2036, "<|eot_id|>", is taken as one because of its text' in line for line in warnings)
    assert all(line.startswith("warning: ") for line in warnings)


def test_a_chat_template_is_chosen_by_name_or_file(tmp_path: Path) -> None:
    path = tmp_path / "own.jinja"
    path.write_text("{% for m in messages %}User: {{ m.content }}<|eot_id|>{% endfor %}Assistant: ")
    command = ["generate", "tiny-tales", "--prompt", "Hi", "--chat", "--temperature", 0, "-n", 3, "--json"]
    usual, named, own = (
        json.loads(output(*command, *more))["prompt_ids"]
        for more in ([], ["--chat-template", "bitnet-2b"], ["--chat-template", path])
    )
    assert named == own
    assert named != usual
    assert output("chat", "tiny-tales", "--chat-template", path, "-n", 3, stdin="Hi\n")


def test_a_chat_template_that_does_not_end_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "endless.jinja"
    path.write_text("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
    command = ["generate", "tiny-tales", "--prompt", "Hello!", "--chat", "--temperature", 0]
    done = run(*command, "--chat-template", path)
    assert done.stdout == output(*command)
    assert done.stderr.startswith("warning: The chosen chat template cannot be used (it works without end")
    assert done.stderr.count("\n") == 1


def test_the_first_part_of_a_split_model_is_enough(tmp_path: Path) -> None:
    for number, part in enumerate(split(SEEDED.read_bytes(), 2), 1):
        (tmp_path / f"model-{number:05}-of-00002.gguf").write_bytes(part)
    command = ["--ids", "1,2,3", "--temperature", 0, "-n", 8]
    expected = output("generate", SEEDED, *command)
    assert output("generate", tmp_path / "model-00001-of-00002.gguf", *command) == expected
    (tmp_path / "model-00002-of-00002.gguf").unlink()
    assert_one_sentence(run("generate", tmp_path / "model-00001-of-00002.gguf", *command), "00002-of-00002")


def test_chat_answers_line_by_line_and_remembers() -> None:
    text = output("chat", "tiny-tales", "--temperature", 0, stdin="My name is Anna.\n\nWhat is my name?\n")
    assert text.splitlines()[-1].count("Anna") == 1
    assert len(text.splitlines()) == 2


def test_chat_goes_on_after_a_message_that_is_too_long() -> None:
    done = run("chat", "tiny-tales", "--temperature", 0, stdin="word " * 2000 + "\nHello!\n")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "the context holds 1,024 positions" in done.stderr
    assert done.stdout == "Hello! What can I do for you?\n"


@pytest.fixture
def bad_files(tmp_path: Path) -> Path:
    """A folder of files that are no models that this core can run."""
    data = SEEDED.read_bytes()
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "cut-in-the-header.gguf").write_bytes(data[:5000])
    (tmp_path / "cut-in-a-tensor.gguf").write_bytes(data[:-100_000])
    (tmp_path / "wrong-magic.gguf").write_bytes(b"FUGG" + data[4:])
    (tmp_path / "text.gguf").write_text("Once upon a time there was a text file.\n" * 100)
    (tmp_path / "unknown-architecture.gguf").write_bytes(data.replace(b"bitnet-b1.58", b"bitnet-b9.99"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty.gguf", "0 bytes|empty|ended|truncated"),
        ("cut-in-the-header.gguf", "damaged|truncated"),
        ("cut-in-a-tensor.gguf", "truncated|ended|bytes"),
        ("wrong-magic.gguf", "not a GGUF"),
        ("text.gguf", "not a GGUF"),
        ("unknown-architecture.gguf", "bitnet-b9.99"),
        ("missing.gguf", "Nothing was found at .*missing.gguf"),
        (".", "cannot be read"),
    ],
)
def test_a_bad_file_is_one_line_and_status_1(bad_files: Path, name: str, words: str) -> None:
    assert_one_sentence(run("generate", bad_files / name, "--prompt", "Hi"), words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", SEEDED, "--prompt", "Hi", "--context-length", 4, "--chat"], "holds 4 positions"),
        (["generate", SEEDED, "--ids", "1,2,999999"], "999999 is not a token"),
        (["generate", SEEDED, "--prompt", "Hi", "--kernel", "avx1024"], "avx1024.*scalar"),
        (["generate", SEEDED, "--prompt", "Hi", "--temperature", "-1"], "Temperature is -1"),
        (["logits", SEEDED, "--ids", "1", "--out", "/nowhere/logits.npy"], "/nowhere/logits.npy"),
        (["detokenize", SEEDED, "--ids", "-1"], "-1 is not a token"),
        (["inspect", "no-such-model"], "no model 'no-such-model'.*tiny-tales"),
        (["chat", SEEDED, "--chat-template", "vicuna"], "vicuna cannot be read .*chatml"),
        (["inspect", "http://127.0.0.1:9/model.gguf"], "cannot be reached"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line_and_status_1(arguments: list[object], words: str) -> None:
    assert_one_sentence(run(*arguments), words)


def assert_one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("bitnet: ")
    assert done.stderr.count("\n") == 1
    assert re.search(words, done.stderr), done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["generate", "tiny-tales"],
        ["generate", "tiny-tales", "--prompt", "Hi", "--ids", "1"],
        ["generate", "tiny-tales", "--ids", "one,two"],
        ["generate", "tiny-tales", "--ids", "1,2", "--chat"],
        ["generate", "tiny-tales", "--prompt", "Hi", "--chat-template", "chatml"],
        ["generate", "tiny-tales", "--prompt", "Hi", "--threads", "two"],
        ["logits", "tiny-tales", "--ids", "1"],
        ["tokenize", "tiny-tales"],
        ["inspect"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage: bitnet" in done.stderr
