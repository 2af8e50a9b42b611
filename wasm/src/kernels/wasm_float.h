// wasm_float.h: the float kernels with 128-bit vectors; the same for simd128 and relaxed.
//
// A half float widened by a shift is the float scaled by 2^-112 (subnormals included, exactly). The other
// operand is scaled by 2^112 instead, so the rounded product is that of the definition.
#pragma once

#include <wasm_simd128.h>

#include "../half.h"
#include "far_rows.h"
#include "kernels.h"
#include "mix.h"
#include "scalar.h"

namespace bitnet::wasm {

struct Lanes {  // the 16 lanes of a float sum
  v128_t part[4] = {wasm_f32x4_splat(0), wasm_f32x4_splat(0), wasm_f32x4_splat(0), wasm_f32x4_splat(0)};

  void add_product(size_t i, v128_t a, v128_t b) noexcept { part[i] = wasm_f32x4_add(part[i], wasm_f32x4_mul(a, b)); }
  // In the order of scalar::fold.
  float fold() const noexcept {
    v128_t sum = wasm_f32x4_add(wasm_f32x4_add(part[0], part[2]), wasm_f32x4_add(part[1], part[3]));
    sum = wasm_f32x4_add(sum, wasm_i32x4_shuffle(sum, sum, 2, 3, 0, 1));
    return wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1);
  }
  // The sum, after adding the products of the last n < 16 elements.
  template <class Product>
  float fold_with_tail(size_t n, Product product) const noexcept {
    if (n == 0) return fold();
    float lanes[n_sum_lanes];
    for (size_t i = 0; i < 4; ++i) wasm_v128_store(lanes + 4 * i, part[i]);
    for (size_t i = 0; i < n; ++i) lanes[i] += product(i);
    return scalar::fold(lanes);
  }
};

// Four half floats to floats times 2^-112.
inline v128_t widen_scaled(const uint16_t* half) noexcept {
  return wasm_v128_and(wasm_i32x4_shl(wasm_i32x4_load16x4(half), 13), wasm_u32x4_splat(0x8fffe000u));
}

inline bool within_f16_limit(const float* x, size_t n) noexcept {
  bool within = true;
  for (size_t i = 0; i < n; ++i) within &= x[i] < f16_dot_limit && x[i] > -f16_dot_limit;
  return within;
}

// Rows far apart: more memory pages are read at once, which the prefetcher rewards.
template <size_t n_streams>
inline void dot_f16_rows(const uint16_t* rows, size_t row_stride, size_t n_cols, const float* x, float* out,
                         size_t out_stride) noexcept {
  const v128_t scale = wasm_f32x4_splat(0x1p112f);
  Lanes lanes[n_streams];
  const size_t whole = n_cols & ~(n_sum_lanes - 1);
  for (size_t col = 0; col < whole; col += n_sum_lanes)
    for (size_t i = 0; i < 4; ++i) {
      const v128_t scaled_x = wasm_f32x4_mul(wasm_v128_load(x + col + 4 * i), scale);
      for (size_t s = 0; s < n_streams; ++s)
        lanes[s].add_product(i, widen_scaled(rows + s * row_stride + col + 4 * i), scaled_x);
    }
  for (size_t s = 0; s < n_streams; ++s)
    out[s * out_stride] = lanes[s].fold_with_tail(
        n_cols - whole, [&](size_t i) { return float_from_half(rows[s * row_stride + whole + i]) * x[whole + i]; });
}

inline void matvec_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out) {
  if (!within_f16_limit(x, n_cols)) return scalar::matvec_f16(rows, n_rows, n_cols, x, out);
  walk_far_rows(
      n_rows,
      [&](size_t row, size_t distance) {
        dot_f16_rows<4>(rows + row * n_cols, distance * n_cols, n_cols, x, out + row, distance);
      },
      [&](size_t row) { dot_f16_rows<1>(rows + row * n_cols, 0, n_cols, x, out + row, 1); });
}

inline float dot_f32(const float* a, const float* b, size_t n) {
  Lanes lanes;
  const size_t whole = n & ~(n_sum_lanes - 1);
  for (size_t at = 0; at < whole; at += n_sum_lanes)
    for (size_t i = 0; i < 4; ++i) lanes.add_product(i, wasm_v128_load(a + at + 4 * i), wasm_v128_load(b + at + 4 * i));
  return lanes.fold_with_tail(n - whole, [&](size_t i) { return a[whole + i] * b[whole + i]; });
}

struct Floats8 {
  v128_t low = wasm_f32x4_splat(0), high = wasm_f32x4_splat(0);

  static Floats8 widen(const uint16_t* half) noexcept {
    const v128_t scale = wasm_f32x4_splat(0x1p112f);
    return {wasm_f32x4_mul(widen_scaled(half), scale), wasm_f32x4_mul(widen_scaled(half + 4), scale)};
  }
  void add_product(float factor, Floats8 numbers) noexcept {
    const v128_t splat = wasm_f32x4_splat(factor);
    low = wasm_f32x4_add(low, wasm_f32x4_mul(splat, numbers.low));
    high = wasm_f32x4_add(high, wasm_f32x4_mul(splat, numbers.high));
  }
  void store(float* to) const noexcept {
    wasm_v128_store(to, low);
    wasm_v128_store(to + 4, high);
  }
};

inline void mix_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* weights, size_t weights_stride,
                    size_t n_mixes, float* out, size_t out_stride) {
  Mix<Floats8>{rows, n_rows, n_cols, weights, weights_stride, out, out_stride}.run(n_mixes);
}

}  // namespace bitnet::wasm
