// blocks.h: what is inside the blocks of the quantised types, as named fields.
#pragma once

#include <cstdint>
#include <cstring>

#include "../half.h"

namespace bitnet {

inline float half_at(const uint8_t* from) noexcept {  // blocks need not be aligned
  uint16_t half;
  std::memcpy(&half, from, sizeof half);
  return float_from_half(half);
}

inline uint32_t u32_at(const uint8_t* from) noexcept {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// The 6-bit scale and minimum of sub-block i (0..7) of Q4_K and Q5_K, out of their 12 packed bytes.
struct ScaleAndMinimum {
  uint8_t scale, minimum;
};
inline ScaleAndMinimum k_scale(const uint8_t* packed, size_t i) noexcept {
  if (i < 4) return {static_cast<uint8_t>(packed[i] & 63), static_cast<uint8_t>(packed[i + 4] & 63)};
  return {static_cast<uint8_t>((packed[i + 4] & 15) | packed[i - 4] >> 6 << 4),
          static_cast<uint8_t>(packed[i + 4] >> 4 | packed[i] >> 6 << 4)};
}

// The signed 6-bit scale of group i (0..15) of Q3_K, out of its 12 packed bytes.
inline int q3_k_scale(const uint8_t* packed, size_t i) noexcept {
  const int low = i < 8 ? packed[i] & 15 : packed[i - 8] >> 4;
  const int high = packed[8 + i % 4] >> (2 * (i / 4)) & 3;
  return (low | high << 4) - 32;
}

// The 16 values of IQ4_NL.
inline constexpr int8_t iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace bitnet
