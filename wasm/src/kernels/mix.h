// mix.h: sums of weighted rows, as mix_f16 and mix_i8 are, over any vector type. A tile of columns stays in registers
// while rows pass, and what is read of a row serves several mixes at once. So many rows pass that all their columns
// stay in the nearest cache: each column's sum goes on where the rows before have left it.
//
// Vector is eight sums, zero by default, with types Row, Weight and Sum of one element each: Vector::widen(const Row*)
// gives numbers for add_product(Weight, numbers); load(const Sum*), store(Sum*); product(Weight, Row) is that of one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace bitnet {

template <class Vector>
struct Mix {
  using Row = typename Vector::Row;
  using Weight = typename Vector::Weight;
  using Sum = typename Vector::Sum;

  const Row* rows;
  size_t n_rows, n_cols;
  const Weight* weights;
  size_t weights_stride;
  Sum* out;
  size_t out_stride;

  inline void run(size_t n_mixes) const noexcept {
    constexpr size_t bytes_at_once = 16 << 10;  // half of the smallest nearest cache
    const size_t n_at_once = std::max<size_t>(1, bytes_at_once / (n_cols * sizeof(Row)));
    for (size_t m = 0; m < n_mixes; ++m) std::fill_n(out + m * out_stride, n_cols, Sum{0});
    for (size_t begin = 0; begin < n_rows; begin += n_at_once) {
      const Pass pass = {begin, std::min(n_rows, begin + n_at_once)};
      size_t mix = 0;
      for (; mix + 4 <= n_mixes; mix += 4) columns<4, 1>(pass, mix);
      for (; mix + 2 <= n_mixes; mix += 2) columns<2, 2>(pass, mix);
      if (mix < n_mixes) columns<1, 4>(pass, mix);
    }
  }

 private:
  struct Pass {
    size_t begin, end;
  };

  template <size_t n_mixes, size_t n_vectors>
  inline void columns(Pass pass, size_t mix) const noexcept {
    size_t col = 0;
    for (; col + 8 * n_vectors <= n_cols; col += 8 * n_vectors) tile<n_mixes, n_vectors>(pass, mix, col);
    for (; col + 8 <= n_cols; col += 8) tile<n_mixes, 1>(pass, mix, col);
    for (; col < n_cols; ++col)
      for (size_t m = mix; m < mix + n_mixes; ++m)
        for (size_t row = pass.begin; row < pass.end; ++row)
          out[m * out_stride + col] += Vector::product(weights[m * weights_stride + row], rows[row * n_cols + col]);
  }

  template <size_t n_mixes, size_t n_vectors>
  inline void tile(Pass pass, size_t mix, size_t col) const noexcept {
    Vector sums[n_mixes][n_vectors];
    Sum* to = out + mix * out_stride + col;
    for (size_t m = 0; m < n_mixes; ++m)
      for (size_t v = 0; v < n_vectors; ++v) sums[m][v] = Vector::load(to + m * out_stride + 8 * v);
    const Row* at = rows + pass.begin * n_cols + col;
    const Weight* weight = weights + mix * weights_stride + pass.begin;
    for (size_t row = pass.begin; row < pass.end; ++row, at += n_cols, ++weight)
      for (size_t v = 0; v < n_vectors; ++v) {
        const auto numbers = Vector::widen(at + 8 * v);
        for (size_t m = 0; m < n_mixes; ++m) sums[m][v].add_product(weight[m * weights_stride], numbers);
      }
    for (size_t m = 0; m < n_mixes; ++m)
      for (size_t v = 0; v < n_vectors; ++v) sums[m][v].store(to + m * out_stride + 8 * v);
  }
};

}  // namespace bitnet
