#!/usr/bin/env bash
# Finds the emcc to build with, fetching one into PREFIX where the machine has none.
#   find_emcc.sh PREFIX [--no-fetch]     leaves its path in PREFIX/emcc.path, a file that changes only when the path does
# Order: $EMCC; emcc on PATH; what PREFIX holds; Debian's, unpacked into PREFIX; emsdk's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/versions.env"
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
fetch=${2:-}

version_of() { "$1" --version 2>/dev/null | head -1 | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -1; }
accepted() { [ -n "$1" ] && [ "$(printf '%s\n' "$EMSCRIPTEN_LEAST_VERSION" "$1" | sort -V | head -1)" = "$EMSCRIPTEN_LEAST_VERSION" ]; }
use() {
    local path
    path=$(command -v "$1")
    if [ "$(cat "$prefix/emcc.path" 2>/dev/null)" != "$path" ]; then
        if [ "$2" != "$EMSCRIPTEN_VERSION" ]; then
            echo "note: building with Emscripten $2; Pyodide $PYODIDE_VERSION was built with $EMSCRIPTEN_VERSION (the import check decides)" >&2
        fi
        echo "$path" > "$prefix/emcc.path"
    fi
    exit 0
}

if [ -n "${EMCC:-}" ]; then
    version=$(version_of "$EMCC") || true
    if ! accepted "$version"; then
        echo "EMCC=$EMCC is ${version:+Emscripten $version, }not an emcc of at least $EMSCRIPTEN_LEAST_VERSION:" \
            "set EMCC to a newer one, or unset it and one is fetched" >&2
        exit 1
    fi
    use "$EMCC" "$version"
fi
if command -v emcc >/dev/null; then
    version=$(version_of emcc) || true
    if accepted "$version"; then use emcc "$version"; fi
    echo "note: emcc on PATH is Emscripten ${version:-of unknown version}, older than $EMSCRIPTEN_LEAST_VERSION: not used" >&2
fi

debian=$prefix/emscripten
emsdk=$prefix/emsdk
use_cached() { # FOLDER EMCC: a fetch that came to its end, and was not moved since (its paths are burnt in)
    if [ -f "$1/.complete" ] && version=$(version_of "$2"); then use "$2" "$version"; fi
}
use_cached "$debian" "$debian/bin/emcc"
use_cached "$emsdk" "$emsdk/upstream/emscripten/emcc"
[ "$fetch" != --no-fetch ] || { echo "no emcc of at least $EMSCRIPTEN_LEAST_VERSION is here yet: make build fetches one" >&2; exit 1; }

for suite in forky sid trixie; do
    if "$here/fetch_debian.sh" "$debian" "$suite"; then use "$debian/bin/emcc" "$(version_of "$debian/bin/emcc")"; fi
    command -v apt-get >/dev/null || break
done
if "$here/fetch_emsdk.sh" "$emsdk"; then use "$emsdk/upstream/emscripten/emcc" "$EMSCRIPTEN_VERSION"; fi
echo "no Emscripten could be had from Debian or emsdk: install version $EMSCRIPTEN_VERSION (emsdk install $EMSCRIPTEN_VERSION)" \
    "and set EMCC to its emcc" >&2
exit 1
