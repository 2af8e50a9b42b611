"""Byte-compile the modules in zip archives (standard library, wheels), in the Pyodide that will load them.

    node tools/pyodide_run.mjs tools/byte_compile.py TARGET_FOLDER ARCHIVE...

Stock Pyodide compiles its standard library anew at every start; with this one a page starts in under half
the time. The download is half of what it would be: no docstrings and assertions (python -OO), no columns in
tracebacks, and of the standard library only what a page can use.
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

#: Modules of the standard library that need processes, listening sockets, a terminal, a developer, or a part
#: of Pyodide that the bundle does not have. A page that wants one takes Pyodide's own standard library.
LEFT_OUT = set(
    """
    __hello__ __phello__ _pyio _pyrepl antigravity bdb cProfile cmd code compileall
    concurrent.futures.process ctypes._aix ctypes.macholib ctypes.wintypes doctest fileinput ftplib
    getpass http.server imaplib logging.handlers mailbox modulefinder multiprocessing nturl2path
    optparse pdb pickletools poplib profile pstats pty pyclbr pydoc rlcompleter sched shelve smtplib
    socketserver sqlite3 sre_compile sre_constants sre_parse symtable tabnanny this timeit trace tty
    unittest wave webbrowser wsgiref xmlrpc zipapp
    """.split()  # noqa: SIM905 - sixty names are read more easily so
)


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
            optimize=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        assert target is not None  # doraise
        return Path(target).read_bytes()


def is_left_out(name: str) -> bool:
    """Whether the file *name* of the standard library belongs to a module or package of ``LEFT_OUT``."""
    parts = name.removesuffix(".py").split("/")
    return any(".".join(parts[:length]) in LEFT_OUT for length in range(1, len(parts) + 1))


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
    is_wheel = source.suffix == ".whl"
    location = SITE_PACKAGES if is_wheel else STDLIB
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or (not is_wheel and is_left_out(entry.filename)):
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
