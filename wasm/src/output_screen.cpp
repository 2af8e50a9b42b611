#include "output_screen.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ops.h"

namespace bitnet {

namespace {

constexpr float largest_weight = 63;  // 64 is added to make bytes of 7 bits
constexpr int32_t zero = 64;
constexpr float largest_activation = 127 * 128 + 63;  // high * 128 + low, |high| <= 127, -64 <= low <= 63
constexpr float round_magic = 12582912.0f;            // 1.5 * 2^23: adding it rounds to an integer

int32_t rounded(float x) noexcept {
  return std::bit_cast<int32_t>(x + round_magic) - std::bit_cast<int32_t>(round_magic);
}

double length(std::span<const float> x) noexcept { return std::sqrt(sum_of_squares(x)); }

}  // namespace

bool OutputScreen::suits(const Matrix& head) noexcept {
  return head.type != TensorType::i2_s && head.scale.empty() && head.output_scale.empty() && head.bias.empty();
}

void OutputScreen::plan(Planner& planner, const Matrix& head) {
  n_cols_ = head.n_cols;
  rows_ = planner.take<uint8_t>(uint64_t{head.n_rows} * padded(head.n_cols));
  scales_ = planner.take<float>(head.n_rows);
  errors_ = planner.take<float>(head.n_rows);
}

void OutputScreen::fill(const KernelSet& kernels, const Matrix& head, std::span<float> row) noexcept {
  const size_t stride = padded(n_cols_);
  const uint64_t head_stride = row_bytes(head.type, head.n_cols);
  std::fill(rows_.begin(), rows_.end(), static_cast<uint8_t>(zero));
  for (size_t r = 0; r < scales_.size(); ++r) {
    kernels.dequantize_row(head.type, head.data + r * head_stride, n_cols_, row.data());
    const float largest = largest_magnitude(row);
    const float scale = largest / largest_weight, inverse = scale > 0 ? 1 / scale : 0;
    uint8_t* bytes = rows_.data() + r * stride;
    // A quotient exceeds 63 by a rounding at most. Two loops: each of them becomes vectors.
    for (size_t i = 0; i < n_cols_; ++i) bytes[i] = static_cast<uint8_t>(rounded(row[i] * inverse) + zero);
    for (size_t i = 0; i < n_cols_; ++i) row[i] -= scale * static_cast<float>(bytes[i] - zero);
    scales_[r] = scale;
    // What is left has been rounded itself; `roundings` below has room for that.
    errors_[r] = static_cast<float>(length(row.first(n_cols_)) * (1 + 1e-5));
  }
}

bool OutputScreen::bounds(const KernelSet& kernels, std::span<const float> x, std::span<int8_t> values, float* lower,
                          float* upper) const noexcept {
  const size_t stride = padded(n_cols_);
  const float scale = largest_magnitude(x) / largest_activation, inverse = scale > 0 ? 1 / scale : 0;
  if (!std::isfinite(inverse)) return false;
  std::fill_n(values.begin(), 2 * stride, int8_t{0});
  double left_out = 0;  // squared length of what x loses by rounding
  for (size_t i = 0; i < n_cols_; ++i) {
    const int32_t value = rounded(std::clamp(x[i] * inverse, -largest_activation, largest_activation));
    const int32_t high = (value + 64) >> 7;
    values[i] = static_cast<int8_t>(high);
    values[stride + i] = static_cast<int8_t>(value - 128 * high);
    const double error = static_cast<double>(x[i]) - static_cast<double>(scale) * value;
    left_out += error * error;
  }
  kernels.screen_rows(rows_.data(), scales_.size(), stride, values.data(), lower);

  // A row is w = scale q + e, and x = scale' X + d:   w . x = scale scale' q . X + scale q . d + e . x.
  // Each rounding adds up to 2^-24 of the sum of |w x|, with |w| <= 63 scale in every column: n / 16 + 5 of the exact
  // head, one of what is left of a row, two of the screen; the others are to spare.
  const double n = static_cast<double>(n_cols_), x_length = length(x);
  const double roundings = (n / n_sum_lanes + 16) * 0x1p-24;
  const double of_error = x_length * (1 + 1e-6);
  const double of_scale =
      static_cast<double>(largest_weight) * std::sqrt(n) * (std::sqrt(left_out) + roundings * x_length) * (1 + 1e-5);
  bool finite = true;
  for (size_t r = 0; r < scales_.size(); ++r) {
    const double score = static_cast<double>(lower[r]) * static_cast<double>(scale) * static_cast<double>(scales_[r]);
    const double half_width = static_cast<double>(errors_[r]) * of_error + static_cast<double>(scales_[r]) * of_scale +
                              std::fabs(score) * 1e-6 + 1e-30;
    lower[r] = static_cast<float>(score - half_width);
    upper[r] = static_cast<float>(score + half_width);
    finite &= std::fabs(score) + half_width < 1e37;
  }
  return finite;
}

}  // namespace bitnet
