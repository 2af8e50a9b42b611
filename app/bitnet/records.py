"""The data that crosses rooms: frozen, without behaviour of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Role = Literal["system", "user", "assistant"]
ROLES: tuple[str, ...] = get_args(Role)

#: Why a generation ended: an end token, ``max_tokens``, a stop string, the caller, or a full KV cache.
StopReason = Literal["end", "length", "stop", "cancelled", "context"]


#: What the KV cache keeps of keys and values, in the order of bitnet.h: half floats, or bytes with a unit for
#: each vector.
KvPrecision = Literal["f16", "int8"]
KV_PRECISIONS: tuple[KvPrecision, ...] = get_args(KvPrecision)

#: How the output head runs: with a screened copy, or without, which takes less memory.
PROFILES = ("fast", "lean")


#: What a rank holds in memory, in the order of bitnet.h.
MEMORY_PARTS = ("weights", "screen", "vocabulary", "header", "kv_cache", "scratch")


@dataclass(frozen=True, slots=True)
class WeightCounts:
    """How many weights of a ternary tensor are -1, 0 and +1. *layer* is None outside of layers."""

    tensor: str
    layer: int | None
    minus: int
    zero: int
    plus: int

    @property
    def n_weights(self) -> int:
        return self.minus + self.zero + self.plus


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation."""

    role: Role
    content: str


#: What a transfer does: bytes come, it waits to try again, a person has paused it, or another tab or program
#: fetches the same file and this one waits for it.
TransferState = Literal["receiving", "waiting", "paused", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a model has arrived. *total_bytes* is None while nobody has said.

    *from_storage_bytes* of them were stored before. *retry_in_s* counts from now, where *state* is "waiting".
    *remark* is a sentence about what is unusual, such as a file that could not be stored.
    """

    received_bytes: int
    total_bytes: int | None
    state: TransferState = "receiving"
    retry_in_s: float | None = None
    from_storage_bytes: int = 0
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    *piece* is its bytes, perhaps part of a UTF-8 sequence; *text* is what it adds to the text so far, ""
    while a sequence is incomplete. *logprob* (natural logarithm, before sampling settings) and *top* (ids
    with their logprobs, best first) are there only when asked for.
    """

    id: int
    piece: bytes
    text: str = ""
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. Temperature 0 is greedy; top_k 0 lets every token take part, which costs
    time: the output head must then be computed as a whole.
    """

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Of one generation. *prefill_tokens* counts what was run, without the reused part of the KV cache;
    *scored_rows* is the mean number of rows of the output head that a choice needed exactly.
    """

    prefill_tokens: int = 0
    prefill_ms: float = 0.0
    decode_tokens: int = 0
    decode_ms: float = 0.0
    scored_rows: float = 0.0

    @property
    def decode_tokens_per_s(self) -> float:
        return 1000 * self.decode_tokens / self.decode_ms if self.decode_ms else 0.0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model is. *raw* is all that the core says: metadata, tensors, tokenizer."""

    name: str
    architecture: str
    kernel: str
    n_params: int
    n_vocab: int
    n_layers: int
    n_embd: int
    n_ctx_train: int
    context_length: int
    n_ranks: int
    weights_bytes: int
    kv: KvPrecision
    kv_cache_bytes: int
    chat_template: str | None
    warnings: tuple[str, ...]
    raw: Mapping[str, Any]
