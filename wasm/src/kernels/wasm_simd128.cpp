// wasm_simd128.cpp: I2_S with the fixed-width SIMD that every browser has.
//
// There is no byte dot product here: activations are widened to 16 bits once a call, split into those that meet
// even and odd bytes of codes; masked codes are then 16-bit operands of dot_i16x8, which adds pairs into 32 bits.
#include <wasm_simd128.h>

#include "far_rows.h"
#include "float_tiles.h"
#include "screen.h"
#include "ternary_tables.h"
#include "wasm_float.h"

namespace bitnet {

namespace {

inline int32_t sum_of_lanes(v128_t v) noexcept {
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_i32x4_extract_lane(v, 0) + wasm_i32x4_extract_lane(v, 1);
}

// For every 16 activations: the 8 of even index, then the 8 of odd index.
void split_even_odd(const int8_t* x, size_t n_cols, int16_t* split) noexcept {
  for (size_t col = 0; col < n_cols; col += 16) {
    const v128_t bytes = wasm_v128_load(x + col);
    wasm_v128_store(split + col, wasm_i16x8_shr(wasm_i16x8_shl(bytes, 8), 8));
    wasm_v128_store(split + col + 8, wasm_i16x8_shr(bytes, 8));
  }
}

template <size_t n_streams>
inline void dot_rows(const uint8_t* codes, size_t stream_stride, size_t n_cols, const int16_t* x, int32_t* out,
                     size_t out_stride) noexcept {
  const v128_t even = wasm_i16x8_splat(0x0003);
  v128_t sum[n_streams];
  for (size_t s = 0; s < n_streams; ++s) sum[s] = wasm_i32x4_splat(0);
  for (size_t col = 0; col < n_cols; col += 128)
    for (size_t half = 0; half < 32; half += 16) {
      v128_t bytes[n_streams];
      for (size_t s = 0; s < n_streams; ++s) bytes[s] = wasm_v128_load(codes + s * stream_stride + col / 4 + half);
      // The lowest bit pair belongs to the last 32 of the 128 columns.
      for (size_t quarter = 4; quarter-- > 0;) {
        const v128_t x_even = wasm_v128_load(x + col + 32 * quarter + half);
        const v128_t x_odd = wasm_v128_load(x + col + 32 * quarter + half + 8);
        for (size_t s = 0; s < n_streams; ++s) {
          const v128_t odd_codes = wasm_v128_and(wasm_u16x8_shr(bytes[s], 8), even);
          sum[s] = wasm_i32x4_add(sum[s], wasm_i32x4_dot_i16x8(x_even, wasm_v128_and(bytes[s], even)));
          sum[s] = wasm_i32x4_add(sum[s], wasm_i32x4_dot_i16x8(x_odd, odd_codes));
          bytes[s] = wasm_u16x8_shr(bytes[s], 2);
        }
      }
    }
  for (size_t s = 0; s < n_streams; ++s) out[s * out_stride] = sum_of_lanes(sum[s]);
}

void matvec_i2_s(const uint8_t* codes, size_t n_rows, size_t n_cols, const int8_t* x, int16_t* scratch, int32_t* out) {
  split_even_odd(x, n_cols, scratch);
  const size_t row_bytes = n_cols / 4;
  walk_far_rows(
      n_rows,
      [&](size_t row, size_t distance) {
        dot_rows<4>(codes + row * row_bytes, distance * row_bytes, n_cols, scratch, out + row, distance);
      },
      [&](size_t row) { dot_rows<1>(codes + row * row_bytes, 0, n_cols, scratch, out + row, 1); });
}

template <size_t n_streams>
inline void screen_far_rows(const uint8_t* rows, size_t stream_stride, size_t n_cols, const int8_t* x,
                            ScreenOffsets offsets, float* out, size_t out_stride) noexcept {
  v128_t high[n_streams], low[n_streams];
  for (size_t s = 0; s < n_streams; ++s) high[s] = low[s] = wasm_i32x4_splat(0);
  for (size_t col = 0; col < n_cols; col += 16) {
    const v128_t x_high = wasm_v128_load(x + col), x_low = wasm_v128_load(x + n_cols + col);
    const v128_t high_first = wasm_i16x8_extend_low_i8x16(x_high), high_second = wasm_i16x8_extend_high_i8x16(x_high);
    const v128_t low_first = wasm_i16x8_extend_low_i8x16(x_low), low_second = wasm_i16x8_extend_high_i8x16(x_low);
    for (size_t s = 0; s < n_streams; ++s) {
      const v128_t bytes = wasm_v128_load(rows + s * stream_stride + col);
      const v128_t first = wasm_u16x8_extend_low_u8x16(bytes), second = wasm_u16x8_extend_high_u8x16(bytes);
      high[s] = wasm_i32x4_add(high[s], wasm_i32x4_dot_i16x8(high_first, first));
      high[s] = wasm_i32x4_add(high[s], wasm_i32x4_dot_i16x8(high_second, second));
      low[s] = wasm_i32x4_add(low[s], wasm_i32x4_dot_i16x8(low_first, first));
      low[s] = wasm_i32x4_add(low[s], wasm_i32x4_dot_i16x8(low_second, second));
    }
  }
  for (size_t s = 0; s < n_streams; ++s)
    out[s * out_stride] = scalar::screened(sum_of_lanes(high[s]) - offsets.high, sum_of_lanes(low[s]) - offsets.low);
}

void screen_rows(const uint8_t* rows, size_t n_rows, size_t n_cols, const int8_t* x, float* out) {
  walk_screen<screen_far_rows<4>, screen_far_rows<1>>(rows, n_rows, n_cols, x, out);
}

}  // namespace

extern const KernelSet wasm_simd128_kernels;
const KernelSet wasm_simd128_kernels = {"simd128",
                                        matvec_i2_s,
                                        wide::index_i2_s,
                                        wide::matmul_indexed,
                                        screen_rows,
                                        wasm::matvec_f16,
                                        wasm::dot_f32,
                                        wasm::mix_f16,
                                        wasm::mix_i8,
                                        wide::matmul_f32<wasm::Lanes>,
                                        wide::matvec_blocks<wasm::Lanes>,
                                        wide::dequantize_row<wasm::Lanes>};

}  // namespace bitnet
