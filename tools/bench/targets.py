"""What the engine has to reach, as data: every figure is computed from what one run has measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MODEL, SIX_BIT_HEAD, PEERS_MODEL = "bitnet-2b", "bitnet-2b-q6_k", "bitnet-2b-tq2_0"
EMBEDDED = "tiny-tales"

#: What bitnet.cpp (one thread) gave with BitNet-b1.58-2B-4T on another machine, how fast one thread of that
#: machine reads its memory, and how many products of bytes it makes in Chromium (the least that was seen,
#: which favours bitnet.cpp). It stands in where nobody has a bitnet.cpp, scaled by what binds: the bandwidth
#: where each token reads all weights, the products where a whole prompt reads them once.
RECORDED_TOKENS_PER_S = {"decode": 6.4, "decode, Q6_K head": 9.2, "prefill": 28.0}
RECORDED_READ_GB_PER_S = 11.7
RECORDED_G_PRODUCTS_PER_S = 95.0

Figures = Mapping[str, Any]


class Run:
    """The figures of one run by place and model: ``run("chromium", "bitnet-2b")["token_at_512_ms"]``."""

    def __init__(self, figures: Mapping[tuple[str, str | None], Figures]) -> None:
        self._figures = figures

    def __call__(self, place: str, model: str | None = None) -> Figures:
        """Raises KeyError where nothing was measured, as does a figure that is missing."""
        return self._figures[place, model]

    def decode(self, place: str, model: str = MODEL, n_positions: int = 512) -> float:
        """Tokens per second."""
        return 1000 / self(place, model)[f"token_at_{n_positions}_ms"]

    def prefill(self, place: str, model: str = MODEL, n_tokens: int = 128) -> float:
        return 1000 * n_tokens / self(place, model)[f"prefill_{n_tokens}_ms"]

    def value(self, name: str, place: str, model: str | None = None) -> float:
        return float(self(place, model)[name])

    def seconds(self, name: str, place: str, model: str | None = None) -> float:
        return self.value(name, place, model) / 1000

    def kernels_share(self, place: str, model: str) -> float:
        """Of a token's time at position 512."""
        figures = self(place, model)
        return float(figures["kernels_at_512_ms"] / figures["token_at_512_ms"])

    def head_ms(self, place: str, model: str) -> float:
        figures = self(place, model)
        return float(figures["layers_and_head_ms"] - figures["layers_ms"])

    def matrices_gb_per_s(self, place: str) -> float:
        """How fast the weights of the layers are read while one token is decoded."""
        figures = self(place, MODEL)
        return float(figures["matrices_bytes"] / figures["matrices_ms"] / 1e6)

    def matrices_g_products_per_s(self, place: str) -> float:
        """Ternary weights times activations: a byte holds four."""
        return 4 * self.matrices_gb_per_s(place)

    def peers_decode(self, place: str) -> float:
        """Tokens per second of llama.cpp, as WebAssembly or native."""
        return 1000 / self.value("token_ms", place, PEERS_MODEL)

    def peers_prefill(self, place: str) -> float:
        return self.value("prefill_tokens_per_s", place, PEERS_MODEL)

    def bitnet_cpp(self, what: str) -> float:
        """Tokens per second: measured here, or recorded elsewhere and scaled to this machine."""
        measured = {
            "decode": (MODEL, "decode_tokens_per_s"),
            "decode, Q6_K head": (SIX_BIT_HEAD, "decode_tokens_per_s"),
            "prefill": (MODEL, "prefill_tokens_per_s"),
        }
        model, name = measured[what]
        if ("bitnet.cpp", model) in self._figures:
            return float(self("bitnet.cpp", model)[name])
        return RECORDED_TOKENS_PER_S[what] * (
            self._more_products if what == "prefill" else self._more_bandwidth
        )

    @property
    def _more_bandwidth(self) -> float:
        return self.value("read_one_stream_gb_per_s", "native") / RECORDED_READ_GB_PER_S

    @property
    def _more_products(self) -> float:
        return self.value("relaxed_dot_g_products_per_s", "chromium") / RECORDED_G_PRODUCTS_PER_S

    @property
    def has_bitnet_cpp(self) -> bool:
        return ("bitnet.cpp", MODEL) in self._figures


@dataclass(frozen=True)
class Target:
    """*must*, *good* and *wish* are limits from below, or from above where *wish* is the smallest."""

    name: str
    must: float
    good: float
    wish: float
    value: Callable[[Run], float]

    def reached(self, value: float) -> str:
        sign = 1 if self.wish > self.must else -1
        levels = (("wish", self.wish), ("good", self.good), ("must", self.must))
        return next((name for name, limit in levels if sign * value >= sign * limit), "missed")


TARGETS = (
    Target(
        "matrices of the layers, of the bandwidth of four streams",
        *(0.45, 0.55, 0.60),
        lambda run: run.matrices_gb_per_s("chromium") / run.value("read_four_streams_gb_per_s", "chromium"),
    ),
    Target("decode at 512 positions, tokens/s", 8, 10, 12.6, lambda run: run.decode("chromium")),
    Target(
        "decode, over wllama",
        *(6, 8, 10),
        lambda run: run.decode("chromium") / run.peers_decode("wllama"),
    ),
    Target(
        "decode, over native bitnet.cpp",
        *(1.25, 1.6, 2),
        lambda run: run.decode("chromium") / run.bitnet_cpp("decode"),
    ),
    Target(
        "decode, over native bitnet.cpp with a Q6_K head",
        *(0.9, 1.1, 1.35),
        lambda run: run.decode("chromium", SIX_BIT_HEAD) / run.bitnet_cpp("decode, Q6_K head"),
    ),
    Target(
        "prefill of 128 tokens, over native bitnet.cpp",
        *(0.8, 1.1, 1.6),
        lambda run: run.prefill("chromium") / run.bitnet_cpp("prefill"),
    ),
    Target(
        "time to first token after 512, s",
        *(26, 16, 11),
        lambda run: run.seconds("first_token_after_512_ms", "chromium", MODEL),
    ),
    Target(
        "decode, two ranks over one",
        *(1.6, 1.8, 1.95),
        lambda run: run.decode("chromium, 2 ranks") / run.decode("chromium"),
    ),
    Target(
        "decode, browser over native build",
        *(0.5, 0.65, 0.8),
        lambda run: run.decode("chromium") / run.decode("native"),
    ),
    Target(
        "greatest memory of the tab, its context of 512 full, GB",
        *(1.7, 1.55, 1.45),
        lambda run: run.value("page_full_bytes", "chromium", MODEL) / 1e9,
    ),
    Target(
        "page open to first token, everything cached, s",
        *(4, 2.5, 1.5),
        lambda run: run.seconds("first_token_ms", "chromium", EMBEDDED),
    ),
    Target(
        "download besides the model (brotli), MB",
        *(8, 6.5, 5),
        lambda run: run.value("shipped_bytes", "chromium", EMBEDDED) / 1e6,
    ),
)
