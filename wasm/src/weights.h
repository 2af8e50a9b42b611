// weights.h: the named tensors of a model: which are needed, of what shape, and where their bytes go.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config.h"
#include "gguf.h"
#include "memory.h"
#include "status.h"

namespace bitnet {

// Which rows of every matrix this copy of a model holds.
struct Rank {
  uint32_t index = 0;
  uint32_t count = 1;

  // This rank's part of n items handed out in whole units: [begin, end).
  struct Part {
    size_t begin, end;
  };
  Part part(size_t n, size_t unit) const noexcept {
    const size_t n_units = (n + unit - 1) / unit;
    const auto edge = [&](size_t rank) { return std::min(n, n_units * rank / count * unit); };
    return {edge(index), edge(index + 1)};
  }
};

// Rows [first_row, first_row + n_rows) of a matrix with rows of n_cols, as in the file.
struct Matrix {
  TensorType type = TensorType::f32;
  size_t n_cols = 0;
  size_t first_row = 0;
  size_t n_rows = 0;
  const uint8_t* data = nullptr;
  const float* scale = nullptr;  // I2_S: the scale of the whole tensor
};

using Vector = std::span<const float>;  // empty: the file has none

struct Layer {
  Vector attn_norm, attn_sub_norm, ffn_norm, ffn_sub_norm;
  Vector q_norm, k_norm;  // [head_dim]
  Matrix q, k, v, output, gate, up, down;
  Vector q_bias, k_bias, v_bias, output_bias;  // [rows of the whole matrix]
};

struct Weights {
  Matrix token_embd;  // [n_vocab, n_embd]
  Matrix output;      // the same matrix when it is tied
  Vector output_norm;
  Vector rope_freqs;  // [n_rot / 2] divisors of the angles
  std::vector<Layer> layers;
};

// One run of file bytes that is kept.
struct Segment {
  enum class Kind { ternary_codes, scale, numbers };
  uint64_t begin = 0;  // in the file
  uint64_t end = 0;
  uint8_t* destination = nullptr;
  Kind kind = Kind::numbers;
  const TensorInfo* tensor = nullptr;
};

// Find every tensor, check its type and shape, and lay out memory. Call it with a planner without a block to
// learn the size, then with the block; `segments` is in file order.
Status plan_weights(const GgufHeader& header, const Config& config, Rank rank, Planner& planner, Weights& weights,
                    std::vector<Segment>& segments);

}  // namespace bitnet
