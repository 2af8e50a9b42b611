"""Every type that a table of embeddings may have, against the dequantiser of the `gguf` package.

The same model is loaded twice: with the table as it is, and with the F32 numbers that `gguf` makes of it. The
embeddings go in through one, the logits come out through the other, and all bits of the logits must agree.
"""

import asyncio

import bitnet
import pytest
from worlds import needs_numpy

TOKENS = [5, 0, 319, 77, 5, 5, 201]


def logits(file: bytes) -> bytes:
    async def run() -> bytes:
        async with await bitnet.load(file) as model:
            return (await model.logits(TOKENS)).tobytes()

    return asyncio.run(run())


@needs_numpy
@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q6_K"])
def test_a_table_of_embeddings_means_what_gguf_says(kind: str) -> None:
    import gguf
    import make_tiny_model
    import numpy

    table = make_tiny_model.embedding(make_tiny_model.random.Random(3), kind)
    number = gguf.GGMLQuantizationType[kind]
    blocks = numpy.frombuffer(table, dtype=numpy.uint8).reshape(make_tiny_model.N_VOCAB, -1)
    if kind == "F16":
        blocks = blocks.view(numpy.float16)
    elif kind == "F32":
        blocks = blocks.view(numpy.float32)
    as_floats = gguf.quants.dequantize(blocks, number).astype(numpy.float32).tobytes()

    stored = logits(make_tiny_model.tiny_model(embedding_kind=kind, embedding_bytes=table))
    dequantised = logits(make_tiny_model.tiny_model(embedding_kind="F32", embedding_bytes=as_floats))
    assert stored == dequantised
    assert stored != logits(make_tiny_model.tiny_model(seed=2, embedding_kind=kind, embedding_bytes=table))
