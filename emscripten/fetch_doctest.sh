#!/usr/bin/env bash
# Puts the header of doctest, the C++ test framework, into PREFIX: out of Debian's package, without root.
#   fetch_doctest.sh PREFIX     leaves PREFIX/usr/include/doctest/doctest.h
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/private_apt.sh"

mkdir -p "$1"
prefix=$(cd "$1" && pwd)
header=$prefix/usr/include/doctest/doctest.h
[ ! -f "$prefix/.complete" ] || exit 0

if ! private_apt_open "$prefix/apt" stable; then
    echo "doctest is missing: install your system's package (doctest-dev, doctest) and copy or link its doctest.h to $header" >&2
    exit 1
fi
(cd "$prefix/apt/cache/archives" && private_apt download doctest-dev >/dev/null)
for package in "$prefix"/apt/cache/archives/doctest-dev_*.deb; do dpkg-deb -x "$package" "$prefix"; done
[ -f "$header" ] || { echo "Debian's doctest-dev no longer holds usr/include/doctest/doctest.h; see $prefix/usr" >&2; exit 1; }
rm -rf "$prefix/apt"
touch "$prefix/.complete" # last: a fetch that was cut off is begun again
