// wasm_relaxed.cpp: I2_S with the relaxed dot product, on the bytes as they lie in the file.
//
// relaxed_dot multiplies signed bytes by bytes of 7 bits and adds neighbours into 16 bits: the code (0..2, or
// 0..8 when it still stands two bits to the left) is the 7-bit operand. Four rows a quarter of the matrix apart
// run together: four streams keep more of the memory busy than one.
#include <wasm_simd128.h>

#include "far_rows.h"
#include "float_tiles.h"
#include "screen.h"
#include "ternary_tables.h"
#include "wasm_float.h"

namespace bitnet {

namespace {

// 16 bytes of codes add at most 2 * 4 * 2 * 2 * 127 = 4064 to a 16-bit lane of `high`: 8 steps fit.
constexpr size_t cols_per_flush = 8 * 64;

inline int32_t sum_of_lanes(v128_t v) noexcept {
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_i32x4_extract_lane(v, 0) + wasm_i32x4_extract_lane(v, 1);
}

template <size_t n_streams>
inline void dot_rows(const uint8_t* codes, size_t stream_stride, size_t n_cols, const int8_t* x, int32_t* out,
                     size_t out_stride) noexcept {
  const v128_t low_pair = wasm_i8x16_splat(0x03);
  const v128_t high_pair = wasm_i8x16_splat(0x0c);
  v128_t sum[n_streams];
  for (size_t s = 0; s < n_streams; ++s) sum[s] = wasm_i32x4_splat(0);
  for (size_t begin = 0; begin < n_cols; begin += cols_per_flush) {
    const size_t end = begin + cols_per_flush < n_cols ? begin + cols_per_flush : n_cols;
    v128_t low[n_streams], high[n_streams];  // `high` counts codes four times
    for (size_t s = 0; s < n_streams; ++s) low[s] = high[s] = wasm_i16x8_splat(0);
    for (size_t col = begin; col < end; col += 128)
      for (size_t half = 0; half < 32; half += 16) {
        const v128_t x0 = wasm_v128_load(x + col + half);
        const v128_t x1 = wasm_v128_load(x + col + half + 32);
        const v128_t x2 = wasm_v128_load(x + col + half + 64);
        const v128_t x3 = wasm_v128_load(x + col + half + 96);
        for (size_t s = 0; s < n_streams; ++s) {
          const v128_t bytes = wasm_v128_load(codes + s * stream_stride + col / 4 + half);
          const v128_t upper = wasm_u16x8_shr(bytes, 4);
          low[s] = wasm_i16x8_add(low[s], wasm_i16x8_relaxed_dot_i8x16_i7x16(x3, wasm_v128_and(bytes, low_pair)));
          high[s] = wasm_i16x8_add(high[s], wasm_i16x8_relaxed_dot_i8x16_i7x16(x2, wasm_v128_and(bytes, high_pair)));
          low[s] = wasm_i16x8_add(low[s], wasm_i16x8_relaxed_dot_i8x16_i7x16(x1, wasm_v128_and(upper, low_pair)));
          high[s] = wasm_i16x8_add(high[s], wasm_i16x8_relaxed_dot_i8x16_i7x16(x0, wasm_v128_and(upper, high_pair)));
        }
      }
    const v128_t ones = wasm_i16x8_splat(1);
    for (size_t s = 0; s < n_streams; ++s) {
      // A pair of `high` lanes is a multiple of 4: the shift is exact.
      sum[s] = wasm_i32x4_add(sum[s], wasm_i32x4_dot_i16x8(low[s], ones));
      sum[s] = wasm_i32x4_add(sum[s], wasm_i32x4_shr(wasm_i32x4_dot_i16x8(high[s], ones), 2));
    }
  }
  for (size_t s = 0; s < n_streams; ++s) out[s * out_stride] = sum_of_lanes(sum[s]);
}

// Both sums are made here, and not where they are used next. Left alone the compiler moves each product behind the
// last load of the step; then engines find more numbers alive than there are registers, and spill the sums.
inline void in_order(v128_t& low, v128_t& high) noexcept { asm volatile("" : "+r"(low), "+r"(high)); }

// The same with the instruction that adds four products to 32 bits at once: a single one on processors with AVX-VNNI or
// Arm's dot product, several on others.
template <size_t n_streams>
inline void dot_add_rows(const uint8_t* codes, size_t stream_stride, size_t n_cols, const int8_t* x, int32_t* out,
                         size_t out_stride) noexcept {
  const v128_t low_pair = wasm_i8x16_splat(0x03);
  const v128_t high_pair = wasm_i8x16_splat(0x0c);
  v128_t low[n_streams], high[n_streams];  // `high` counts codes four times
  for (size_t s = 0; s < n_streams; ++s) low[s] = high[s] = wasm_i32x4_splat(0);
  // A step takes 16 bytes of codes of every row: of a block of 128 columns the even or the odd runs of 16.
  const uint8_t* at = codes;
  const int8_t* x_at = x;
  for (size_t step = 0; step < n_cols / 64; ++step) {
    const v128_t x2 = wasm_v128_load(x_at + 64), x3 = wasm_v128_load(x_at + 96);
    for (size_t s = 0; s < n_streams; ++s) {
      const v128_t bytes = wasm_v128_load(at + s * stream_stride);
      low[s] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x3, wasm_v128_and(bytes, low_pair), low[s]);
      high[s] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x2, wasm_v128_and(bytes, high_pair), high[s]);
      in_order(low[s], high[s]);
    }
    const v128_t x0 = wasm_v128_load(x_at), x1 = wasm_v128_load(x_at + 32);
    for (size_t s = 0; s < n_streams; ++s) {
      const v128_t upper = wasm_u16x8_shr(wasm_v128_load(at + s * stream_stride), 4);
      low[s] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x1, wasm_v128_and(upper, low_pair), low[s]);
      high[s] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x0, wasm_v128_and(upper, high_pair), high[s]);
      in_order(low[s], high[s]);
    }
    at += 16;
    x_at += step % 2 == 0 ? 16 : 112;
  }
  for (size_t s = 0; s < n_streams; ++s)
    out[s * out_stride] = sum_of_lanes(wasm_i32x4_add(low[s], wasm_i32x4_shr(high[s], 2)));
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
