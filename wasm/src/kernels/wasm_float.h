// wasm_float.h: the float kernels, and those of attention, with 128-bit vectors; the same for simd128 and relaxed.
//
// A half float widened by a shift is the float scaled by 2^-112 (subnormals included, exactly). The other
// operand is scaled by 2^112 instead, so the rounded product is that of the definition.
#pragma once

#include <wasm_simd128.h>

#include <bit>

#include "../half.h"
#include "far_rows.h"
#include "kernels.h"
#include "mix.h"
#include "scalar.h"
#include "wide_blocks.h"

namespace bitnet::wasm {

struct Lanes {  // the 16 lanes of a float sum; see wide_blocks.h
  using Floats = float __attribute__((vector_size(16)));
  static constexpr size_t n_parts = 4, width = 4;
  static constexpr float unit = 0x1p24f;

  // Zeros are put below each byte: that is one instruction, where widening upper halves takes two.
  static Floats numbers(wide::Quants quants, size_t part) noexcept {
    const v128_t zeros = wasm_i8x16_splat(0), bytes = reinterpret_cast<v128_t>(quants);
    const v128_t words =
        part < 2 ? wasm_i8x16_shuffle(zeros, bytes, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
                 : wasm_i8x16_shuffle(zeros, bytes, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return reinterpret_cast<Floats>(
        wasm_f32x4_convert_i32x4(part % 2 == 0 ? wasm_i16x8_shuffle(zeros, words, 0, 8, 1, 9, 2, 10, 3, 11)
                                               : wasm_i16x8_shuffle(zeros, words, 4, 12, 5, 13, 6, 14, 7, 15)));
  }
  static wide::Bytes16 look_up(const int8_t (&table)[16], wide::Bytes16 indices) noexcept {
    return reinterpret_cast<wide::Bytes16>(
        wasm_i8x16_swizzle(wasm_v128_load(table), reinterpret_cast<v128_t>(indices)));
  }

  Floats part[4] = {};

  void add_product(size_t i, Floats a, Floats b) noexcept { part[i] += a * b; }
  void add_product(size_t i, v128_t a, v128_t b) noexcept {
    add_product(i, reinterpret_cast<Floats>(a), reinterpret_cast<Floats>(b));
  }
  // In the order of scalar::fold.
  float fold() const noexcept {
    const Floats sum = (part[0] + part[2]) + (part[1] + part[3]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
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
  using Row = uint16_t;
  using Weight = float;
  using Sum = float;
  v128_t low, high;

  static float product(float factor, uint16_t half) noexcept { return factor * float_from_half(half); }
  static Floats8 load(const float* from) noexcept { return {wasm_v128_load(from), wasm_v128_load(from + 4)}; }
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

struct Sums8 {  // of pairs
  using Row = BytePair;
  using Weight = WordPair;
  using Sum = int32_t;
  v128_t low, high;

  static int32_t product(WordPair factor, BytePair numbers) noexcept { return scalar::product(factor, numbers); }
  static Sums8 load(const int32_t* from) noexcept { return {wasm_v128_load(from), wasm_v128_load(from + 4)}; }
  static Sums8 widen(const BytePair* pairs) noexcept {  // 16-bit numbers
    return {wasm_i16x8_load8x8(pairs), wasm_i16x8_load8x8(pairs + 4)};
  }
  void add_product(WordPair factor, Sums8 numbers) noexcept {
    const v128_t splat = wasm_i32x4_splat(std::bit_cast<int32_t>(factor));
    low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(splat, numbers.low));
    high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(splat, numbers.high));
  }
  void store(int32_t* to) const noexcept {
    wasm_v128_store(to, low);
    wasm_v128_store(to + 4, high);
  }
};

inline void mix_i8(const BytePair* rows, size_t n_rows, size_t n_cols, const WordPair* weights, size_t weights_stride,
                   size_t n_mixes, int32_t* out, size_t out_stride) {
  Mix<Sums8>{rows, n_rows, n_cols, weights, weights_stride, out, out_stride}.run(n_mixes);
}

}  // namespace bitnet::wasm
