"""The public face of a loaded model: tokenize, generate and chat with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from bitnet import bench, engine, inspection, saved_state
from bitnet.chat import Turn
from bitnet.errors import BadArgument, NotReady
from bitnet.generation import Generation
from bitnet.prompt import check_messages, encode_chat
from bitnet.records import KV_PRECISIONS, KvPrecision, Message, ModelInfo, Sampling, WeightCounts
from bitnet.scoring import Scoring
from bitnet.template import ChatTemplate


class Model:
    """A loaded model with one KV cache, made by ``load``; ``close`` or ``async with`` frees its memory.

    Attributes:
        info: What it is; a new one after ``resize`` and ``use_chat_template``.
        template: The chat template in use.
        adds_space: The tokenizer puts a space before a text.
        verification: Compares the SHA-256 of a model that has been stored with what it should be: a task
            whose result is False if it is another one, None if nobody has said; None if there is no need.
    """

    verification: asyncio.Task[bool | None] | None = None

    def __init__(self, loaded: engine.Engine, *, chat_template: str | None = None) -> None:
        self._engine: engine.Engine | None = loaded
        raw = loaded.model.info()
        tokenizer = raw["tokenizer"]
        self.adds_space = tokenizer["model"] == "llama" and _adds_space_prefix(raw["metadata"])
        self.template = self._chat_template(raw, chat_template)
        self.info = describe(raw, loaded.kv, loaded.capacity, loaded.model.n_ranks, self.template.warnings)

    @property
    def engine(self) -> engine.Engine:
        """What runs the model; one level below this class.

        Raises:
            NotReady: The model has been closed.
        """
        if self._engine is None:
            raise NotReady("The model has been closed: load it again.")
        return self._engine

    @property
    def position(self) -> int:
        """Tokens in the KV cache, of ``info.context_length``."""
        return len(self.engine.ids)

    @property
    def kv_bytes_per_position(self) -> int:
        """What each position of the context costs."""
        return int(self.info.raw["kv_bytes_per_position"][self.info.kv])

    def resize(self, context_length: int | None, *, kv: str | None = None) -> None:
        """Give the context *context_length* positions, None for the default; the file is not read again.

        *kv* is its precision as ``load`` takes it, None for the one that it has.

        A conversation goes on: what the KV cache held is run again with the next prompt. Open streams end
        as cancelled.

        Raises:
            BadArgument, OutOfMemory: The context is as it was before.
        """
        if context_length is not None and context_length < 1:
            raise BadArgument(f"context_length={context_length} is too small: give at least 1.")
        precision = self.info.kv if kv is None else precision_of(kv)
        wanted = context_length or engine.default_context(self.engine.model)
        if (wanted, precision) != (self.engine.capacity, self.engine.kv):
            self.engine.resize(wanted, precision)
        length = self.engine.capacity
        self.info = replace(self.info, kv=self.engine.kv, context_length=length)
        self.info = replace(self.info, kv_cache_bytes=length * self.kv_bytes_per_position)

    def use_chat_template(self, chosen: str | None) -> None:
        """Render conversations with *chosen* from now on: as ``chat_template`` of ``load``.

        Raises:
            BadArgument: It is neither a name nor a template; the one before stays.
        """
        self.template = self._chat_template(self.info.raw, chosen)
        self.info = replace(self.info, warnings=(*self.info.raw["warnings"], *self.template.warnings))

    def _chat_template(self, raw: Mapping[str, Any], chosen: str | None) -> ChatTemplate:
        bos, eos = (self.control_name(raw["tokenizer"].get(key)) for key in ("bos", "eos"))
        return ChatTemplate(raw["chat_template"], chosen=chosen, bos_token=bos, eos_token=eos)

    def close(self) -> None:
        """Free all memory; a stream that is still open fails with NotReady. Closing twice is allowed."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = True) -> list[int]:
        """Ids of *text*; with BOS if the model asks for it, and with "<|eot_id|>" being that token."""
        return self.engine.model.tokenize(text, add_special=add_special, parse_special=parse_special)

    def detokenize(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Text of *ids*, U+FFFD for bytes that are not UTF-8; control tokens by name only if *special*.

        The inverse of ``tokenize``: the space that a SentencePiece tokenizer puts before a text is left out.
        """
        self.engine.check_tokens(ids)
        text = self.engine.model.pieces(ids, special=special).decode(errors="replace")
        return text.removeprefix(" ") if self.adds_space else text

    def control_name(self, token: int | None) -> str:
        """Text of a control token; "" for every other token, and for None or -1 (there is no such token)."""
        if token is None or token < 0:
            return ""
        native = self.engine.model
        return "" if native.piece(token) else native.piece(token, special=True).decode(errors="replace")

    def generate(
        self,
        ids: Sequence[int],
        *,
        max_tokens: int = 256,
        temperature: float = 0.7,
        top_k: int = 40,
        top_p: float = 0.95,
        min_p: float = 0.0,
        repeat_penalty: float = 1.0,
        repeat_last_n: int = 64,
        seed: int | None = None,
        logprobs: bool = False,
        top: int = 0,
        on_prompt: Callable[[int, int], object] = lambda *_: None,
    ) -> Generation:
        """A stream of tokens after *ids*; the same seed gives the same tokens everywhere.

        Args:
            logprobs: Fill ``token.logprob``.
            top: How many of the most probable tokens ``token.top`` holds.
            on_prompt: Called now and then, with how many tokens of the prompt have been run, and how many
                there are to run; those that the KV cache holds are not among them.
        """
        sampling = Sampling(temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, seed)
        return Generation(
            *(self.engine, ids),
            max_tokens=max_tokens,
            sampling=sampling,
            logprobs=logprobs,
            n_top=top,
            on_prompt=on_prompt,
        )

    def chat(
        self,
        messages: Iterable[Message | dict[str, str]],
        *,
        max_tokens: int = 256,
        temperature: float = 0.7,
        top_p: float = 0.95,
        stop: Sequence[str] | str = (),
        seed: int | None = None,
        continue_final_message: bool = False,
        **sampling: Any,
    ) -> Turn:
        """The answer to *messages* as a stream of text; *sampling* as in ``generate``.

        Turns of one conversation share their beginning, which stays in the KV cache.

        Args:
            continue_final_message: The last message is the beginning of the answer; the stream is the rest.
        Raises:
            BadArgument: There are no messages, or they are none; the one to continue is not the assistant's.
        """
        conversation = check_messages(messages)
        if continue_final_message and conversation[-1].role != "assistant":
            raise BadArgument(
                f"The message to continue is of the {conversation[-1].role}: end with one of the assistant."
            )

        def begin() -> Generation:
            ids = encode_chat(conversation, self.template, self, continue_final=continue_final_message)
            return self.generate(
                ids, max_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed, **sampling
            )

        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        drop_space = self.adds_space and not continue_final_message
        return Turn(begin, (*stops, *self.template.stop), drop_space=drop_space)

    def score(
        self,
        messages: Iterable[Message | dict[str, str]],
        *,
        top: int = 0,
        on_prompt: Callable[[int, int], object] = lambda *_: None,
    ) -> Scoring:
        """The tokens of the answer that ends *messages*, with their logprobs, as a stream.

        It takes about as long as the answer took: the model runs each token again. The tokens are those that
        the tokenizer makes of the text.

        Args:
            top: How many of the most probable tokens of each place ``token.top`` holds.
            on_prompt: As in ``generate``.
        Raises:
            BadArgument: There are no messages, or they are none; the last one is not the assistant's.
        """
        conversation = check_messages(messages)
        if conversation[-1].role != "assistant":
            raise BadArgument(
                f"The message to score is of the {conversation[-1].role}: end with one of the assistant."
            )
        prompt_ids = encode_chat(conversation[:-1], self.template, self)
        ids = self.tokenize(conversation[-1].content, add_special=False, parse_special=False)
        return Scoring(
            *(self.engine, prompt_ids, ids), n_top=top, drop_space=self.adds_space, on_prompt=on_prompt
        )

    async def logits(self, ids: Sequence[int]) -> memoryview[float]:
        """Logits at every position of *ids*: float32, shape ``(len(ids), n_vocab)``, not normalised."""
        return await self.engine.logits(ids)

    def count_weights(self) -> AsyncGenerator[WeightCounts]:
        """How many weights of each ternary tensor are -1, 0 and +1, in the order of the file.

        The model may go on answering meanwhile.

        Raises:
            NotReady: The model has been closed.
        """
        return inspection.count_weights(self.engine, self.info.raw["tensors"])

    def memory(self) -> list[dict[str, int]]:
        """What is held in memory, in bytes, of each rank: "weights", the "screen" of the output head,
        "vocabulary", "header" (metadata and tensor table), "kv_cache", and "scratch" for computing.
        """
        return inspection.memory(self.engine)

    def measure(
        self,
        *,
        contexts: Sequence[int] = bench.CONTEXTS,
        repeats: int = bench.REPEATS,
        on_progress: Callable[[int, int], object] = lambda *_: None,
    ) -> AsyncGenerator[list[bench.Speed]]:
        """How fast it is here: after each repeat, the speed at every context that fits; see ``bitnet.bench``.

        The KV cache stays as it is.
        """
        return bench.measure(self.engine, contexts=contexts, repeats=repeats, on_progress=on_progress)

    @property
    def state_bytes(self) -> int:
        """How many bytes ``save_state`` gives now."""
        return saved_state.state_bytes(self.engine)

    def save_state(self) -> AsyncGenerator[bytes, None]:
        """What the KV cache holds, in pieces of about 1 MiB: to go on later without running it again.

        The model may go on answering meanwhile.

        Raises:
            BadArgument: The KV cache is empty.
            NotReady: It was cut, or the model closed, before everything had been read.
        """
        return saved_state.save(self.engine)

    async def restore_state(self, pieces: AsyncIterable[bytes]) -> int:
        """Fill the KV cache with what ``save_state`` gave, cut anyhow; returns how many tokens that are.

        Open streams end as cancelled. What comes next has the bits that it would have had then, with any
        number of ranks.

        Raises:
            BadFile: The pieces are damaged, or end too early.
            Unsupported: They belong to another model, or to another ``kv``.
            ContextFull: They need a larger context length.
            NotReady: Another prompt has come in between.
            After each of them the KV cache is empty, and the model can be used.
        """
        return await saved_state.restore(self.engine, pieces)


def precision_of(kv: str) -> KvPrecision:
    """*kv* as one of ``KV_PRECISIONS``.

    Raises:
        BadArgument: It is none of them.
    """
    for known in KV_PRECISIONS:
        if kv == known:
            return known
    raise BadArgument(f'kv={kv!r} does not exist: choose "f16" or "int8", or leave it out.')


def _adds_space_prefix(metadata: list[dict[str, Any]]) -> bool:
    """Whether a SentencePiece tokenizer puts a space before a text: unless the file says no."""
    found = [entry for entry in metadata if entry["key"] == "tokenizer.ggml.add_space_prefix"]
    return all(entry.get("value") is not False for entry in found)


def describe(
    raw: Mapping[str, Any], kv: KvPrecision, context_length: int, n_ranks: int, warnings: Sequence[str] = ()
) -> ModelInfo:
    """What the core says of a model as a record, with *warnings* beside its own."""
    return ModelInfo(
        name=raw["name"] or "",
        architecture=raw["architecture"],
        kernel=raw["kernel"],
        n_params=raw["n_params"],
        n_vocab=raw["n_vocab"],
        n_layers=raw["n_layers"],
        n_embd=raw["n_embd"],
        n_ctx_train=raw["n_ctx_train"],
        context_length=context_length,
        n_ranks=n_ranks,
        weights_bytes=raw["weights_bytes"],
        kv=kv,
        kv_cache_bytes=context_length * raw["kv_bytes_per_position"][kv],
        chat_template=raw["chat_template"],
        warnings=(*raw["warnings"], *warnings),
        raw=raw,
    )
