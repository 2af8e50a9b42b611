// config.h: what kind of network a file holds: its architecture's rules and its hyperparameters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metadata.h"
#include "status.h"

namespace bitnet {

// Which elements of a head rotate together: (2i, 2i + 1), or (i, i + n_rot / 2).
enum class RopePairs { neighbours, halves };
enum class Activation { squared_relu, silu };

// How architectures differ, as data: the forward pass asks nothing else. Optional tensors (biases, rope_freqs,
// per-head norms) are used where a file has them.
struct Architecture {
  const char* name;
  RopePairs rope_pairs;
  Activation activation;
  bool sub_norms;   // attn_sub_norm before the output projection, ffn_sub_norm before the down projection
  bool head_norms;  // attn_q_norm and attn_k_norm on every head, before RoPE
  bool tied;        // logits always come from token_embd
};

struct Config {
  Architecture architecture;
  std::string name;  // general.name, may be empty
  size_t n_vocab = 0;
  size_t n_layers = 0;
  size_t n_embd = 0;
  size_t n_ff = 0;
  size_t n_heads = 0;
  size_t n_kv_heads = 0;
  size_t head_dim = 0;
  size_t n_rot = 0;  // leading elements of a head that rotate
  size_t n_ctx_train = 0;
  float rope_base = 10000.0f;
  float rope_scale = 1.0f;  // positions are divided by it (rope.scaling "linear")
  float rms_eps = 0;

  size_t q_dim() const noexcept { return n_heads * head_dim; }
  size_t kv_dim() const noexcept { return n_kv_heads * head_dim; }
};

// Read and check all of it. n_vocab is the number of the tokenizer's tokens.
Status read_config(const Metadata& metadata, size_t n_vocab, Config& config, std::vector<std::string>& warnings);

}  // namespace bitnet
