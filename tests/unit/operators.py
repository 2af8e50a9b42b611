"""Compares every operator of the core with the reference, fed with the core's own inputs.

Bounds count roundings: each float32 operation is off by at most *U* of its result, so an operator may be
off by *U* times the roundings that a result passes through, times the magnitude of what is rounded. Nothing
is measured and then allowed. Integers, copies and single additions must be equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference import (
    Reference,
    attend,
    bytes_of,
    gate,
    half,
    quantise,
    rms_norm,
    rope_angles,
    rotate,
    scaled_sums,
    ternary_sums,
)
from reference_file import Floats, Tensor, Ternary
from tapped import Key

U = 2.0**-24  # half the distance between 1 and the next float32
MAX_RELATIVE = 1e-5  # of any operator's float output, by norm
NORM_ROUNDINGS = 6  # mean, + eps (half each under the root), root, division, two products, and one to spare
EXP_ERROR = 16 * U  # exp_f32: seven steps of Horner's rule for |r| < 0.35, the reduction, two powers of two
WORD = 0.51 / 32767  # half a unit of a word, and what rounding before it may add, over the largest number
MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def sum_roundings(n: int) -> float:
    """Of a product of *n* pairs: one product, n / 16 additions in each of 16 lanes, four to fold them."""
    return n / 16 + 5


def float32(x: Any) -> NDArray[np.float32]:
    return np.asarray(x).astype(np.float32)


class Operators:
    """Checks what ``tapped.run`` has found for one model."""

    def __init__(
        self, reference: Reference, found: Mapping[Key, NDArray[Any]], ids: list[int], kv: str = "f16"
    ) -> None:
        self.reference, self.found, self.ids, self.kv = reference, found, ids, kv
        self.unread = set(found)

    def take(self, name: str, layer: int, position: int) -> Any:
        self.unread.discard((name, layer, position))
        values = self.found[name, layer, position]
        return values.astype(np.float64) if values.dtype == np.float32 else values

    def within(self, name: str, mine: Any, wanted: Floats, bound: Any) -> None:
        error = np.abs(mine - wanted)
        assert (error <= bound).all(), f"{name}: off by {np.max(error / bound):.2f} times the bound"

    def near(self, name: str, mine: Any, wanted: Floats, bound: Any) -> None:
        self.within(name, mine, wanted, bound)
        error = np.abs(mine - wanted)
        relative = float(np.linalg.norm(error) / np.linalg.norm(wanted))
        assert relative <= MAX_RELATIVE, f"{name}: relative error {relative:.1e}"

    def check_all(self) -> None:
        """Every result of every layer and position; what is shown and not looked at fails, too."""
        for position in range(len(self.ids)):
            x = self.check_embedding(position)
            for layer in range(self.reference.n_layers):
                x = self.check_attention(layer, position, x)
                x = self.check_feed_forward(layer, position, x)
                np.testing.assert_array_equal(self.take("layer", layer, position), x)
            if ("logits", -1, position) in self.found:
                self.check_head(position, x)
        assert not self.unread, f"nothing compares {sorted(self.unread)[:5]}"

    def check_embedding(self, position: int) -> Floats:
        x: Floats = self.take("embedding", -1, position)
        np.testing.assert_array_equal(x, float32(self.reference.embedding(self.ids[position])))
        return x

    def check_norm(self, name: str, layer: int, position: int, x: Floats) -> Floats:
        prefix = f"blk.{layer}." if layer >= 0 else ""
        wanted = rms_norm(x, self.reference.vector(f"{prefix}{name}.weight"), self.reference.eps)
        mine: Floats = self.take(name, layer, position)
        self.near(name, mine, wanted, NORM_ROUNDINGS * U * np.abs(wanted))
        return mine

    def check_product(self, name: str, layer: int, position: int, x: Floats) -> Floats:
        reference = self.reference
        matrix: Tensor = reference.tensors[f"blk.{layer}.{name}.weight"] if layer >= 0 else reference.head
        np.testing.assert_array_equal(self.take(f"{name}.input", layer, position), x)
        mine: Floats = self.take(f"{name}.output", layer, position)
        if isinstance(matrix, Ternary):
            q, scale = quantise(x)
            np.testing.assert_array_equal(self.take(f"{name}.quantised", layer, position), q)
            sums = ternary_sums(matrix.weights, q)
            np.testing.assert_array_equal(self.take(f"{name}.sums", layer, position), sums)
            parts = scaled_sums(matrix, q) / np.float64(scale)
            wanted = parts.sum(axis=1)
            # Where a row has one scale, the sum itself is exact: one division, one product. Else products are
            # added.
            one_scale = (matrix.scales == matrix.scales[:, :1]).all(axis=1)
            n_roundings = np.where(one_scale, 2, 2 + parts.shape[1])
            bound = n_roundings * U * np.where(one_scale, np.abs(wanted), np.abs(parts).sum(axis=1))
        else:
            wanted = matrix @ x
            bound = sum_roundings(len(x)) * U * (np.abs(matrix) @ np.abs(x))
        factor = reference.optional(f"blk.{layer}.{name}.scale")
        bias = reference.optional(f"blk.{layer}.{name}.bias")
        if factor is not None:
            wanted, bound = wanted * factor, bound * factor + U * np.abs(wanted * factor)
        if bias is not None:
            wanted, bound = wanted + bias, bound + U * np.abs(wanted + bias)
        self.near(f"{name}.output", mine, wanted, bound * (1 + U * len(x)))
        return mine

    def check_turned(self, name: str, layer: int, position: int, flat: Floats) -> Floats:
        """Norm of each head, where there is one, and RoPE."""
        reference = self.reference
        heads = flat.reshape(-1, reference.head_dim)
        weight = reference.optional(f"blk.{layer}.attn_{name}_norm.weight")
        n_roundings = 4.0  # the table's cosine or sine, a product, a sum; and the other product's
        if weight is not None:
            heads, n_roundings = rms_norm(heads, weight, reference.eps), n_roundings + NORM_ROUNDINGS
        freqs = reference.optional("rope_freqs.weight")
        angles = rope_angles(position, reference.n_rot, reference.rope_base, reference.rope_factor, freqs)
        neighbours = reference.architecture.neighbours
        wanted = rotate(heads, angles, neighbours).ravel()
        # |a cos| + |b sin|: what rotating magnitudes by an angle in the first quadrant adds up
        magnitude = np.abs(rotate(heads, np.zeros(len(angles)), neighbours))
        turned = magnitude + np.abs(rotate(heads, np.full(len(angles), np.pi / 2), neighbours))
        mine: Floats = self.take(f"rope.{name}", layer, position)
        self.near(f"rope.{name}", mine, wanted, n_roundings * U * turned.ravel())
        return mine.reshape(heads.shape)

    def check_attention(self, layer: int, position: int, x: Floats) -> Floats:
        reference = self.reference
        h = self.check_norm("attn_norm", layer, position, x)
        flat = {name: self.check_product(f"attn_{name}", layer, position, h) for name in "qkv"}
        q = self.check_turned("q", layer, position, flat["q"])
        k = self.check_turned("k", layer, position, flat["k"])
        kept = half if self.kv == "f16" else bytes_of
        reference.keys[layer].append(kept(k))
        reference.values[layer].append(kept(flat["v"].reshape(k.shape)))
        keys, values = np.array(reference.keys[layer]), np.array(reference.values[layer])
        wanted, bound = attend(q, keys, values), attention_bound(q, keys, values, self.kv)
        a: Floats = self.take("attention", layer, position)
        if self.kv == "f16":
            self.near("attention", a, wanted.ravel(), bound.ravel())
        else:  # words of 15 bits round more than float32 does
            self.within("attention", a, wanted.ravel(), bound.ravel())
        if reference.architecture.sub_norms:
            a = self.check_norm("attn_sub_norm", layer, position, a)
        return float32(x + self.check_product("attn_output", layer, position, a)).astype(np.float64)

    def check_feed_forward(self, layer: int, position: int, x: Floats) -> Floats:
        h = self.check_norm("ffn_norm", layer, position, x)
        g = self.check_product("ffn_gate", layer, position, h)
        up = self.check_product("ffn_up", layer, position, h)
        f: Floats = self.take("gate", layer, position)
        wanted = gate(self.reference.activation, g, up)
        # squared ReLU: two products; SiLU: exp, a sum, a division, a product
        self.near("gate", f, wanted, (3 * U + EXP_ERROR) * np.abs(wanted))
        if self.reference.architecture.sub_norms:
            f = self.check_norm("ffn_sub_norm", layer, position, f)
        return float32(x + self.check_product("ffn_down", layer, position, f)).astype(np.float64)

    def check_head(self, position: int, x: Floats) -> None:
        normed = self.check_norm("output_norm", -1, position, x)
        logits = self.check_product("output", -1, position, normed)
        np.testing.assert_array_equal(self.take("logits", -1, position), logits)


def attention_bound(q: Floats, keys: Floats, values: Floats, kv: str) -> Floats:
    """How far softmax(scores) . values may be off, (n_heads, head_dim).

    An error d of the scores changes each weight by a factor within e^d, so that the ratio of two is off by
    at most 2 d; the weights are then summed, inverted, multiplied and used in sums over the positions.

    With bytes in the KV cache, sums are exact, but a query, and the weights of some positions times the
    units of their values, are words first: each is off by half of their unit, ``WORD`` of the largest.
    """
    n_heads, head_dim = q.shape
    n_positions, group = len(keys), n_heads // keys.shape[1]
    bounds = []
    for head in range(n_heads):
        mine, theirs = keys[:, head // group], values[:, head // group]
        scores = mine @ q[head] / np.sqrt(head_dim)
        magnitude = np.max(np.abs(mine) @ np.abs(q[head]) / np.sqrt(head_dim))
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        # a product and all sums one after the other; the scale's two roundings, the product with it, and the
        # difference from the largest
        score_error = (1 + head_dim + 5) * U * magnitude
        words_error: Any = 0
        if kv == "int8":
            lost = WORD * np.abs(q[head]).max() * np.abs(mine).sum(axis=1).max() / np.sqrt(head_dim)
            score_error = lost + 6 * U * magnitude  # the sum as float, three units or scales, two to spare
            units = np.abs(theirs).max(axis=1, keepdims=True) / 127
            for begin in range(0, n_positions, 128):
                block = slice(begin, begin + 128)
                largest = np.max(weights[block] * units[block, 0])
                words_error = words_error + WORD * largest * np.abs(theirs[block] / units[block]).sum(axis=0)
        weight_error = 2 * (score_error + EXP_ERROR) + (sum_roundings(n_positions) + 3) * U
        bounds.append((weight_error + (n_positions + 1) * U) * (weights @ np.abs(theirs)) + words_error)
    return np.array(bounds)
