#include "dequantize.h"

#include "blocks.h"

namespace bitnet {

namespace {

float number(int value) noexcept { return static_cast<float>(value); }

// Nibble i of 32: the low halves of 16 bytes, then the high ones.
int nibble(const uint8_t* bytes, size_t i) noexcept { return i < 16 ? bytes[i] & 15 : bytes[i - 16] >> 4; }

// ---- Blocks of 32: a half-float scale, perhaps a minimum, then quants ----

float q4_0(const uint8_t* block, size_t i) noexcept { return half_at(block) * number(nibble(block + 2, i) - 8); }

float q4_1(const uint8_t* block, size_t i) noexcept {
  return half_at(block) * number(nibble(block + 4, i)) + half_at(block + 2);
}

float q5_0(const uint8_t* block, size_t i) noexcept {
  const int fifth = static_cast<int>(u32_at(block + 2) >> i & 1);
  return half_at(block) * number((nibble(block + 6, i) | fifth << 4) - 16);
}

float q5_1(const uint8_t* block, size_t i) noexcept {
  const int fifth = static_cast<int>(u32_at(block + 4) >> i & 1);
  return half_at(block) * number(nibble(block + 8, i) | fifth << 4) + half_at(block + 2);
}

float q8_0(const uint8_t* block, size_t i) noexcept {
  return half_at(block) * number(static_cast<int8_t>(block[2 + i]));
}

float iq4_nl(const uint8_t* block, size_t i) noexcept {
  return half_at(block) * number(iq4_nl_values[nibble(block + 2, i)]);
}

// ---- Blocks of 256. Element i: half n, quarter j of the half, place l in the quarter ----

float q2_k(const uint8_t* block, size_t i) noexcept {
  const size_t n = i / 128, j = i % 128 / 32, l = i % 32;
  const int quant = block[16 + 32 * n + l] >> (2 * j) & 3;
  const uint8_t scale = block[i / 16];
  return half_at(block + 80) * number(scale & 15) * number(quant) - half_at(block + 82) * number(scale >> 4);
}

float q3_k(const uint8_t* block, size_t i) noexcept {
  const size_t n = i / 128, j = i % 128 / 32, l = i % 32;
  const int low = block[32 + 32 * n + l] >> (2 * j) & 3;
  const int quant = low - ((block[l] >> (4 * n + j) & 1) != 0 ? 0 : 4);
  return half_at(block + 108) * number(q3_k_scale(block + 96, i / 16)) * number(quant);
}

// Sub-blocks of 32 share 32 bytes by two: low nibbles, then high ones.
float q4_k(const uint8_t* block, size_t i) noexcept {
  const uint8_t byte = block[16 + i / 64 * 32 + i % 32];
  const int quant = i % 64 < 32 ? byte & 15 : byte >> 4;
  const auto [scale, minimum] = k_scale(block + 4, i / 32);
  return half_at(block) * number(scale) * number(quant) - half_at(block + 2) * number(minimum);
}

float q5_k(const uint8_t* block, size_t i) noexcept {
  const uint8_t byte = block[48 + i / 64 * 32 + i % 32];
  const int fifth = block[16 + i % 32] >> (i / 32) & 1;
  const int quant = (i % 64 < 32 ? byte & 15 : byte >> 4) | fifth << 4;
  const auto [scale, minimum] = k_scale(block + 4, i / 32);
  return half_at(block) * number(scale) * number(quant) - half_at(block + 2) * number(minimum);
}

float q6_k(const uint8_t* block, size_t i) noexcept {
  const size_t n = i / 128, j = i % 128 / 32, l = i % 32;
  const uint8_t byte = block[64 * n + 32 * (j % 2) + l];
  const int low = j < 2 ? byte & 15 : byte >> 4;
  const int high = block[128 + 32 * n + l] >> (2 * j) & 3;
  const auto scale = static_cast<int8_t>(block[192 + i / 16]);
  return half_at(block + 208) * number(scale) * number((low | high << 4) - 32);
}

// Base-3 digits, most significant first: five of each of 48 bytes (32, then 16), four of each of 4 more.
float tq1_0(const uint8_t* block, size_t i) noexcept {
  const size_t byte = i < 160 ? i % 32 : i < 240 ? 32 + (i - 160) % 16 : 48 + (i - 240) % 4;
  const size_t digit = i < 160 ? i / 32 : i < 240 ? (i - 160) / 16 : (i - 240) / 4;
  constexpr int powers[] = {1, 3, 9, 27, 81};
  const auto shifted = static_cast<uint8_t>(block[byte] * powers[digit]);  // the wanted digit is now the first one
  return half_at(block + 52) * number((shifted * 3 >> 8) - 1);
}

float tq2_0(const uint8_t* block, size_t i) noexcept {
  const size_t n = i / 128, j = i % 128 / 32, l = i % 32;
  return half_at(block + 64) * number((block[32 * n + l] >> (2 * j) & 3) - 1);
}

// ---- The rest ----

float i2_s(const uint8_t* block, size_t i) noexcept { return number((block[i % 32] >> (6 - 2 * (i / 32)) & 3) - 1); }
float f16(const uint8_t* block, size_t) noexcept { return half_at(block); }
float bf16(const uint8_t* block, size_t) noexcept {
  return float_from_bfloat16(static_cast<uint16_t>(block[0] | block[1] << 8));
}
float f32(const uint8_t* block, size_t) noexcept { return std::bit_cast<float>(u32_at(block)); }

using Element = float (*)(const uint8_t* block, size_t i) noexcept;

Element element_of(TensorType type) noexcept {
  switch (type) {
    case TensorType::f32: return f32;
    case TensorType::f16: return f16;
    case TensorType::bf16: return bf16;
    case TensorType::q4_0: return q4_0;
    case TensorType::q4_1: return q4_1;
    case TensorType::q5_0: return q5_0;
    case TensorType::q5_1: return q5_1;
    case TensorType::q8_0: return q8_0;
    case TensorType::q2_k: return q2_k;
    case TensorType::q3_k: return q3_k;
    case TensorType::q4_k: return q4_k;
    case TensorType::q5_k: return q5_k;
    case TensorType::q6_k: return q6_k;
    case TensorType::iq4_nl: return iq4_nl;
    case TensorType::tq1_0: return tq1_0;
    case TensorType::tq2_0: return tq2_0;
    case TensorType::i2_s: return i2_s;
  }
  return f32;
}

}  // namespace

void dequantize_row(TensorType type, const uint8_t* row, size_t n_cols, float* out) noexcept {
  const Element element = element_of(type);
  const TensorFormat& format = *find_tensor_format(static_cast<uint32_t>(type));
  for (size_t i = 0; i < n_cols; ++i)
    out[i] = element(row + i / format.block_elements * format.block_bytes, i % format.block_elements);
}

}  // namespace bitnet
