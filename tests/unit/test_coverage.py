"""docs/coverage.md says what the tests are, not what somebody once wrote."""

import subprocess
import sys
from pathlib import Path

from worlds import needs_processes

PROJECT = Path(__file__).resolve().parents[2]


@needs_processes
def test_the_page_of_what_is_tested_is_made_of_the_tests() -> None:
    command = [sys.executable, "tools/make_coverage.py", "--check"]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
