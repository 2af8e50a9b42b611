"""What a model file means, written to be read: every architecture that the core runs, in NumPy.

    .venv/bin/python tools/reference.py MODEL.gguf 1,2,3        the ten best logits after these tokens

Slow. Tests compare the core with it, operator by operator and whole (tests/unit/test_reference.py). Numbers
are float64 except where the definition itself rounds: the scale of int8 activations is a float32, keys and
values are kept as half floats. docs/model.md has the graph in words.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference_file import Floats, Tensor, Ternary, read_gguf

Integers = NDArray[np.int32]
#: Called with an intermediate result: its name (see bn_tap_fn in bitnet.h), its layer (-1: none), and itself.
Observer = Callable[[str, int, NDArray[Any]], object]


@dataclass(frozen=True, slots=True)
class Architecture:
    """How the graphs differ.

    Sources: the BitNet b1.58 2B4T report (arXiv 2504.12285); bitnet.cpp and llama.cpp for the rest.
    """

    neighbours: bool  # RoPE turns elements 2i and 2i + 1 together, instead of i and i + n_rot / 2
    activation: str
    sub_norms: bool = False  # RMSNorm before the output and the down projection
    tied: bool = False  # logits come from token_embd even if the file has output.weight


ARCHITECTURES = {
    "bitnet-b1.58": Architecture(False, "relu2", sub_norms=True, tied=True),
    "bitnet-25": Architecture(False, "relu2", sub_norms=True, tied=True),
    "bitnet": Architecture(False, "silu", sub_norms=True, tied=True),
    "llama": Architecture(True, "silu"),
    "qwen2": Architecture(False, "silu"),
    "qwen3": Architecture(False, "silu"),
}


# ---- Operators. Vectors are rows; x is of one token. ----


def rms_norm(x: Floats, weight: Floats, eps: float) -> Floats:
    """x / sqrt(mean(x^2) + eps) * weight, over the last axis (Zhang and Sennrich 2019)."""
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def quantise(x: Floats) -> tuple[NDArray[np.int8], np.float32]:
    """int8 activations and their scale: round(x * scale), halves to even, scale = 127 / max(|x|, 1e-5).

    The scale and the product are float32, as in bitnet.cpp: they decide which integer is nearest.
    """
    scale = np.float32(127 / max(1e-5, float(np.abs(x).max())))
    return np.clip(np.rint(x.astype(np.float32) * scale), -127, 127).astype(np.int8), scale


def ternary_sums(weights: NDArray[np.int8], q: NDArray[np.int8]) -> Integers:
    """The exact product of a ternary matrix and int8 activations."""
    return weights.astype(np.int32) @ q.astype(np.int32)


def scaled_sums(matrix: Ternary, q: NDArray[np.int8]) -> Floats:
    """The same of each run of columns that has a scale, times that scale: shape (n_rows, n_runs)."""
    n_runs = matrix.scales.shape[1]
    runs = zip(np.split(matrix.weights, n_runs, axis=1), np.split(q, n_runs), strict=True)
    return np.stack([ternary_sums(*run) for run in runs], axis=1) * matrix.scales


def multiply(matrix: Tensor, x: Floats, observe: Callable[[str, NDArray[Any]], object]) -> Floats:
    """matrix . x, shape (n_rows,): BitLinear for ternary matrices, an ordinary product for all others."""
    observe("input", x)
    if isinstance(matrix, Ternary):
        q, scale = quantise(x)
        observe("quantised", q)
        observe("sums", ternary_sums(matrix.weights, q))
        return scaled_sums(matrix, q).sum(axis=1) / np.float64(scale)
    return matrix @ x


def rope_angles(position: int, n_rot: int, base: float, factor: float, freqs: Floats | None) -> Floats:
    """Radians for each pair: position * base^(-2i / n_rot), over the file's divisors (Su et al. 2021)."""
    angles = position / factor * base ** (-2 * np.arange(n_rot // 2) / n_rot)
    return angles if freqs is None else angles / freqs


def rotate(heads: Floats, angles: Floats, neighbours: bool) -> Floats:
    """Turn the first 2 * len(angles) elements of each head, shape (n_heads, head_dim)."""
    n_pairs = len(angles)
    turned = heads.copy()
    first = slice(0, 2 * n_pairs, 2) if neighbours else slice(0, n_pairs)
    second = slice(1, 2 * n_pairs, 2) if neighbours else slice(n_pairs, 2 * n_pairs)
    a, b, cosine, sine = heads[:, first], heads[:, second], np.cos(angles), np.sin(angles)
    turned[:, first] = a * cosine - b * sine
    turned[:, second] = a * sine + b * cosine
    return turned


def half(x: Floats) -> Floats:
    """Rounded to half floats, halves to even; what would be subnormal (below 2^-14) becomes zero."""
    rounded = x.astype(np.float32).astype(np.float16).astype(np.float64)
    return np.where(np.abs(x) < 2.0**-14, 0.0, rounded)


def bytes_of(x: Floats) -> Floats:
    """As 8 bits keep it: integers up to 127, halves to even, times one float32 for each vector, last axis."""
    single = x.astype(np.float32)
    largest = np.abs(single).max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers = np.where(largest > 0, np.rint(single * (np.float32(127) / largest)), 0)
    return numbers * (largest / np.float32(127)).astype(np.float64)


def attend(q: Floats, keys: Floats, values: Floats) -> Floats:
    """softmax(q . keys / sqrt(head_dim)) . values.

    q is (n_heads, head_dim), keys and values (n_positions, n_kv_heads, head_dim): heads in a row share one.
    """
    n_heads, head_dim = q.shape
    group = n_heads // keys.shape[1]
    heads = []
    for head in range(n_heads):
        scores = keys[:, head // group] @ q[head] / np.sqrt(head_dim)
        weights = np.exp(scores - scores.max())
        heads.append(weights / weights.sum() @ values[:, head // group])
    return np.array(heads)


def gate(activation: str, g: Floats, up: Floats) -> Floats:
    """activation(g) * up: squared ReLU, or SiLU (g / (1 + e^-g))."""
    return (np.maximum(g, 0) ** 2 if activation == "relu2" else g / (1 + np.exp(-g))) * up


# ---- The graph. ----


class Reference:
    """A model and the keys and values of one conversation with it."""

    def __init__(self, data: bytes) -> None:
        metadata, self.tensors = read_gguf(data)
        name = metadata["general.architecture"]
        if name not in ARCHITECTURES:
            raise ValueError(f"the architecture is {name!r}; known are {', '.join(ARCHITECTURES)}")
        self.architecture = ARCHITECTURES[name]

        def key(end: str, otherwise: Any = None) -> Any:
            return metadata.get(f"{name}.{end}", otherwise)

        self.n_layers, self.n_heads = key("block_count"), key("attention.head_count")
        self.n_kv_heads = key("attention.head_count_kv", self.n_heads)
        self.head_dim = key("attention.key_length", key("embedding_length") // self.n_heads)
        self.n_rot = key("rope.dimension_count", self.head_dim)
        self.eps = key("attention.layer_norm_rms_epsilon")
        self.rope_base = key("rope.freq_base", 10000.0)
        linear = key("rope.scaling.type") == "linear"
        self.rope_factor = key("rope.scaling.factor", 1.0) if linear else 1.0
        self.activation = key("hidden_activation") or self.architecture.activation
        head = None if self.architecture.tied else self.tensors.get("output.weight")
        self.head = self.tensors["token_embd.weight"] if head is None else head
        self.keys: list[list[Floats]] = [[] for _ in range(self.n_layers)]
        self.values: list[list[Floats]] = [[] for _ in range(self.n_layers)]

    def vector(self, name: str) -> Floats:
        found = self.tensors[name]
        assert not isinstance(found, Ternary), f"{name} is a vector, and must not be ternary"
        return found

    def optional(self, name: str) -> Floats | None:
        return self.vector(name) if name in self.tensors else None

    def embedding(self, token: int) -> Floats:
        table = self.tensors["token_embd.weight"]
        return table.weights[token] * table.scales[0, 0] if isinstance(table, Ternary) else table[token]

    def forward(self, token: int, observe: Observer = lambda *_: None) -> Floats:
        """Run *token* at the next position; logits, shape (n_vocab,)."""
        x = self.embedding(token)
        observe("embedding", -1, x)
        for layer in range(self.n_layers):
            x = x + self.attention(layer, x, observe)
            x = x + self.feed_forward(layer, x, observe)
            observe("layer", layer, x)
        x = self.norm("output_norm", -1, x, observe)
        logits = multiply(self.head, x, lambda step, value: observe(f"output.{step}", -1, value))
        observe("output.output", -1, logits)
        return logits

    def norm(self, name: str, layer: int, x: Floats, observe: Observer) -> Floats:
        prefix = f"blk.{layer}." if layer >= 0 else ""
        y = rms_norm(x, self.vector(f"{prefix}{name}.weight"), self.eps)
        observe(name, layer, y)
        return y

    def projection(self, name: str, layer: int, x: Floats, observe: Observer) -> Floats:
        """A matrix of a layer, and what the file has beside it: a factor, a bias."""
        matrix = self.tensors[f"blk.{layer}.{name}.weight"]
        y = multiply(matrix, x, lambda step, value: observe(f"{name}.{step}", layer, value))
        if (factor := self.optional(f"blk.{layer}.{name}.scale")) is not None:
            y = y * factor
        if (bias := self.optional(f"blk.{layer}.{name}.bias")) is not None:
            y = y + bias
        observe(f"{name}.output", layer, y)
        return y

    def turned(self, name: str, layer: int, flat: Floats) -> Floats:
        """Heads of q or k: their own norm, if there is one, then RoPE. The next position is len(keys)."""
        heads = flat.reshape(-1, self.head_dim)
        if (weight := self.optional(f"blk.{layer}.attn_{name}_norm.weight")) is not None:
            heads = rms_norm(heads, weight, self.eps)
        freqs = self.optional("rope_freqs.weight")
        position = len(self.keys[layer])
        angles = rope_angles(position, self.n_rot, self.rope_base, self.rope_factor, freqs)
        return rotate(heads, angles, self.architecture.neighbours)

    def attention(self, layer: int, x: Floats, observe: Observer) -> Floats:
        h = self.norm("attn_norm", layer, x, observe)
        q, k, v = (self.projection(f"attn_{name}", layer, h, observe) for name in "qkv")
        q, k = self.turned("q", layer, q), self.turned("k", layer, k)
        observe("rope.q", layer, q.ravel())
        observe("rope.k", layer, k.ravel())
        self.remember(layer, k, v.reshape(k.shape))
        a = attend(q, np.array(self.keys[layer]), np.array(self.values[layer])).ravel()
        observe("attention", layer, a)
        if self.architecture.sub_norms:
            a = self.norm("attn_sub_norm", layer, a, observe)
        return self.projection("attn_output", layer, a, observe)

    def remember(self, layer: int, k: Floats, v: Floats) -> None:
        """Keep the key and the value of this position, shape (n_kv_heads, head_dim), as half floats."""
        self.keys[layer].append(half(k))
        self.values[layer].append(half(v))

    def feed_forward(self, layer: int, x: Floats, observe: Observer) -> Floats:
        h = self.norm("ffn_norm", layer, x, observe)
        g, up = (self.projection(f"ffn_{name}", layer, h, observe) for name in ("gate", "up"))
        f = gate(self.activation, g, up)
        observe("gate", layer, f)
        if self.architecture.sub_norms:
            f = self.norm("ffn_sub_norm", layer, f, observe)
        return self.projection("ffn_down", layer, f, observe)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: reference.py MODEL.gguf 1,2,3")
    model = Reference(Path(sys.argv[1]).read_bytes())
    logits = np.zeros(0)
    for token in sys.argv[2].split(","):
        logits = model.forward(int(token))
    for token in np.argsort(-logits)[:10]:
        print(f"{token:6d} {logits[token]:10.4f}")


if __name__ == "__main__":
    main()
