#!/usr/bin/env bash
# Installs Pyodide's own Emscripten with emsdk, for systems other than Debian: needs git, python3 and emsdk's site.
#   fetch_emsdk.sh PREFIX     leaves PREFIX/upstream/emscripten/emcc
set -euo pipefail
. "$(dirname "$0")/versions.env"
prefix=$1
rm -rf "$prefix"
git clone --quiet --depth 1 --branch "$EMSCRIPTEN_VERSION" https://github.com/emscripten-core/emsdk.git "$prefix" >&2
"$prefix/emsdk" install "$EMSCRIPTEN_VERSION" >&2
"$prefix/emsdk" activate "$EMSCRIPTEN_VERSION" >&2
touch "$prefix/.complete" # last: a fetch that was cut off is begun again
