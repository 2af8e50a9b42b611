// scalar.cpp: the definitions of all kernels. Written to be read, never optimised.
#include "scalar.h"

#include <algorithm>

#include "../half.h"
#include "dequantize.h"
#include "kernels.h"

namespace bitnet::scalar {

namespace {

// 128 columns are 32 bytes; byte b holds columns b, b + 32, b + 64, b + 96, highest bit pair first.
int code_i2_s(const uint8_t* codes, size_t col) noexcept {
  const uint8_t byte = codes[col / 128 * 32 + col % 32];
  return byte >> (6 - 2 * (col % 128 / 32)) & 3;
}

}  // namespace

int32_t dot_i2_s(const uint8_t* codes, size_t n_cols, const int8_t* x) noexcept {
  int32_t sum = 0;
  for (size_t col = 0; col < n_cols; ++col) sum += code_i2_s(codes, col) * x[col];
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

void screen_rows(const uint8_t* rows, size_t n_rows, size_t n_cols, const int8_t* x, float* out) {
  for (size_t row = 0; row < n_rows; ++row) {
    int32_t high = 0, low = 0;
    for (size_t col = 0; col < n_cols; ++col) {
      const int32_t weight = rows[row * n_cols + col] - 64;
      high += weight * x[col];
      low += weight * x[n_cols + col];
    }
    out[row] = screened(high, low);
  }
}

void matvec_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out) {
  for (size_t row = 0; row < n_rows; ++row) out[row] = dot_f16(rows + row * n_cols, n_cols, x);
}

void matmul_f32(const float* rows, size_t n_rows, size_t n_cols, const float* x, size_t n_tokens, float* out,
                size_t out_stride) {
  for (size_t token = 0; token < n_tokens; ++token)
    for (size_t row = 0; row < n_rows; ++row)
      out[token * out_stride + row] = dot_f32(rows + row * n_cols, x + token * n_cols, n_cols);
}

void matvec_blocks(TensorType type, const uint8_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out) {
  const TensorFormat& format = *find_tensor_format(static_cast<uint32_t>(type));
  float weights[256];  // the longest block
  for (size_t row = 0; row < n_rows; ++row) {
    float lanes[n_sum_lanes] = {};
    for (size_t col = 0; col < n_cols; col += format.block_elements, rows += format.block_bytes) {
      dequantize_row(type, rows, format.block_elements, weights);
      for (size_t i = 0; i < format.block_elements; ++i) lanes[i % n_sum_lanes] += weights[i] * x[col + i];
    }
    out[row] = fold(lanes);
  }
}

void index_i2_s(const uint8_t* codes, size_t n_rows, size_t n_cols, size_t panel, size_t n_all_rows, uint8_t* indices) {
  for (size_t unit = 0; unit < TernaryIndex::n_units; ++unit)
    for (size_t row = 0; row < n_rows; ++row)
      for (size_t i = 0; i < 16; ++i) {
        size_t index = 0;
        for (size_t digit = 0; digit < TernaryIndex::n_digits; ++digit) {
          const size_t col = TernaryIndex::column(panel, unit, i, digit);
          index = 3 * index + (col < n_cols ? code_i2_s(codes + row * (n_cols / 4), col) : 0);
        }
        indices[(unit * n_all_rows + row) * 16 + i] = static_cast<uint8_t>(index);
      }
}

void matmul_indexed(const uint8_t* indices, size_t n_rows, const int16_t* x, const TernaryScratch&, int32_t* out) {
  for (size_t unit = 0; unit < TernaryIndex::n_units; ++unit)
    for (size_t row = 0; row < n_rows; ++row)
      for (size_t i = 0; i < 16; ++i) {
        int index = indices[(unit * n_rows + row) * 16 + i];
        const int16_t* last =
            x + ((unit * 16 + i) * TernaryIndex::n_digits + TernaryIndex::n_digits - 1) * TernaryIndex::n_tokens;
        for (size_t digit = 0; digit < TernaryIndex::n_digits; ++digit, index /= 3)
          for (size_t token = 0; token < TernaryIndex::n_tokens; ++token)
            out[row * TernaryIndex::n_tokens + token] +=
                (index % 3 - 1) * (last - digit * TernaryIndex::n_tokens)[token];
      }
}

void mix_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* weights, size_t weights_stride,
             size_t n_mixes, float* out, size_t out_stride) {
  for (size_t mix = 0; mix < n_mixes; ++mix)
    for (size_t col = 0; col < n_cols; ++col) {
      float sum = 0;
      for (size_t row = 0; row < n_rows; ++row)
        sum += weights[mix * weights_stride + row] * float_from_half(rows[row * n_cols + col]);
      out[mix * out_stride + col] = sum;
    }
}

void mix_i8(const BytePair* rows, size_t n_rows, size_t n_cols, const WordPair* weights, size_t weights_stride,
            size_t n_mixes, int32_t* out, size_t out_stride) {
  for (size_t mix = 0; mix < n_mixes; ++mix)
    for (size_t col = 0; col < n_cols; ++col) {
      int32_t sum = 0;
      for (size_t row = 0; row < n_rows; ++row)
        sum += product(weights[mix * weights_stride + row], rows[row * n_cols + col]);
      out[mix * out_stride + col] = sum;
    }
}

}  // namespace bitnet::scalar

namespace bitnet {

const KernelSet scalar_kernels = {"scalar",
                                  scalar::matvec_i2_s,
                                  scalar::index_i2_s,
                                  scalar::matmul_indexed,
                                  scalar::screen_rows,
                                  scalar::matvec_f16,
                                  scalar::dot_f32,
                                  scalar::mix_f16,
                                  scalar::mix_i8,
                                  scalar::matmul_f32,
                                  scalar::matvec_blocks,
                                  bitnet::dequantize_row};

}  // namespace bitnet
