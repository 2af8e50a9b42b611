// ops.h: the operations of a transformer layer, over rows of floats. Sums have a fixed order (kernels.h), so the
// results are the same bits on every machine.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "config.h"
#include "kernels/kernels.h"
#include "memory.h"
#include "weights.h"

namespace bitnet {

// out = x / sqrt(mean(x^2) + eps) * weight; the mean is taken in double precision. out may be x.
void rms_norm(std::span<const float> x, Vector weight, float eps, float* out) noexcept;

// x quantised to int8 by its largest magnitude, as BitNet b1.58 is trained: values = round(x * scale), ties to
// even, scale = 127 / max(|x|, 1e-5).
struct Quantized {
  float scale = 0;
  int32_t sum = 0;  // of the values
};
Quantized quantize(std::span<const float> x, int8_t* values) noexcept;

// Room for the products of n_tokens rows with matrices that share them as input.
struct MatrixScratch {
  std::span<int8_t> values;         // [n_tokens][longest row] activations
  std::span<Quantized> quantized;   // [n_tokens]
  std::span<int16_t> widened;       // [longest row]
  std::span<uint8_t> indices;       // a panel of ternary weights, regrouped; see ternary_index.h
  std::span<int16_t> arranged;      // the panel's activations of 16 tokens in that order
  std::span<int16_t> tables;        // [TernaryScratch::tables_size]
  std::span<int16_t> partial_sums;  // [most rows][16]
  std::span<int32_t> sums;          // [n_tokens / 16][most rows][16]; [rows] where there is one token
  std::span<float> weight_rows;     // some of [longest row]

  // Rows and columns of the matrices that are multiplied; of those that share an input, the rows of all.
  struct Shape {
    size_t n_rows, n_cols;
  };
  // most_rows_of_one: of a matrix that is never multiplied with more than one token.
  void plan(Planner& planner, size_t n_tokens, std::initializer_list<Shape> shapes, size_t most_rows_of_one);
};

// A matrix, and where its product with row t goes: out[t * stride + r] for the rows r that the matrix holds.
struct Product {
  const Matrix* matrix;
  float* out;
  size_t stride;
};

// The products of matrices of the same n_cols with n_tokens rows x[t * n_cols]. Ternary matrices quantise x first
// (BitLinear). Any grouping of matrices and tokens gives the same bits.
void multiply(const KernelSet& kernels, std::span<const Product> products, const float* x, size_t n_tokens,
              const MatrixScratch& scratch) noexcept;

// One row of an embedding table as floats; `row` counts from the first row that the matrix holds.
void embedding_row(const KernelSet& kernels, const Matrix& matrix, size_t row, float* out) noexcept;

// Cosine and sine of every position and rotating pair: [n_positions][n_rot / 2] each.
struct RopeTable {
  std::span<float> cosine;
  std::span<float> sine;
};
void fill_rope_table(const Config& config, Vector rope_freqs, size_t n_positions, const RopeTable& table) noexcept;

// Rotate one head of head_dim elements; cosine and sine are [n_rot / 2] of its position.
void rope(RopePairs pairs, size_t n_rot, const float* cosine, const float* sine, float* head) noexcept;

// x = exp(x - max) / sum.
void softmax(std::span<float> x) noexcept;

// gate = activation(gate) * up.
void gate(Activation activation, std::span<float> gate, const float* up) noexcept;

// In 8 lanes of double precision, folded 4 + 4, 2 + 2, 1 + 1.
double sum_of_squares(std::span<const float> x) noexcept;

float largest_magnitude(std::span<const float> x) noexcept;  // NaN where x has one

bool all_finite(std::span<const float> x) noexcept;

void add(std::span<float> x, const float* y) noexcept;  // x += y

}  // namespace bitnet
