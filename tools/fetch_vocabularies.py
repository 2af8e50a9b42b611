"""Fetch llama.cpp's vocabularies and what it says of some texts, which the tests compare the tokenizer with.

They lie in llama.cpp's repository, and so in the source distribution of llama-cpp-python (77 MB). Only the
files ggml-vocab-* of it are kept; nothing of it is built.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

PACKAGE = "llama-cpp-python"
FOLDER = PurePosixPath("vendor/llama.cpp/models")
PREFIX = "ggml-vocab-"


def download(version: str, folder: Path) -> Path:
    """The source distribution, in *folder*."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    what = ["--no-deps", "--no-binary", PACKAGE, "--dest", str(folder), f"{PACKAGE}=={version}"]
    if subprocess.run([*pip, *what], check=False).returncode != 0:
        sys.exit(f"pip could not download {PACKAGE} {version}: see above, and try again with a network.")
    return next(folder.glob("*.tar.gz"))


def extract(archive: Path, folder: Path) -> int:
    """Put every file of a vocabulary into *folder*, and return how many there were."""
    n_files = 0
    with tarfile.open(archive) as files:
        for member in files:
            path = PurePosixPath(member.name)
            content = files.extractfile(member)  # None for what is no file
            wanted = path.name.startswith(PREFIX) and path.parent.as_posix().endswith(str(FOLDER))
            if wanted and content is not None:
                (folder / path.name).write_bytes(content.read())
                n_files += 1
    return n_files


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("version", help=f"of {PACKAGE}")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        archive = download(arguments.version, Path(temporary))
        n_files = extract(archive, arguments.folder)
    if n_files == 0:
        sys.exit(f"{archive.name} holds no {FOLDER}/{PREFIX}*: choose another LLAMA_CPP_PYTHON_VERSION.")
    print(f"  {n_files} files of vocabularies in {arguments.folder}")


if __name__ == "__main__":
    main()
