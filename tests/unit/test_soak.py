"""Models come and go for long in one process; see soak.py."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import bitnet
import pytest
from worlds import needs_processes

pytestmark = needs_processes
FaultServer = pytest.importorskip("fault_server", reason="no sockets here").FaultServer
soak = pytest.importorskip("soak", reason="no processes here")

PROJECT = Path(__file__).resolve().parents[2]
SOAK = PROJECT / "tests/soak.py"
#: What is freed leaves the process at once, instead of staying with the allocator of one thread or another.
AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
#: What threads and the interpreter's own caches add now and then; a forgotten model would be 1.7 MB a cycle.
MOST_GROWTH_BYTES = 1_500_000


def test_the_memory_of_a_process_does_not_grow(tmp_path: Path) -> None:
    files = soak.files(PROJECT)
    sha256 = hashlib.sha256(files["first.gguf"]).hexdigest()
    search = os.pathsep.join([str(Path(bitnet.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with FaultServer(files) as server:
        seen = json.loads(
            subprocess.check_output(
                [sys.executable, str(SOAK), server.address, sha256, str(tmp_path), str(soak.N_CYCLES)],
                env=os.environ | {"PYTHONPATH": search} | AT_ONCE,
                text=True,
            )
        )
    print(f"\nresident after each cycle, MB: {[round(n_bytes / 1e6, 1) for n_bytes in seen]}")
    assert soak.growth(seen) < MOST_GROWTH_BYTES
