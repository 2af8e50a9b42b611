// kernels.h: the loops that decide the speed, one set of functions per instruction set.
//
// "scalar" is the definition; every other set gives the same bits for the same inputs. Integer sums are exact.
// Float sums run in 16 lanes (lane l adds the elements l, l + 16, l + 32, ... in that order), which are then
// folded 8 + 8, 4 + 4, 2 + 2, 1 + 1, unless a kernel says otherwise; no product is fused with a sum. Contracts are
// checked when a model is loaded, not here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../tensor_type.h"
#include "ternary_index.h"

namespace bitnet {

constexpr size_t n_sum_lanes = 16;

// Values that |activation| must not reach for the wide f16 loops; beyond, they fall back to the scalar twin.
constexpr float f16_dot_limit = 32768.0f;

// Two neighbours that a processor multiplies and adds in one instruction.
template <class Integer>
struct PairOf {
  Integer first, second;
};
using BytePair = PairOf<int8_t>;
using WordPair = PairOf<int16_t>;

struct KernelSet {
  const char* name;

  // out[r] = sum over c of code[r][c] * x[c], codes 0, 1, 2 in I2_S order (scalar.cpp), rows of n_cols / 4 bytes.
  // n_cols is a multiple of 128; -127 <= x[c] <= 127; scratch holds n_cols int16.
  void (*matvec_i2_s)(const uint8_t* codes, size_t n_rows, size_t n_cols, const int8_t* x, int16_t* scratch,
                      int32_t* out);

  // A panel of the same rows regrouped for many tokens, as rows of n_all_rows; see ternary_index.h.
  void (*index_i2_s)(const uint8_t* codes, size_t n_rows, size_t n_cols, size_t panel, size_t n_all_rows,
                     uint8_t* indices);
  // out[r][t] += sum over c of the panel of (code[r][c] - 1) * x[t][c] for 16 tokens; x from arrange_activations.
  void (*matmul_indexed)(const uint8_t* indices, size_t n_rows, const int16_t* x, const TernaryScratch& scratch,
                         int32_t* out);

  // out[r] = 128 * sum over c of (rows[r][c] - 64) * x[c] + sum over c of (rows[r][c] - 64) * x[n_cols + c]: bytes of 7
  // bits and activations in two parts. Both sums are exact; they are rounded to floats, and so is their sum.
  // n_cols is a multiple of 16.
  void (*screen_rows)(const uint8_t* rows, size_t n_rows, size_t n_cols, const int8_t* x, float* out);

  // out[r] = sum over c of rows[r][c] * x[c]; rows hold finite IEEE half floats, row r starts at rows + r * n_cols.
  void (*matvec_f16)(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out);

  // sum over i of a[i] * b[i].
  float (*dot_f32)(const float* a, const float* b, size_t n);

  // out[m][c] = sum over r of weights[m][r] * rows[r][c], one after the other in the order of r. Half floats without
  // subnormals.
  void (*mix_f16)(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* weights, size_t weights_stride,
                  size_t n_mixes, float* out, size_t out_stride);
  // out[m][c] = sum over r of weights[m][r].first * rows[r][c].first + weights[m][r].second * rows[r][c].second, in
  // which no number is the least of its type and no sum of magnitudes is above INT32_MAX.
  void (*mix_i8)(const BytePair* rows, size_t n_rows, size_t n_cols, const WordPair* weights, size_t weights_stride,
                 size_t n_mixes, int32_t* out, size_t out_stride);

  // Rows and tokens of floats: out[t * out_stride + r] = sum over c of rows[r][c] * x[t][c].
  void (*matmul_f32)(const float* rows, size_t n_rows, size_t n_cols, const float* x, size_t n_tokens, float* out,
                     size_t out_stride);

  // out[r] = sum over c of rows[r][c] * x[c], with rows of a type that has blocks, as dequantize_row makes them floats.
  void (*matvec_blocks)(TensorType type, const uint8_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out);

  // One row of any type as floats; see dequantize.h.
  void (*dequantize_row)(TensorType type, const uint8_t* row, size_t n_cols, float* out);
};

// The sets that this build holds and this machine can run, best first; null past the last. "scalar" is last.
const KernelSet* kernel_set(size_t index) noexcept;
const KernelSet* find_kernel_set(const char* name) noexcept;  // null name: the best

void spin(const KernelSet& set) noexcept;  // one product, whose time tells how fast the set is

extern const KernelSet scalar_kernels;

}  // namespace bitnet
