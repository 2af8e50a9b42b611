"""The core against the NumPy reference (tools/reference.py): each operator by itself, and whole runs.

Random models of two layers: every architecture with every type of matrix. Operators must agree within the
roundings that they make (tests/unit/operators.py), integers exactly. Whole runs agree to float32 accuracy
until the first int8 activation or half float of the KV cache lies so near the middle of two that the other
one is chosen: that place is found and reported. From there on the two are different, equally right
roundings of one model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from worlds import IN_PYODIDE

if IN_PYODIDE:
    pytest.skip("NumPy is not among the test wheels for Pyodide", allow_module_level=True)

import numpy as np
import tapped
from make_tiny_model import ARCHITECTURES, Network, tiny_model
from operators import Operators
from reference import Reference, half
from reference_file import Floats
from tiny_weights import TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

IDS = [5, 0, 319, 77, 5, 5, 201]
LONG = [(7 * step * step + 3) % 320 for step in range(48)]

BEFORE_FLIPS = 1e-5  # relative rms: float32 rounding, a few hundred times U
AFTER_HALF_FLIP = 1e-3  # one unit of 11 bits in a key or value, relative: 2^-10
AFTER_INT8_FLIP = 0.08  # two right engines differ by 1 to 3.5 %, wrong ones by 30 % and more

VARIANTS = {
    "rotates half of each head": Network("qwen2", "Q8_0", n_rot=32),
    "linear RoPE scaling": Network("llama", "F16", rope_factor=4.0),
    "a key-value head for each head": Network("bitnet-b1.58", n_kv_heads=4),
    "one key-value head for all": Network("llama", "I2_S", n_kv_heads=1),
    "heads longer than embedding / heads": Network("bitnet-b1.58", head_dim=128),
    "SiLU by key": Network("bitnet-b1.58", activation="silu"),
    "squared ReLU by key": Network("bitnet", activation="relu2"),
    "a factor for every product": Network("bitnet", "TQ1_0", factors=("attn_q", "attn_output", "ffn_down")),
    "biases everywhere": Network("llama", "I2_S", biases=("attn_q", "attn_k", "attn_v", "attn_output")),
    "a head of its own, ternary": Network("llama", "I2_S", head="I2_S"),
    "a ternary table": Network("bitnet-b1.58", embedding="I2_S"),
}


def check(network: Network) -> None:
    file = tiny_model(network=network)
    Operators(Reference(file), tapped.run(file, IDS, n_prefill=4), IDS).check_all()


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_operator_is_that_of_the_reference(architecture: str, kind: str) -> None:
    check(replace(Network.usual(architecture, kind), embedding=kind))


@pytest.mark.parametrize("name", VARIANTS)
def test_operators_of_a_variant_are_those_of_the_reference(name: str) -> None:
    check(VARIANTS[name])


class Flips:
    """Runs the reference and notes where its roundings are not the core's."""

    def __init__(self, reference: Reference, found: dict[tapped.Key, NDArray[np.float32]]) -> None:
        self.reference, self.found = reference, found
        self.int8: list[str] = []
        self.halves: list[str] = []

    def forward(self, position: int, token: int) -> Floats:
        def observe(name: str, layer: int, value: Floats) -> None:
            theirs = self.found.get((name, layer, position))
            if theirs is None:
                return
            if name.endswith(".quantised"):
                self.note(self.int8, name, layer, position, value != theirs)
            if name in ("rope.k", "attn_v.output"):
                self.note(self.halves, name, layer, position, half(value) != half(theirs.astype(np.float64)))

        return self.reference.forward(token, observe)

    @staticmethod
    def note(where: list[str], name: str, layer: int, position: int, differs: NDArray[np.bool_]) -> None:
        if differs.any():
            where.append(f"{name} of layer {layer} at position {position}, {differs.sum()} of {differs.size}")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_whole_runs_agree_until_a_rounding_falls_the_other_way(
    architecture: str, kind: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    file = tiny_model(network=Network.usual(architecture, kind))
    found = tapped.run(file, LONG, n_prefill=1)
    flips = Flips(Reference(file), found)
    n_exact = n_before_int8 = 0
    worst = 0.0
    for position, token in enumerate(LONG):
        wanted = flips.forward(position, token)
        mine = found["logits", -1, position]
        rms = float(np.sqrt(np.mean((mine - wanted) ** 2)) / wanted.std())
        allowed = AFTER_INT8_FLIP if flips.int8 else AFTER_HALF_FLIP if flips.halves else BEFORE_FLIPS
        assert rms <= allowed, (position, flips.int8[:1], flips.halves[:1])
        n_exact += not flips.int8 and not flips.halves
        if not flips.int8:
            n_before_int8 += 1
            worst = max(worst, rms)
    assert n_before_int8 > 0, "the very first int8 activations differ: nothing was compared closely"
    int8, halves = (where[0] if where else "none" for where in (flips.int8, flips.halves))
    record_testsuite_property(
        f"{architecture} {kind} against the reference",
        f"of {len(LONG)} positions {n_exact} before any flip, {n_before_int8} before one of int8 "
        f"(relative rms up to {worst:.1e}); first int8: {int8}; first half float: {halves}",
    )
