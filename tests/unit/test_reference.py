"""The core against the NumPy reference (tools/reference.py): each operator by itself, and whole runs.

Random models of two layers: every architecture with every type of matrix. Operators must agree within the
roundings that they make (tests/unit/operators.py), integers exactly. Whole runs agree to float32 accuracy
until the first int8 activation lies so near the middle of two that the other one is chosen: that place is
found and reported. From there on the two are different, equally right roundings of one model. Half floats of
the KV cache fall the other way, too: so the reference, whose keys and values must be the core's to float32
accuracy, goes on with the core's halves of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

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


WITH_BYTES = {
    "usual": Network("bitnet-b1.58"),
    "one key-value head for all": Network("llama", "I2_S", n_kv_heads=1),
    "heads of an odd length": Network("llama", "F16", head_dim=65, n_rot=64),
}


@pytest.mark.parametrize("name", WITH_BYTES)
def test_attention_to_bytes_is_that_of_the_reference(name: str) -> None:
    file = tiny_model(network=replace(WITH_BYTES[name], n_ctx=160))
    ids = LONG * 3  # more than one block of weights
    Operators(Reference(file), tapped.run(file, ids, n_prefill=31, kv="int8"), ids, "int8").check_all()


class Follower(Reference):
    """Runs whole with the core's own half floats in its KV cache, and notes where int8 activations differ."""

    def __init__(self, file: bytes, found: dict[tapped.Key, NDArray[Any]]) -> None:
        super().__init__(file)
        self.found = found
        self.int8_flips: list[str] = []
        self.n_halves = self.n_half_flips = 0
        self.worst = 0.0  # relative rms of all keys, values and logits before the first int8 flip

    def check(self, name: str, layer: int, position: int, wanted: Floats) -> Floats:
        """Compare with the core's result, and return that."""
        mine = self.found[name, layer, position].astype(np.float64)
        rms = float(np.sqrt(np.mean((mine - wanted.ravel()) ** 2)) / wanted.std())
        assert rms <= (AFTER_INT8_FLIP if self.int8_flips else BEFORE_FLIPS), (name, layer, position, rms)
        if not self.int8_flips:
            self.worst = max(self.worst, rms)
        return mine.reshape(wanted.shape)

    def remember(self, layer: int, k: Floats, v: Floats) -> None:
        position = len(self.keys[layer])
        for name, wanted, cache in (("rope.k", k, self.keys), ("attn_v.output", v, self.values)):
            mine = self.check(name, layer, position, wanted)
            cache[layer].append(half(mine))
            self.n_halves += mine.size
            self.n_half_flips += int(np.sum(half(mine) != half(wanted)))

    def run(self, ids: list[int]) -> int:
        """All of *ids*; returns at how many positions no int8 activation has differed."""
        n_before_flips = 0
        for position, token in enumerate(ids):
            logits = self.forward(token, partial(self.compare_int8, position))
            self.check("logits", -1, position, logits)
            n_before_flips += not self.int8_flips
        return n_before_flips

    def compare_int8(self, position: int, name: str, layer: int, value: NDArray[Any]) -> None:
        if name.endswith(".quantised"):
            n_other = int(np.sum(value != self.found[name, layer, position]))
            if n_other:
                where = f"{name} of layer {layer} at position {position}, {n_other} of {value.size}"
                self.int8_flips.append(where)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_whole_runs_agree_until_an_int8_rounding_falls_the_other_way(
    architecture: str, kind: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    file = tiny_model(network=Network.usual(architecture, kind))
    follower = Follower(file, tapped.run(file, LONG, n_prefill=1))
    n_before_flips = follower.run(LONG)
    assert n_before_flips > 0, "the very first int8 activations differ: nothing was compared closely"
    first = follower.int8_flips[0] if follower.int8_flips else "none"
    record_testsuite_property(
        f"{architecture} {kind} against the reference",
        f"{n_before_flips} of {len(LONG)} positions before a flip of int8 (relative rms up to "
        f"{follower.worst:.1e}); the first: {first}; half floats that fell the other way: "
        f"{follower.n_half_flips} of {follower.n_halves}",
    )
