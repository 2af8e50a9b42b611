#include "ternary_blocks.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "half.h"

namespace bitnet {

namespace {

constexpr uint8_t four_zeros = 0x55;  // codes of weights 0

bool is_zero(uint16_t half) noexcept { return (half & 0x7fff) == 0; }

// A byte holds the same four weights as one of I2_S, lowest bit pair first.
void recode_tq2_0(const uint8_t* block, uint8_t* codes) noexcept {
  for (size_t i = 0; i < TernaryBlock::code_bytes; ++i) {
    const uint8_t byte = block[i];
    codes[i] = static_cast<uint8_t>((byte & 3) << 6 | (byte & 12) << 2 | (byte >> 2 & 12) | byte >> 6);
  }
}

// Base-3 digits, most significant first: five of each of 48 bytes (32, then 16), four of each of 4 more. A byte is a
// fraction of 256: times 3, the first digit is what overflows.
void recode_tq1_0(const uint8_t* block, uint8_t* codes) noexcept {
  uint8_t digits[TernaryBlock::n_weights];
  uint8_t* out = digits;
  const auto expand = [&](const uint8_t* from, size_t n_bytes, size_t n_digits) {
    uint8_t rest[32];
    std::copy_n(from, n_bytes, rest);
    for (size_t digit = 0; digit < n_digits; ++digit, out += n_bytes)
      for (size_t i = 0; i < n_bytes; ++i) {
        out[i] = static_cast<uint8_t>((rest[i] >= 86) + (rest[i] >= 171));
        rest[i] = static_cast<uint8_t>(rest[i] * 3);
      }
  };
  expand(block, 32, 5);
  expand(block + 32, 16, 5);
  expand(block + 48, 4, 4);
  for (size_t group = 0; group < 2; ++group)
    for (size_t i = 0; i < 32; ++i) {
      const uint8_t* digit = digits + 128 * group + i;
      codes[32 * group + i] = static_cast<uint8_t>(digit[0] << 6 | digit[32] << 4 | digit[64] << 2 | digit[96]);
    }
}

}  // namespace

bool has_ternary_blocks(TensorType type) noexcept { return type == TensorType::tq1_0 || type == TensorType::tq2_0; }

uint16_t recode_block(TensorType type, const uint8_t* block, uint8_t* codes) noexcept {
  const TensorFormat& format = *find_tensor_format(static_cast<uint32_t>(type));
  uint16_t scale;
  std::memcpy(&scale, block + format.halves[0], sizeof scale);
  if (is_zero(scale))
    std::fill_n(codes, TernaryBlock::code_bytes, four_zeros);
  else if (type == TensorType::tq2_0)
    recode_tq2_0(block, codes);
  else
    recode_tq1_0(block, codes);
  return scale;
}

bool find_row_scales(std::span<const uint16_t> block_scales, std::span<float> row_scales) noexcept {
  bool differ = false;
  for (size_t row = 0; row < row_scales.size(); ++row) {
    const size_t n_blocks = block_scales.size() / row_scales.size();
    uint16_t scale = 0;
    bool differ_here = false;
    for (const uint16_t other : block_scales.subspan(row * n_blocks, n_blocks)) {
      if (is_zero(other)) continue;
      differ_here |= !is_zero(scale) && scale != other;
      scale = other;
    }
    row_scales[row] = differ_here ? std::numeric_limits<float>::quiet_NaN() : float_from_half(scale);
    differ |= differ_here;
  }
  return differ;
}

}  // namespace bitnet
