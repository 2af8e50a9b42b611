// mix.h: mix_f16 over any vector type. A tile of columns stays in registers while all rows pass, and what is read of
// a row serves several mixes at once.
//
// Floats8 is eight floats: Floats8::widen(const uint16_t*), zero by default, add_product(float, Floats8),
// store(float*).
#pragma once

#include <cstddef>
#include <cstdint>

#include "../half.h"

namespace bitnet {

template <class Floats8>
struct Mix {
  const uint16_t* rows;
  size_t n_rows, n_cols;
  const float* weights;
  size_t weights_stride;
  float* out;
  size_t out_stride;

  template <size_t n_mixes, size_t n_vectors>
  inline void tile(size_t mix, size_t col) const noexcept {
    Floats8 sums[n_mixes][n_vectors] = {};
    const uint16_t* at = rows + col;
    const float* weight = weights + mix * weights_stride;
    for (size_t row = 0; row < n_rows; ++row, at += n_cols, ++weight)
      for (size_t v = 0; v < n_vectors; ++v) {
        const Floats8 numbers = Floats8::widen(at + 8 * v);
        for (size_t m = 0; m < n_mixes; ++m) sums[m][v].add_product(weight[m * weights_stride], numbers);
      }
    for (size_t m = 0; m < n_mixes; ++m)
      for (size_t v = 0; v < n_vectors; ++v) sums[m][v].store(out + (mix + m) * out_stride + col + 8 * v);
  }

  template <size_t n_mixes, size_t n_vectors>
  inline void columns(size_t mix) const noexcept {
    size_t col = 0;
    for (; col + 8 * n_vectors <= n_cols; col += 8 * n_vectors) tile<n_mixes, n_vectors>(mix, col);
    for (; col + 8 <= n_cols; col += 8) tile<n_mixes, 1>(mix, col);
    for (; col < n_cols; ++col)
      for (size_t m = mix; m < mix + n_mixes; ++m) {
        float sum = 0;
        for (size_t row = 0; row < n_rows; ++row)
          sum += weights[m * weights_stride + row] * float_from_half(rows[row * n_cols + col]);
        out[m * out_stride + col] = sum;
      }
  }

  inline void run(size_t n_mixes) const noexcept {
    size_t mix = 0;
    for (; mix + 4 <= n_mixes; mix += 4) columns<4, 1>(mix);
    for (; mix + 2 <= n_mixes; mix += 2) columns<2, 2>(mix);
    if (mix < n_mixes) columns<1, 4>(mix);
  }
};

}  // namespace bitnet
