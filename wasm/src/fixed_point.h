// fixed_point.h: floats as small integers times one unit.
#pragma once

#include <bit>
#include <cfloat>
#include <cstdint>
#include <span>

#include "ops.h"

namespace bitnet {

// x is about unit * value(x), to half a unit; ties go to even. What is not finite makes the unit so, and numbers below
// 2^-100, whose inverse would be out of range, are zeros.
struct FixedPoint {
  float unit = 0, scale = 0, most = 0;

  // Such that the values of x are at most `most`, which is below 2^22.
  static FixedPoint of(std::span<const float> x, int32_t most) noexcept {
    const float largest = largest_magnitude(x), limit = static_cast<float>(most);
    if (largest < 0x1p-100f) return {0, 0, limit};
    return {largest / limit, largest <= FLT_MAX ? limit / largest : 0, limit};
  }
  int32_t value(float x) const noexcept {
    constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, ties to even
    const float scaled = x * scale;
    const float from_below = scaled > -most ? scaled : -most;  // NaN too
    const float bounded = from_below < most ? from_below : most;
    return std::bit_cast<int32_t>(bounded + round_magic) - std::bit_cast<int32_t>(round_magic);
  }
};

}  // namespace bitnet
