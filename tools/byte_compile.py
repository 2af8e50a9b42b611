"""Byte-compile the modules in zip archives (standard library, wheels), in the Pyodide that will load them.

    node tools/pyodide_run.mjs tools/byte_compile.py TARGET_FOLDER ARCHIVE...

Stock Pyodide compiles its standard library anew at every start; with this one a page starts in under half
the time.
The same archive gives the same bytes: fixed dates, sorted names, and hashes in place of time stamps.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import py_compile
import sys
import tempfile
import zipfile
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
STDLIB = f"/lib/python{PYTHON.replace('.', '')}.zip"
SITE_PACKAGES = f"/lib/python{PYTHON}/site-packages"


def compiled(name: str, source: bytes, location: str) -> bytes:
    """The .pyc of one module; *location* is the folder that tracebacks will name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "module.py"
        path.write_bytes(source)
        target = py_compile.compile(
            str(path),
            cfile=f"{path}c",
            dfile=f"{location}/{name}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        assert target is not None  # doraise
        return Path(target).read_bytes()


def record(files: dict[str, bytes], name: str) -> bytes:
    """A wheel's RECORD anew: the name, SHA-256 and size of each file, and of itself only the *name*."""
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    for file, data in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        writer.writerow([file, f"sha256={digest}", len(data)])
    writer.writerow([name, "", ""])
    return rows.getvalue().encode()


def compile_archive(source: Path, target: Path) -> None:
    """Write *source* to *target* with a sourceless .pyc in place of each .py."""
    location = SITE_PACKAGES if source.suffix == ".whl" else STDLIB
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            data = archive.read(entry)
            if entry.filename.endswith(".py"):
                files[f"{entry.filename}c"] = compiled(entry.filename, data, location)
            else:
                files[entry.filename] = data
    for name in [file for file in files if file.endswith(".dist-info/RECORD")]:
        del files[name]
        files[name] = record(files, name)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED, 9)


def main() -> None:
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for source in map(Path, sys.argv[2:]):
        compile_archive(source, target / source.name)


if __name__ == "__main__":
    main()
