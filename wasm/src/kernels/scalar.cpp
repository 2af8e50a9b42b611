// scalar.cpp: the definitions of all kernels. Written to be read, never optimised.
#include "scalar.h"

#include "../half.h"
#include "dequantize.h"
#include "kernels.h"

namespace bitnet::scalar {

// 128 columns are 32 bytes; byte b holds columns b, b + 32, b + 64, b + 96, highest bit pair first.
int32_t dot_i2_s(const uint8_t* codes, size_t n_cols, const int8_t* x) noexcept {
  int32_t sum = 0;
  for (size_t col = 0; col < n_cols; ++col) {
    const uint8_t byte = codes[col / 128 * 32 + col % 32];
    const size_t shift = 6 - 2 * (col % 128 / 32);
    sum += (byte >> shift & 3) * x[col];
  }
  return sum;
}

float fold(const float* lanes) noexcept {
  float sums[n_sum_lanes];
  for (size_t lane = 0; lane < n_sum_lanes; ++lane) sums[lane] = lanes[lane];
  for (size_t width = n_sum_lanes / 2; width > 0; width /= 2)
    for (size_t lane = 0; lane < width; ++lane) sums[lane] += sums[lane + width];
  return sums[0];
}

float dot_f16(const uint16_t* row, size_t n_cols, const float* x) noexcept {
  float lanes[n_sum_lanes] = {};
  for (size_t col = 0; col < n_cols; ++col) lanes[col % n_sum_lanes] += float_from_half(row[col]) * x[col];
  return fold(lanes);
}

float dot_f32(const float* a, const float* b, size_t n) noexcept {
  float lanes[n_sum_lanes] = {};
  for (size_t i = 0; i < n; ++i) lanes[i % n_sum_lanes] += a[i] * b[i];
  return fold(lanes);
}

void matvec_i2_s(const uint8_t* codes, size_t n_rows, size_t n_cols, const int8_t* x, int16_t*, int32_t* out) {
  for (size_t row = 0; row < n_rows; ++row) out[row] = dot_i2_s(codes + row * (n_cols / 4), n_cols, x);
}

void matvec_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out) {
  for (size_t row = 0; row < n_rows; ++row) out[row] = dot_f16(rows + row * n_cols, n_cols, x);
}

void mix_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* weights, float* out) {
  for (size_t col = 0; col < n_cols; ++col) out[col] = 0;
  for (size_t row = 0; row < n_rows; ++row)
    for (size_t col = 0; col < n_cols; ++col) out[col] += weights[row] * float_from_half(rows[row * n_cols + col]);
}

}  // namespace bitnet::scalar

namespace bitnet {

const KernelSet scalar_kernels = {"scalar",        scalar::matvec_i2_s, scalar::matvec_f16,
                                  scalar::dot_f32, scalar::mix_f16,     bitnet::dequantize_row};

}  // namespace bitnet
