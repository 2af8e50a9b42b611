// output_screen.h: which rows of the output head can matter, from a copy of it in 7 bits.
//
// The head is the largest matrix that a token needs. Its copy takes half the bytes of half floats (or less) and integer
// arithmetic, and comes with a bound: the score of a row, as the exact head would compute it, lies between `lower` and
// `upper`. Only rows whose upper bound reaches the best lower ones are then computed from the stored table, so that
// what is chosen is what the exact head chooses, by construction.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernels.h"
#include "memory.h"
#include "weights.h"

namespace bitnet {

class OutputScreen {
 public:
  // Ternary heads are fast as they are; bias and factors would have to be carried along.
  static bool suits(const Matrix& head) noexcept;
  static uint64_t n_bytes(uint64_t n_rows, size_t n_cols) noexcept {
    return n_rows * (padded(n_cols) + 2 * sizeof(float));
  }

  // Room for the rows of a head that suits.
  void plan(Planner& planner, const Matrix& head);
  bool empty() const noexcept { return rows_.empty(); }
  uint64_t n_bytes() const noexcept { return rows_.size() + scales_.size_bytes() + errors_.size_bytes(); }

  // Once the head's numbers are there. `row` is scratch of n_cols floats.
  void fill(const KernelSet& kernels, const Matrix& head, std::span<float> row) noexcept;

  // Bounds of the scores of the head's rows for x, [n_rows] each; `values` is scratch of values_size(n_cols) bytes.
  // False where numbers are too large, or too small, to tell.
  bool bounds(const KernelSet& kernels, std::span<const float> x, std::span<int8_t> values, float* lower,
              float* upper) const noexcept;
  static size_t values_size(size_t n_cols) noexcept { return 2 * padded(n_cols); }

 private:
  static size_t padded(size_t n_cols) noexcept { return (n_cols + 15) / 16 * 16; }

  size_t n_cols_ = 0;
  std::span<uint8_t> rows_;  // [n_rows][padded] w = scale * (byte - 64) + error, 1 <= byte <= 127
  std::span<float> scales_;  // [n_rows]
  std::span<float> errors_;  // [n_rows] at least the length of a row's vector of errors
};

}  // namespace bitnet
