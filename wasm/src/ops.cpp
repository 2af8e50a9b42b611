#include "ops.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "arithmetic.h"
#include "half.h"
#include "kernels/scalar.h"

namespace bitnet {

namespace {

// The larger one; what is not a number wins and stays.
float larger(float a, float b) noexcept { return b <= a || a != a ? a : b; }

// The largest measure(x[i]), 0 for an empty x. In 16 lanes: compilers turn the inner loop into vectors.
template <class Measure>
float largest_of(std::span<const float> x, Measure measure) noexcept {
  float lanes[n_sum_lanes];
  for (float& lane : lanes) lane = x.empty() ? 0 : measure(x[0]);
  size_t i = 0;
  for (; i + n_sum_lanes <= x.size(); i += n_sum_lanes)
    for (size_t lane = 0; lane < n_sum_lanes; ++lane) lanes[lane] = larger(lanes[lane], measure(x[i + lane]));
  for (; i < x.size(); ++i) lanes[0] = larger(lanes[0], measure(x[i]));
  for (size_t lane = 1; lane < n_sum_lanes; ++lane) lanes[0] = larger(lanes[0], lanes[lane]);
  return lanes[0];
}

}  // namespace

double sum_of_squares(std::span<const float> x) noexcept {
  constexpr size_t n_lanes = 8;
  double lanes[n_lanes] = {};
  size_t i = 0;
  for (; i + n_lanes <= x.size(); i += n_lanes)
    for (size_t lane = 0; lane < n_lanes; ++lane) {
      const double value = x[i + lane];
      lanes[lane] += value * value;
    }
  for (; i < x.size(); ++i) lanes[i % n_lanes] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  for (size_t width = n_lanes / 2; width > 0; width /= 2)
    for (size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

float largest_magnitude(std::span<const float> x) noexcept {
  return largest_of(x, [](float value) { return std::fabs(value); });
}

void rms_norm(std::span<const float> x, Vector weight, float eps, float* out) noexcept {
  const auto mean = static_cast<float>(sum_of_squares(x) / static_cast<double>(x.size()));
  const float scale = 1.0f / std::sqrt(mean + eps);
  for (size_t i = 0; i < x.size(); ++i) out[i] = x[i] * scale * weight[i];
}

Quantized quantize(std::span<const float> x, int8_t* values) noexcept {
  constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, ties to even
  const float largest = largest_magnitude(x);
  const auto scale = static_cast<float>(127.0 / std::max(static_cast<double>(largest), 1e-5));
  int32_t sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    // Within +-127 for every finite x; the bounds keep infinities and NaN inside what kernels accept.
    const float scaled = x[i] * scale;
    const float from_below = scaled > -127.0f ? scaled : -127.0f;
    const float bounded = from_below < 127.0f ? from_below : 127.0f;
    const int32_t value = std::bit_cast<int32_t>(bounded + round_magic) - std::bit_cast<int32_t>(round_magic);
    values[i] = static_cast<int8_t>(value);
    sum += value;
  }
  return {scale, sum};
}

void embedding_row(const KernelSet& kernels, const Matrix& matrix, size_t row, float* out) noexcept {
  kernels.dequantize_row(matrix.type, matrix.data + row * row_bytes(matrix.type, matrix.n_cols), matrix.n_cols, out);
  if (!matrix.scale.empty())
    for (size_t i = 0; i < matrix.n_cols; ++i) out[i] *= matrix.scale[0];
}

void fill_rope_table(const Config& config, Vector rope_freqs, size_t n_positions, const RopeTable& table) noexcept {
  const size_t n_pairs = config.n_rot / 2;
  const double log_base = log_f64(static_cast<double>(config.rope_base));
  for (size_t pair = 0; pair < n_pairs; ++pair) {
    double frequency = exp_f64(-2.0 * static_cast<double>(pair) / static_cast<double>(config.n_rot) * log_base);
    if (!rope_freqs.empty()) frequency /= static_cast<double>(rope_freqs[pair]);
    frequency /= static_cast<double>(config.rope_scale);
    for (size_t position = 0; position < n_positions; ++position) {
      double sine = 0, cosine = 0;
      sin_cos_f64(static_cast<double>(position) * frequency, sine, cosine);
      table.cosine[position * n_pairs + pair] = static_cast<float>(cosine);
      table.sine[position * n_pairs + pair] = static_cast<float>(sine);
    }
  }
}

void rope(RopePairs pairs, size_t n_rot, const float* cosine, const float* sine, float* head) noexcept {
  const size_t n_pairs = n_rot / 2;
  const size_t step = pairs == RopePairs::neighbours ? 2 : 1;
  const size_t partner = pairs == RopePairs::neighbours ? 1 : n_pairs;
  for (size_t pair = 0; pair < n_pairs; ++pair) {
    float& a = head[pair * step];
    float& b = head[pair * step + partner];
    const float rotated = a * cosine[pair] - b * sine[pair];
    b = a * sine[pair] + b * cosine[pair];
    a = rotated;
  }
}

void softmax(std::span<float> x) noexcept {
  const float maximum = largest_of(x, [](float value) { return value; });
  for (float& value : x) value = exp_f32(value - maximum);
  float sums[n_sum_lanes] = {};
  const size_t whole = x.size() - x.size() % n_sum_lanes;
  for (size_t i = 0; i < whole; i += n_sum_lanes)
    for (size_t lane = 0; lane < n_sum_lanes; ++lane) sums[lane] += x[i + lane];
  for (size_t i = whole; i < x.size(); ++i) sums[i - whole] += x[i];
  const float inverse = 1.0f / scalar::fold(sums);
  for (float& value : x) value *= inverse;
}

void gate(Activation activation, std::span<float> gate, const float* up) noexcept {
  switch (activation) {
    case Activation::squared_relu:
      for (size_t i = 0; i < gate.size(); ++i) {
        const float positive = gate[i] < 0 ? 0 : gate[i];  // NaN stays NaN
        gate[i] = positive * positive * up[i];
      }
      return;
    case Activation::silu:
      for (size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1.0f + exp_f32(-gate[i])) * up[i];
      return;
  }
}

bool all_finite(std::span<const float> x) noexcept {
  constexpr uint32_t exponent = 0x7f800000;  // all ones: infinity or NaN
  uint32_t found = 0;
  for (const float value : x) found |= (std::bit_cast<uint32_t>(value) & exponent) == exponent ? 1u : 0u;
  return found == 0;
}

void add(std::span<float> x, const float* y) noexcept {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

}  // namespace bitnet
