#include "dequantize.h"

#include <cstring>

#include "half.h"

namespace bitnet {

namespace {

template <class T>
T read(const uint8_t* from) noexcept {  // rows need not be aligned
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Block of 32: half-float scale, 32 signed bytes.
void q8_0_block(const uint8_t* block, float* out) noexcept {
  const float scale = float_from_half(read<uint16_t>(block));
  for (size_t i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

// Block of 256: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, half-float scale.
void q6_k_block(const uint8_t* block, float* out) noexcept {
  const float scale = float_from_half(read<uint16_t>(block + 208));
  for (size_t i = 0; i < 256; ++i) {
    const size_t half = i / 128, quarter = i % 128 / 32, place = i % 32;
    const uint8_t low_byte = block[64 * half + 32 * (quarter % 2) + place];
    const int low = quarter < 2 ? low_byte & 15 : low_byte >> 4;
    const int high = block[128 + 32 * half + place] >> (2 * quarter) & 3;
    const auto sub_scale = static_cast<int8_t>(block[192 + i / 16]);
    out[i] = scale * static_cast<float>(sub_scale) * static_cast<float>((low | high << 4) - 32);
  }
}

// Block of 256: base-3 digits, the first five of each of 48 bytes and the first four of 4 more; half-float scale.
void tq1_0_block(const uint8_t* block, float* out) noexcept {
  const float scale = float_from_half(read<uint16_t>(block + 52));
  const auto digits = [&](const uint8_t* bytes, size_t n_bytes, size_t n_digits, float* to) {
    uint8_t power = 1;
    for (size_t digit = 0; digit < n_digits; ++digit, power *= 3)
      for (size_t i = 0; i < n_bytes; ++i) {
        const auto shifted = static_cast<uint8_t>(bytes[i] * power);  // the wanted digit is now the first one
        *to++ = scale * static_cast<float>((shifted * 3 >> 8) - 1);
      }
  };
  digits(block, 32, 5, out);
  digits(block + 32, 16, 5, out + 160);
  digits(block + 48, 4, 4, out + 240);
}

// Block of 128: see i2_s in kernels/scalar.cpp.
void i2_s_block(const uint8_t* block, float* out) noexcept {
  for (size_t i = 0; i < 128; ++i) out[i] = static_cast<float>((block[i % 32] >> (6 - 2 * (i / 32)) & 3) - 1);
}

}  // namespace

void dequantize_row(TensorType type, const uint8_t* row, size_t n_cols, float* out) noexcept {
  switch (type) {
    case TensorType::f32: std::memcpy(out, row, n_cols * sizeof(float)); return;
    case TensorType::f16:
      for (size_t i = 0; i < n_cols; ++i) out[i] = float_from_half(read<uint16_t>(row + 2 * i));
      return;
    case TensorType::bf16:
      for (size_t i = 0; i < n_cols; ++i) out[i] = float_from_bfloat16(read<uint16_t>(row + 2 * i));
      return;
    case TensorType::q8_0:
      for (size_t i = 0; i < n_cols; i += 32) q8_0_block(row + i / 32 * 34, out + i);
      return;
    case TensorType::q6_k:
      for (size_t i = 0; i < n_cols; i += 256) q6_k_block(row + i / 256 * 210, out + i);
      return;
    case TensorType::tq1_0:
      for (size_t i = 0; i < n_cols; i += 256) tq1_0_block(row + i / 256 * 54, out + i);
      return;
    case TensorType::i2_s:
      for (size_t i = 0; i < n_cols; i += 128) i2_s_block(row + i / 4, out + i);
      return;
  }
}

}  // namespace bitnet
