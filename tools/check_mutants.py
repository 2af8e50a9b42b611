"""Proves that the tests notice wrong arithmetic: each known way to get BitNet wrong is built, and is caught.

    make mutants

A mutant is the core with one line changed. Those marked NATIVE must fail the tests at the operator
(tests/native), those marked GOLDEN the comparison with other engines (tests/unit/test_golden_*.py, without
the comparison of bits, which notices any change at all).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MUTANT = PROJECT / "build" / "mutant"

NATIVE = [
    "make",
    "-j2",
    "-C",
    str(MUTANT / "wasm"),
    "test",
    f"DOCTEST={PROJECT}/.toolchain/doctest/usr/include",
]
GOLDEN = [
    sys.executable,
    *("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
    str(PROJECT / "tests/unit/test_golden_tiny_tales.py"),
    str(PROJECT / "tests/unit/test_golden_engines.py"),
    *("-k", "reference or other_engine"),
]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: *old*, which stands exactly once in *file*, becomes *new*."""

    name: str
    file: str
    old: str
    new: str
    caught_by: list[str]


UNQUANTISED = """    if (product.matrix->type == TensorType::i2_s) {
      const Matrix& matrix = *product.matrix;
      float* weights = scratch.weight_rows.data();
      for (size_t token = 0; token < n_tokens; ++token)
        for (size_t row = 0; row < matrix.n_rows; ++row) {
          kernels.dequantize_row(matrix.type, matrix.data + row * matrix.n_cols / 4, matrix.n_cols, weights);
          const float sum = kernels.dot_f32(weights, x + token * matrix.n_cols, matrix.n_cols);
          result(product, token)[row] = sum * matrix.scale[0];
        }
    } else if (product.matrix->n_rows == 0)
"""

# In the kernel that this machine uses.
GROUPS = (
    ("src/kernels/avx2.cpp", "(bytes, 6), x0)", "(bytes, 6), (void(x0), x3))")
    if os.uname().machine == "x86_64"
    else ("src/kernels/scalar.cpp", "6 - 2 * (col % 128 / 32)", "2 * (col % 128 / 32)")
)

MUTANTS = [
    Mutant(
        "SiLU in place of squared ReLU",
        "src/config.cpp",
        '{"bitnet-b1.58", RopePairs::halves, Activation::squared_relu',
        '{"bitnet-b1.58", RopePairs::halves, Activation::silu',
        GOLDEN,
    ),
    Mutant(
        "no attention sub-norm",
        "src/forward.cpp",
        "layer_index, layer.attn_sub_norm, ",
        "layer_index, {}, ",
        GOLDEN,
    ),
    Mutant(
        "no feed-forward sub-norm",
        "src/forward.cpp",
        "layer_index, layer.ffn_sub_norm, ",
        "layer_index, {}, ",
        GOLDEN,
    ),
    Mutant(
        "groups of codes in the wrong order",
        *GROUPS,
        GOLDEN,
    ),
    Mutant("a rope base that is not the file's", "src/config.cpp", '"rope.freq_base"', '"rope.base"', GOLDEN),
    Mutant(
        "rotating neighbours instead of halves",
        "src/forward.cpp",
        "config.architecture.rope_pairs",
        "RopePairs::neighbours",
        GOLDEN,
    ),
    Mutant(
        "activations that are not quantised",
        "src/multiply.cpp",
        "    if (product.matrix->type == TensorType::i2_s)\n",
        UNQUANTISED,
        NATIVE,
    ),
    Mutant(
        "an epsilon that is not the file's",
        "src/config.cpp",
        'reader.real("attention.layer_norm_rms_epsilon", 0.0f, 0.1f)',
        "1e-6f",
        NATIVE,
    ),
    Mutant(
        "no floor under the quantisation's scale",
        "src/ops.cpp",
        "(largest), 1e-5)",
        "(largest), 1e-9)",
        NATIVE,
    ),
    Mutant(
        "halves rounded away from zero",
        "src/ops.cpp",
        "(bounded + round_magic)",
        "(std::round(bounded) + round_magic)",
        NATIVE,
    ),
]


def copy_project() -> None:
    """The core, its tests and its compiled parts: a mutant then compiles only what it changes."""
    shutil.rmtree(MUTANT, ignore_errors=True)
    for folder in ("wasm", "tests/native", "build/native"):
        shutil.copytree(PROJECT / folder, MUTANT / folder)


def survives(mutant: Mutant) -> bool:
    """Build *mutant* and run what must catch it."""
    file = MUTANT / "wasm" / mutant.file
    right = file.read_text()
    if (count := right.count(mutant.old)) != 1:
        sys.exit(f"{mutant.name}: {mutant.old!r} stands {count} times in wasm/{mutant.file}, not once.")
    file.write_text(right.replace(mutant.old, mutant.new))
    try:
        built = subprocess.run(
            ["make", "-j2", "-C", str(MUTANT / "wasm"), "lib"], capture_output=True, text=True, check=False
        )
        if built.returncode != 0:
            sys.exit(f"{mutant.name}: does not compile.\n{built.stdout}{built.stderr}")
        environment = os.environ | {"BITNET_CORE": str(MUTANT / "app/bitnet/_core/libbitnet.so")}
        checked = subprocess.run(
            mutant.caught_by, env=environment, capture_output=True, text=True, check=False
        )
        output = checked.stdout + checked.stderr
        noticed = "Status: FAILURE!" in output if mutant.caught_by is NATIVE else "AssertionError" in output
        if checked.returncode != 0 and not noticed:
            sys.exit(f"{mutant.name}: its tests could not run.\n{output}")
        return checked.returncode == 0
    finally:
        file.write_text(right)


def main() -> None:
    """Exit 1 with the mutants that no test noticed."""
    copy_project()
    survivors = []
    for mutant in MUTANTS:
        survived = survives(mutant)
        print(f"{'NOT NOTICED' if survived else 'caught'}: {mutant.name}", flush=True)
        if survived:
            survivors.append(mutant.name)
    shutil.rmtree(MUTANT)
    print(f"{len(MUTANTS) - len(survivors)} passed, {len(survivors)} failed")
    if survivors:
        sys.exit(1)


if __name__ == "__main__":
    main()
