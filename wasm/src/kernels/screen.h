// screen.h: what the fast twins of screen_rows share: four rows far apart together, as in far_rows.h, and the offset of
// 64 taken off at the end.
#pragma once

#include <cstddef>
#include <cstdint>

#include "far_rows.h"
#include "scalar.h"

namespace bitnet {

struct ScreenOffsets {  // 64 * the sum of each part of x
  int32_t high, low;
};

using ScreenFarRows = void(const uint8_t* rows, size_t stream_stride, size_t n_cols, const int8_t* x,
                           ScreenOffsets offsets, float* out, size_t out_stride) noexcept;

template <ScreenFarRows four_rows, ScreenFarRows one_row>
inline void walk_screen(const uint8_t* rows, size_t n_rows, size_t n_cols, const int8_t* x, float* out) noexcept {
  ScreenOffsets offsets = {0, 0};
  for (size_t col = 0; col < n_cols; ++col) {
    offsets.high += 64 * x[col];
    offsets.low += 64 * x[n_cols + col];
  }
  walk_far_rows(
      n_rows,
      [&](size_t row, size_t distance) {
        four_rows(rows + row * n_cols, distance * n_cols, n_cols, x, offsets, out + row, distance);
      },
      [&](size_t row) { one_row(rows + row * n_cols, 0, n_cols, x, offsets, out + row, 1); });
}

}  // namespace bitnet
