// weights.h: the named tensors of a model: which are needed, of what shape, and where their bytes go.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"
#include "gguf.h"
#include "memory.h"
#include "status.h"

namespace bitnet {

// Which rows of every matrix this copy of a model holds.
struct Rank {
  static constexpr size_t row_unit = 4;  // kernels run four rows at a time

  uint32_t index = 0;
  uint32_t count = 1;

  // This rank's part of n items handed out in whole units: [begin, end).
  struct Part {
    size_t begin, end;
  };
  Part part(size_t n, size_t unit) const noexcept {
    const uint64_t n_units = (n + unit - 1) / unit;
    const auto edge = [&](uint64_t rank) { return std::min(n, static_cast<size_t>(n_units * rank / count) * unit); };
    return {edge(index), edge(index + 1)};
  }
};

using Vector = std::span<const float>;  // empty: the file has none

// Rows [first_row, first_row + n_rows) of a matrix with rows of n_cols, as in the file or, of ternary blocks, as
// I2_S codes.
struct Matrix {
  const char* name = "";  // "attn_q"
  TensorType type = TensorType::f32;
  size_t n_cols = 0;
  size_t first_row = 0;
  size_t n_rows = 0;
  const uint8_t* data = nullptr;
  Vector scale;  // ternary: [1] of the whole tensor, or [n_rows] with NaN where blocks of a row differ
  // [n_rows][n_cols / 256] half floats, where there are such rows.
  std::span<const uint16_t> block_scales;
  Vector output_scale;  // [1] multiplies the product, where a file has it
  Vector bias;          // [rows of the whole matrix] is added then, where a file has it
};

struct Layer {
  Vector attn_norm, attn_sub_norm, ffn_norm, ffn_sub_norm;
  Vector q_norm, k_norm;  // [head_dim]
  Matrix q, k, v, output, gate, up, down;

  std::array<const Matrix*, 7> matrices() const noexcept { return {&q, &k, &v, &output, &gate, &up, &down}; }
};

struct Weights {
  Matrix token_embd;  // [n_vocab, n_embd]
  Matrix output;      // the same matrix when it is tied
  Vector output_norm;
  Vector rope_freqs;  // [n_rot / 2] divisors of the angles
  std::vector<Layer> layers;

  // The matrix that a tensor of the file is run as; null for what is none.
  const Matrix* find(std::string_view tensor) const noexcept;
};

// One run of file bytes that is kept.
struct Segment {
  enum class Kind { ternary_codes, ternary_blocks, scale, numbers };
  uint64_t begin = 0;  // in the file
  uint64_t end = 0;
  uint8_t* destination = nullptr;  // of bytes as they are, or of ternary blocks as I2_S codes
  Kind kind = Kind::numbers;
  const TensorInfo* tensor = nullptr;
  Matrix* matrix = nullptr;  // of ternary blocks, and where their scales go
  std::span<uint16_t> block_scales = {};
  std::span<float> row_scales = {};
};

// Every tensor that the architecture has or may have, and which of them have been found, in one file or in several.
class Inventory {
 public:
  // Lists what `weights` needs; their layers must not move afterwards.
  Inventory(const Config& config, Rank rank, Weights& weights);

  // Check names, types and shapes of the tensors of one file and lay out their memory. Call it with a planner without
  // a block to learn the size, then with the block; `segments` is in file order.
  Status plan(const GgufHeader& header, Planner& planner, std::vector<Segment>& segments);

  // After the last file: is anything missing? Ties the output to token_embd where there is none of its own.
  Status complete();

 private:
  struct Slot {
    std::string name;
    size_t n_cols = 0;
    size_t n_rows = 0;
    bool required = false;
    Matrix* matrix = nullptr;  // or
    Vector* vector = nullptr;  // or neither: the tensor plays no part
    Rank::Part part = {0, 0};  // of the matrix
    const TensorInfo* found = nullptr;
  };

  void add_matrix(const std::string& block, const char* name, size_t n_cols, size_t n_rows, Rank::Part part,
                  Matrix& matrix);
  void add_vector(const std::string& name, size_t n, bool required, Vector& vector);
  Status place_matrix(const TensorInfo& tensor, const Slot& slot, Planner& planner, std::vector<Segment>& segments);
  static void place_ternary_blocks(const TensorInfo& tensor, Matrix& matrix, Planner& planner,
                                   std::vector<Segment>& segments);

  Weights& weights_;
  std::vector<Slot> slots_;  // sorted by name
};

}  // namespace bitnet
