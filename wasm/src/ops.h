// ops.h: the operations of a transformer layer, over rows of floats. Sums have a fixed order (kernels.h), so the
// results are the same bits on every machine.
#pragma once

#include <cstdint>
#include <span>

#include "config.h"
#include "kernels/kernels.h"
#include "weights.h"

namespace bitnet {

// out = x / sqrt(mean(x^2) + eps) * weight; the mean is taken in double precision. out may be x.
void rms_norm(std::span<const float> x, Vector weight, float eps, float* out) noexcept;

// x quantised to int8 by its largest magnitude, as BitNet b1.58 is trained: values = round(x * scale), ties to
// even, scale = 127 / max(|x|, 1e-5).
struct QuantizedRow {
  int8_t* values = nullptr;
  float scale = 0;
  int32_t sum = 0;  // of the values
};
void quantize(std::span<const float> x, QuantizedRow& row) noexcept;

// Room for one matrix product: activations as int8, integer results, one row of weights as floats.
struct MatrixScratch {
  std::span<int8_t> values;      // [longest row]
  std::span<int16_t> widened;    // [longest row]
  std::span<int32_t> integers;   // [most rows]
  std::span<float> weights_row;  // [longest row]
};

// out[r] for the rows r that the matrix holds = weight row r . x. Ternary matrices quantise x first (BitLinear);
// `quantized`, if it is set already, is the quantised x: matrices that share an input share it.
void multiply(const KernelSet& kernels, const Matrix& matrix, std::span<const float> x, QuantizedRow& quantized,
              const MatrixScratch& scratch, float* out) noexcept;

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

bool all_finite(std::span<const float> x) noexcept;

void add(std::span<float> x, const float* y) noexcept;  // x += y

}  // namespace bitnet
