// float_tiles.h: the fast twin of matmul_f32. What is read of a row serves two tokens, what is read of a token four
// rows. A sum's 16 lanes take turns in the registers, a vector of them at a time (Lanes: see wide_blocks.h), over
// columns that stay in the nearest cache meanwhile.
#pragma once

#include <algorithm>

#include "kernels.h"
#include "wide_blocks.h"

namespace bitnet::wide {

template <class Lanes>
struct FloatTiles {
  using Floats = typename Lanes::Floats;
  static constexpr size_t cols_at_a_time = 512;

  const float* rows;
  size_t n_cols;
  const float* x;
  float* out;
  size_t out_stride;

  template <size_t n_rows, size_t n_tokens>
  inline void tile(size_t row, size_t token) const noexcept {
    const float* a = rows + row * n_cols;
    const float* b = x + token * n_cols;
    const size_t whole = n_cols - n_cols % n_sum_lanes;
    Lanes lanes[n_rows][n_tokens];
    for (size_t begin = 0; begin < whole; begin += cols_at_a_time) {
      const size_t end = std::min(whole, begin + cols_at_a_time);
      for (size_t part = 0; part < Lanes::n_parts; ++part) {
        Floats sums[n_rows][n_tokens];
        for (size_t r = 0; r < n_rows; ++r)
          for (size_t t = 0; t < n_tokens; ++t) sums[r][t] = lanes[r][t].part[part];
        for (size_t col = begin + part * Lanes::width; col < end; col += n_sum_lanes) {
          Floats with[n_tokens];
          for (size_t t = 0; t < n_tokens; ++t) with[t] = load<Floats>(b + t * n_cols + col);
          for (size_t r = 0; r < n_rows; ++r) {
            const Floats weights = load<Floats>(a + r * n_cols + col);
            for (size_t t = 0; t < n_tokens; ++t) sums[r][t] += weights * with[t];
          }
        }
        for (size_t r = 0; r < n_rows; ++r)
          for (size_t t = 0; t < n_tokens; ++t) lanes[r][t].part[part] = sums[r][t];
      }
    }
    for (size_t r = 0; r < n_rows; ++r)
      for (size_t t = 0; t < n_tokens; ++t)
        out[(token + t) * out_stride + row + r] = lanes[r][t].fold_with_tail(
            n_cols - whole, [&](size_t i) { return a[r * n_cols + whole + i] * b[t * n_cols + whole + i]; });
  }

  template <size_t n_rows>
  inline void all_tokens(size_t row, size_t n_tokens) const noexcept {
    size_t token = 0;
    for (; token + 2 <= n_tokens; token += 2) tile<n_rows, 2>(row, token);
    if (token < n_tokens) tile<n_rows, 1>(row, token);
  }

  inline void run(size_t n_rows, size_t n_tokens) const noexcept {
    size_t row = 0;
    for (; row + 4 <= n_rows; row += 4) all_tokens<4>(row, n_tokens);
    for (; row < n_rows; ++row) all_tokens<1>(row, n_tokens);
  }
};

template <class Lanes>
void matmul_f32(const float* rows, size_t n_rows, size_t n_cols, const float* x, size_t n_tokens, float* out,
                size_t out_stride) {
  FloatTiles<Lanes>{rows, n_cols, x, out, out_stride}.run(n_rows, n_tokens);
}

}  // namespace bitnet::wide
