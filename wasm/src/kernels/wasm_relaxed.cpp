// wasm_relaxed.cpp: I2_S with the relaxed dot product, on the bytes as they lie in the file.
//
// relaxed_dot multiplies signed bytes by bytes of 7 bits and adds neighbours into 16 bits: the code (0..2, or
// 0..8 when it still stands two bits to the left) is the 7-bit operand. Four rows a quarter of the matrix apart
// run together: four streams keep more of the memory busy than one.
#include <wasm_simd128.h>

#include <algorithm>

#include "far_rows.h"
#include "float_tiles.h"
#include "screen.h"
#include "ternary_tables.h"
#include "wasm_float.h"

namespace bitnet {

namespace {

// How a kernel adds the products of 16 columns to the sums of a row.
using AddProducts = v128_t(v128_t x, v128_t codes, v128_t sum) noexcept;

inline v128_t add_pairs(v128_t x, v128_t codes, v128_t sum) noexcept {  // 8 sums of 16 bits
  return wasm_i16x8_add(sum, wasm_i16x8_relaxed_dot_i8x16_i7x16(x, codes));
}
inline v128_t add_fours(v128_t x, v128_t codes, v128_t sum) noexcept {  // 4 sums of 32 bits
  return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, codes, sum);
}

// The same value, of which an engine does not know that it is the same.
inline uint32_t unseen(uint32_t value) noexcept {
  static const volatile uint32_t nothing = 0;
  return value + nothing;
}

// The sums of a few rows, and where they have got to. `high` counts codes four times.
//
// With four rows, eight sums, two runs of x, the codes, a product and two masks are 14 numbers, and x86-64 has 15
// registers for them; a sum that is spilled waits for memory in every step. Left alone the compiler and engines need
// more (seen in the machine code of V8 13.6 and 15.6; the matrices then take half as long again), so
// - in_order() makes the sums where they are written: the compiler would move each product behind the last load;
// - the codes are read twice, the second time from `again`: V8 would see that it has them, and keep those of all rows;
// - the masks are not seen to be constants, which V8 would make anew in every step.
template <size_t n_rows>
struct RowSums {
  const uint8_t *at[n_rows], *again[n_rows];
  v128_t low[n_rows], high[n_rows];

  RowSums(const uint8_t* codes, size_t stride) noexcept {
    for (size_t r = 0; r < n_rows; ++r) {
      at[r] = codes + r * stride;
      again[r] = at[r] + unseen(0);
    }
    clear();
  }

  void clear() noexcept {
    for (size_t r = 0; r < n_rows; ++r) low[r] = high[r] = wasm_i32x4_splat(0);
  }

  template <AddProducts add>
  void add_columns(const int8_t* x, size_t n_cols) noexcept {
    const v128_t low_pair = wasm_u32x4_splat(unseen(0x03030303)), high_pair = wasm_u32x4_splat(unseen(0x0c0c0c0c));
    for (const int8_t* end = x + n_cols; x != end; x += 128) {
      for (size_t half = 0; half < 32; half += 16) {
        const v128_t x2 = wasm_v128_load(x + half + 64), x3 = wasm_v128_load(x + half + 96);
        for (size_t r = 0; r < n_rows; ++r) {
          const v128_t codes = wasm_v128_load(at[r] + half);
          low[r] = add(x3, wasm_v128_and(codes, low_pair), low[r]);
          high[r] = add(x2, wasm_v128_and(codes, high_pair), high[r]);
          in_order(low[r], high[r]);
        }
        const v128_t x0 = wasm_v128_load(x + half), x1 = wasm_v128_load(x + half + 32);
        for (size_t r = 0; r < n_rows; ++r) {
          const v128_t codes = wasm_u16x8_shr(wasm_v128_load(again[r] + half), 4);
          low[r] = add(x1, wasm_v128_and(codes, low_pair), low[r]);
          high[r] = add(x0, wasm_v128_and(codes, high_pair), high[r]);
          in_order(low[r], high[r]);
        }
      }
      for (size_t r = 0; r < n_rows; ++r) {
        at[r] += 32;
        again[r] += 32;
      }
    }
  }

