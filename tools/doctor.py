"""Say what this machine has of what the project needs, and how to get the rest; needs nothing installed.

python3 tools/doctor.py     exit code 1 if something is missing that make cannot fetch by itself
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED_FREE_BYTES = 3 << 30


@dataclass(frozen=True)
class Finding:
    """One line of the report; *remedy* is empty when all is well."""

    what: str
    found: str
    remedy: str = ""
    fetched_by_make: bool = False


def output(*command: str) -> str:
    """The first line that a program prints, "" if it cannot run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.splitlines() or [""])[0]


def program(what: str, names: tuple[str, ...], remedy: str, option: str = "--version") -> Finding:
    """A program under the first of *names* that is on PATH."""
    path = next((found for name in names if (found := shutil.which(name))), None)
    return Finding(what, output(path, option) or path) if path else Finding(what, "not found", remedy)


def python() -> Finding:
    found = sys.version.split()[0]
    return Finding(
        "Python 3.11+", found, "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer"
    )


def venv() -> Finding:
    done = subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True, check=False)
    if done.returncode == 0:
        return Finding("Python's venv", "present")
    return Finding("Python's venv", "not found", "install python3-venv")


def fetched(what: str, path: Path, target: str) -> Finding:
    """Something that make fetches when it is needed."""
    if path.exists():
        return Finding(what, str(path.relative_to(ROOT)))
    return Finding(what, "not fetched yet", f"'make {target}' fetches it", fetched_by_make=True)


def emcc() -> Finding:
    finder = subprocess.run(
        [ROOT / "emscripten/find_emcc.sh", ROOT / ".toolchain", "--no-fetch"],
        capture_output=True,
        text=True,
        check=False,
    )
    if finder.returncode == 0:
        path = (ROOT / ".toolchain/emcc.path").read_text(encoding="utf-8").strip()
        return Finding("Emscripten", output(path, "--version") or path)
    fetchable = not os.environ.get("EMCC")
    return Finding(
        "Emscripten", "not found", finder.stderr.strip().splitlines()[-1], fetched_by_make=fetchable
    )


def browser(what: str, variable: str, names: tuple[str, ...], package: str) -> Finding:
    if named := os.environ.get(variable):
        names = (named,)
    return program(
        f"{what} (for make test)",
        names,
        f"apt-get install {package}, or .venv/bin/playwright install {what.lower()}",
    )


def disk() -> Finding:
    free = shutil.disk_usage(ROOT).free
    enough = free >= NEEDED_FREE_BYTES
    return Finding(
        "free disk space",
        f"{free / 1e9:.1f} GB",
        "" if enough else f"{NEEDED_FREE_BYTES / 1e9:.1f} GB are needed",
    )


def main() -> None:
    findings = [
        python(),
        venv(),
        program("C++ compiler", (os.environ.get("CXX", "c++"), "g++", "clang++"), "apt-get install g++"),
        program("git", ("git",), "apt-get install git"),
        fetched("Python tools", ROOT / ".venv/.complete", "lint"),
        fetched("Node 24", ROOT / ".toolchain/node/bin/node", "build"),
        fetched("npm packages", ROOT / "node_modules/.complete", "build"),
        emcc(),
        fetched("doctest", ROOT / ".toolchain/doctest/.complete", "doctest"),
        browser("Chromium", "CHROMIUM", ("chromium", "chromium-browser", "google-chrome"), "chromium"),
        browser("Firefox", "FIREFOX", ("firefox-esr", "firefox"), "firefox-esr"),
        disk(),
    ]
    for finding in findings:
        mark = "ok     " if not finding.remedy else "later  " if finding.fetched_by_make else "MISSING"
        print(f"{mark} {finding.what}: {finding.found}{f' - {finding.remedy}' if finding.remedy else ''}")
    if any(finding.remedy and not finding.fetched_by_make for finding in findings):
        sys.exit(1)


if __name__ == "__main__":
    main()
