"""Write pyodide-lock.json: the packages of the bundle by name, with relative paths, hashes and dependencies.

PyPI's pyodide-lock refuses the tags of ABI 2026_0, and the file is small: see
docs/decisions/0014-own-lock-file.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterable
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any


def normalised(name: str) -> str:
    """A distribution's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def metadata(wheel: zipfile.ZipFile) -> Message:
    """The METADATA of a wheel."""
    path = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(wheel.read(path).decode())


def imports(wheel: zipfile.ZipFile) -> list[str]:
    """The top-level modules and packages that a wheel brings."""
    tops = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    return sorted(re.sub(r"\.pyc?$", "", top) for top in tops)


def entry(path: Path, base: Path) -> dict[str, Any]:
    """The lock's entry for the wheel at *path*, which lies somewhere below *base*."""
    with zipfile.ZipFile(path) as wheel:
        fields = metadata(wheel)
        required = fields.get_all("Requires-Dist", [])
        depends = [
            re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0] for line in required if "extra ==" not in line
        ]
        return {
            "name": normalised(fields["Name"]),
            "version": fields["Version"],
            "file_name": path.relative_to(base).as_posix(),
            "install_dir": "site",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "package_type": "package",
            "imports": imports(wheel),
            "depends": [normalised(name) for name in depends],
            "unvendored_tests": False,
        }


def lock(wheels: Iterable[Path], base: Path, stock: Path) -> str:
    """The text of the lock file; *stock* is the one of Pyodide, which says what it was built for.

    Raises:
        ValueError: A wheel depends on something that is not among *wheels*.
    """
    packages = {package["name"]: package for package in (entry(path, base) for path in sorted(wheels))}
    for package in packages.values():
        if missing := [name for name in package["depends"] if name not in packages]:
            raise ValueError(
                f"{package['name']} depends on {', '.join(missing)}, which the bundle lacks: add its wheel"
            )
    info = json.loads(stock.read_text(encoding="utf-8"))["info"]
    return json.dumps({"info": info, "packages": packages}, indent=1, sort_keys=True) + "\n"