 private:
  static void in_order(v128_t& low, v128_t& high) noexcept { asm volatile("" : "+r"(low), "+r"(high)); }
};

inline int32_t sum_of_lanes(v128_t v) noexcept {
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_i32x4_extract_lane(v, 0) + wasm_i32x4_extract_lane(v, 1);
}

// 16 bytes of codes add at most 2 * 4 * 2 * 2 * 127 = 4064 to a 16-bit lane of `high`: 8 times fit.
constexpr size_t cols_per_flush = 8 * 64;

template <size_t n_rows>
inline void dot_rows(const uint8_t* codes, size_t stride, size_t n_cols, const int8_t* x, int32_t* out,
                     size_t out_stride) noexcept {
  const v128_t ones = wasm_i16x8_splat(1);
  RowSums<n_rows> rows(codes, stride);
  v128_t sum[n_rows];
  for (size_t r = 0; r < n_rows; ++r) sum[r] = wasm_i32x4_splat(0);
  for (size_t begin = 0; begin < n_cols; begin += cols_per_flush) {
    rows.template add_columns<add_pairs>(x + begin, std::min(cols_per_flush, n_cols - begin));
    for (size_t r = 0; r < n_rows; ++r) {
      // A pair of `high` lanes is a multiple of 4: the shift is exact.
      sum[r] = wasm_i32x4_add(sum[r], wasm_i32x4_dot_i16x8(rows.low[r], ones));
      sum[r] = wasm_i32x4_add(sum[r], wasm_i32x4_shr(wasm_i32x4_dot_i16x8(rows.high[r], ones), 2));
    }
    rows.clear();
  }
  for (size_t r = 0; r < n_rows; ++r) out[r * out_stride] = sum_of_lanes(sum[r]);
}

// The same with the instruction that adds four products to 32 bits at once: a single one on processors with AVX-VNNI or
// Arm's dot product, several on others.
template <size_t n_rows>
inline void dot_add_rows(const uint8_t* codes, size_t stride, size_t n_cols, const int8_t* x, int32_t* out,
                         size_t out_stride) noexcept {
  RowSums<n_rows> rows(codes, stride);
  rows.template add_columns<add_fours>(x, n_cols);
  for (size_t r = 0; r < n_rows; ++r)
    out[r * out_stride] = sum_of_lanes(wasm_i32x4_add(rows.low[r], wasm_i32x4_shr(rows.high[r], 2)));
}

using DotRows = void(const uint8_t* codes, size_t stream_stride, size_t n_cols, const int8_t* x, int32_t* out,
                     size_t out_stride) noexcept;

template <DotRows four_rows, DotRows one_row>
void matvec_i2_s(const uint8_t* codes, size_t n_rows, size_t n_cols, const int8_t* x, int16_t*, int32_t* out) {
  const size_t row_bytes = n_cols / 4;
  walk_far_rows(
      n_rows,
      [&](size_t row, size_t distance) {
        four_rows(codes + row * row_bytes, distance * row_bytes, n_cols, x, out + row, distance);
      },
      [&](size_t row) { one_row(codes + row * row_bytes, 0, n_cols, x, out + row, 1); });
}

template <size_t n_streams>
inline void screen_dot_rows(const uint8_t* rows, size_t stream_stride, size_t n_cols, const int8_t* x,
                            ScreenOffsets offsets, float* out, size_t out_stride) noexcept {
  const v128_t ones = wasm_i16x8_splat(1);
  v128_t high[n_streams], low[n_streams];
  for (size_t s = 0; s < n_streams; ++s) high[s] = low[s] = wasm_i32x4_splat(0);
  for (size_t col = 0; col < n_cols; col += 16) {
    const v128_t x_high = wasm_v128_load(x + col), x_low = wasm_v128_load(x + n_cols + col);
    for (size_t s = 0; s < n_streams; ++s) {
      const v128_t bytes = wasm_v128_load(rows + s * stream_stride + col);
      // Two products of 127 * 127 fit into 16 bits.
      const v128_t high_pairs = wasm_i16x8_relaxed_dot_i8x16_i7x16(x_high, bytes);
      const v128_t low_pairs = wasm_i16x8_relaxed_dot_i8x16_i7x16(x_low, bytes);
      high[s] = wasm_i32x4_add(high[s], wasm_i32x4_dot_i16x8(high_pairs, ones));
      low[s] = wasm_i32x4_add(low[s], wasm_i32x4_dot_i16x8(low_pairs, ones));
    }
  }
  for (size_t s = 0; s < n_streams; ++s)
    out[s * out_stride] = scalar::screened(sum_of_lanes(high[s]) - offsets.high, sum_of_lanes(low[s]) - offsets.low);
}

template <size_t n_streams>
inline void screen_add_rows(const uint8_t* rows, size_t stream_stride, size_t n_cols, const int8_t* x,
                            ScreenOffsets offsets, float* out, size_t out_stride) noexcept {
  v128_t high[n_streams], low[n_streams];
  for (size_t s = 0; s < n_streams; ++s) high[s] = low[s] = wasm_i32x4_splat(0);
  for (size_t col = 0; col < n_cols; col += 16) {
    const v128_t x_high = wasm_v128_load(x + col), x_low = wasm_v128_load(x + n_cols + col);
    for (size_t s = 0; s < n_streams; ++s) {
      const v128_t bytes = wasm_v128_load(rows + s * stream_stride + col);
      high[s] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x_high, bytes, high[s]);
      low[s] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x_low, bytes, low[s]);
    }
  }
  for (size_t s = 0; s < n_streams; ++s)
    out[s * out_stride] = scalar::screened(sum_of_lanes(high[s]) - offsets.high, sum_of_lanes(low[s]) - offsets.low);
}

template <ScreenFarRows four_rows, ScreenFarRows one_row>
void screen_rows(const uint8_t* rows, size_t n_rows, size_t n_cols, const int8_t* x, float* out) {
  walk_screen<four_rows, one_row>(rows, n_rows, n_cols, x, out);
}

}  // namespace

extern const KernelSet wasm_relaxed_kernels, wasm_relaxed_add_kernels;
const KernelSet wasm_relaxed_kernels = {"relaxed",
                                        matvec_i2_s<dot_rows<4>, dot_rows<1>>,
                                        wide::index_i2_s,
                                        wide::matmul_indexed,
                                        screen_rows<screen_dot_rows<4>, screen_dot_rows<1>>,
                                        wasm::matvec_f16,
                                        wasm::dot_f32,
                                        wasm::mix_f16,
                                        wasm::mix_i8,
                                        wide::matmul_f32<wasm::Lanes>,
                                        wide::matvec_blocks<wasm::Lanes>,
                                        wide::dequantize_row<wasm::Lanes>};
const KernelSet wasm_relaxed_add_kernels = {"relaxed-add",
                                            matvec_i2_s<dot_add_rows<4>, dot_add_rows<1>>,
                                            wide::index_i2_s,
                                            wide::matmul_indexed,
                                            screen_rows<screen_add_rows<4>, screen_add_rows<1>>,
                                            wasm::matvec_f16,
                                            wasm::dot_f32,
                                            wasm::mix_f16,
                                            wasm::mix_i8,
                                            wide::matmul_f32<wasm::Lanes>,
                                            wide::matvec_blocks<wasm::Lanes>,
                                            wide::dequantize_row<wasm::Lanes>};

}  // namespace bitnet
