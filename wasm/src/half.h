// half.h: IEEE 754 half floats, as integers.
#pragma once

#include <bit>
#include <cstdint>

namespace bitnet {

// Exact: every half float is a float.
inline float float_from_half(uint16_t half) noexcept {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude < 0x400u) {  // subnormal: magnitude * 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
}

// Round to nearest, ties to even, within +-65504, the largest half float. What would be subnormal (below 2^-14)
// becomes zero: loops over the KV cache then never meet the slow path that processors take for subnormal numbers.
inline uint16_t half_from_float_flushed(float value) noexcept {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);  // NaN
  if (magnitude < 113u << 23) return sign;
  const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  if (rounded >= 143u << 23) return static_cast<uint16_t>(sign | 0x7bffu);
  return static_cast<uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

inline float float_from_bfloat16(uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace bitnet
