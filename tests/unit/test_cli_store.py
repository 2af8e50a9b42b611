"""``bitnet pull``, ``list`` and ``rm`` as a person runs them, against a server that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bitnet
import pytest
from worlds import needs_processes

pytestmark = needs_processes
FaultServer = pytest.importorskip("fault_server", reason="no sockets here").FaultServer

MODEL = Path(__file__).resolve().parents[2] / "models" / "tiny-tales" / "bitnet-tiny-i2_s.gguf"
DATA = MODEL.read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with FaultServer({"tiny.gguf": DATA}) as faults:
        faults.repositories["maker/tiny-gguf"] = {"README.md": b"#", "tiny.gguf": DATA, "z.txt": b"z"}
        yield faults


class Command:
    """``bitnet`` with storage of its own, and with *server* in the place of Hugging Face."""

    def __init__(self, cache: Path, server: Any) -> None:
        search = os.pathsep.join([str(Path(bitnet.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        places = {"BITNET_CACHE": str(cache), "HF_ENDPOINT": server.address, "PYTHONPATH": search}
        self._environment = {**os.environ, **places}

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bitnet", *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, output, and what it said beside."""
        done = self.begin(*arguments)
        output, said = done.communicate(timeout=60)
        return done.returncode, output, said

    def stored(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = json.loads(self.run("list", "--json")[1])
        return answer


@pytest.fixture
def command(tmp_path: Path, server: Any) -> Command:
    return Command(tmp_path, server)


def test_pull_keeps_a_model_list_shows_it_it_answers_and_rm_deletes_it(command: Command, server: Any) -> None:
    status, output, said = command.run("pull", "maker/tiny-gguf")
    assert (status, said) == (0, f"tiny-gguf: {len(DATA):,} bytes, its SHA-256 is right\n")
    assert Path(output.strip()).read_bytes() == DATA
    assert "verified" in command.run("list")[1]
    server.repositories.pop("maker/tiny-gguf")  # nobody is asked any more
    question = ("--prompt", "Hello!", "--chat", "--temperature", "0")
    for name in ("tiny-gguf", "maker/tiny-gguf:tiny.gguf", "maker/tiny-gguf"):
        assert command.run("generate", name, *question)[1] == "Hello! What can I do for you?\n"
    assert command.run("rm", "tiny-gguf")[0] == 0
    assert command.stored() == []
    status, _, said = command.run("rm", "tiny-gguf")
    assert (status, said) == (
        1,
        "bitnet: No stored model is called tiny-gguf: `bitnet list` shows what there is.\n",
    )


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGKILL])
def test_a_pull_that_was_killed_goes_on(command: Command, server: Any, signal_sent: signal.Signals) -> None:
    path = f"/rate=8000000/nocors/{'a' * signal_sent}/tiny.gguf"
    pulling = command.begin("pull", f"{server.address}{path}")
    deadline = time.monotonic() + 30
    while not (stored := command.stored()) or not 9e6 > stored[0]["received_bytes"] > 8e6:
        assert time.monotonic() < deadline, "a chunk of 8 MiB has not been written down"
        assert pulling.poll() is None
    pulling.send_signal(signal_sent)
    pulling.communicate()
    [model] = command.stored()
    assert not model["complete"]
    status, output, _ = command.run("pull", f"{server.address}{path}")
    assert status == 0
    assert Path(output.strip()).read_bytes() == DATA
    begins = [request.begin for request in server.requests if request.path == path]
    assert begins == [None, model["received_bytes"]]


def test_pull_says_what_went_wrong_in_one_sentence(command: Command, server: Any) -> None:
    for name, sentence in {
        f"{server.address}/status=404,*/tiny.gguf": "Nothing was found",
        f"{server.address}/token=no/tiny.gguf": "give an access token",
        "tiny-tales": "is a file of this machine already",
        "no-such-name": "There is no model 'no-such-name'",
    }.items():
        status, output, said = command.run("pull", name)
        assert (status, output) == (1, "")
        assert said.startswith("bitnet: ")
        assert sentence in said
        assert said.count("\n") == 1
