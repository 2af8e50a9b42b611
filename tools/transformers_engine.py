"""BitNet as Hugging Face transformers runs it, with random weights, and the same weights as a GGUF file."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # its functions run as they are written, without a compiler

import numpy as np
import torch
from make_tiny_model import N_EMBD, N_VOCAB, Network, Tensor, gguf_file, metadata
from tiny_weights import BLOCKS
from transformers import BitNetConfig, BitNetForCausalLM
from transformers.integrations.bitnet import AutoBitLinear

#: Our name of each tensor of a layer: theirs.
NORMS = {
    "attn_norm": "input_layernorm",
    "attn_sub_norm": "self_attn.attn_sub_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_sub_norm": "mlp.ffn_sub_norm",
}
MATRICES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def random_bitnet(activation: str, ids: Sequence[int]) -> tuple[bytes, np.ndarray]:
    """A GGUF file, and what transformers says of *ids*: logits, float64, shape (n_tokens, n_vocab)."""
    network = Network("bitnet-b1.58" if activation == "relu2" else "bitnet", embedding="F32")
    torch.manual_seed(1)
    model = BitNetForCausalLM(config_of(network, activation)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0, 0.08)
        for layer in model.model.layers:
            for name in MATRICES.values():
                layer.set_submodule(name, ternary_linear(layer.get_submodule(name)))
        theirs = model(torch.tensor([list(ids)])).logits[0].double().numpy()
    return to_gguf(model, network), theirs


def config_of(network: Network, activation: str) -> BitNetConfig:
    return BitNetConfig(
        vocab_size=N_VOCAB,
        hidden_size=N_EMBD,
        intermediate_size=network.n_ff,
        num_hidden_layers=network.n_layers,
        num_attention_heads=network.n_heads,
        num_key_value_heads=network.n_kv_heads,
        max_position_embeddings=network.n_ctx,
        hidden_act=activation,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": network.rope_base},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="eager",
    )


def ternary_linear(linear: torch.nn.Linear) -> AutoBitLinear:
    """A layer that makes real weights ternary as it runs: round(w / mean|w|), times mean|w|."""
    ternary = AutoBitLinear(linear.in_features, linear.out_features, bias=False, online_quant=True)
    ternary.weight = linear.weight
    return ternary


def to_gguf(model: BitNetForCausalLM, network: Network) -> bytes:
    """The same weights, in the names and types of bitnet.cpp."""

    def vector(name: str, weight: torch.Tensor) -> Tensor:
        return name, tuple(weight.shape[::-1]), BLOCKS["F32"].number, weight.detach().numpy().tobytes()

    def matrix(name: str, weight: torch.Tensor) -> Tensor:
        return name, tuple(weight.shape[::-1]), BLOCKS["I2_S"].number, i2_s(weight.detach().numpy())

    tensors = [
        vector("token_embd.weight", model.model.embed_tokens.weight),
        vector("output_norm.weight", model.model.norm.weight),
    ]
    for number, layer in enumerate(model.model.layers):
        for ours, theirs in NORMS.items():
            tensors.append(vector(f"blk.{number}.{ours}.weight", layer.get_submodule(theirs).weight))
        for ours, theirs in MATRICES.items():
            tensors.append(matrix(f"blk.{number}.{ours}.weight", layer.get_submodule(theirs).weight))
    return gguf_file(metadata(network), tensors)


def i2_s(weight: np.ndarray) -> bytes:
    """Ternary by absolute mean (arXiv 2402.17764), codes in blocks of 128, then the scale and padding."""
    scale = max(float(np.abs(weight).mean()), 1e-5)
    codes = np.clip(np.rint(weight / scale), -1, 1).astype(np.uint8) + 1
    groups = codes.reshape(-1, 4, 32)
    packed = groups[:, 0] << 6 | groups[:, 1] << 4 | groups[:, 2] << 2 | groups[:, 3]
    return packed.astype(np.uint8).tobytes() + struct.pack("<f28x", scale)
