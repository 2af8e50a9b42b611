// wide_blocks.h: the fast twin of dequantize_row. Plain loops over whole blocks, with a fixed number of turns and no
// branches inside, which compilers turn into the vectors of the set that includes this file.
#pragma once

#include "blocks.h"
#include "dequantize.h"

namespace bitnet::wide {

// A finite half float without a branch: shifted into place it is the number times 2^-112, subnormal or not.
inline float scale_at(const uint8_t* from) noexcept {
  uint16_t half;
  std::memcpy(&half, from, sizeof half);
  const uint32_t bits = static_cast<uint32_t>(half & 0x8000u) << 16 | static_cast<uint32_t>(half & 0x7fffu) << 13;
  return std::bit_cast<float>(bits) * 0x1p112f;
}

// Every part of a block becomes small integers first; then all are converted and scaled in one loop.
template <size_t n>
inline void scale_all(const int8_t* quants, float scale, float* out) noexcept {
  for (size_t i = 0; i < n; ++i) out[i] = scale * static_cast<float>(quants[i]);
}
template <size_t n>
inline void scale_and_shift_all(const int8_t* quants, float scale, float shift, float* out) noexcept {
  for (size_t i = 0; i < n; ++i) out[i] = scale * static_cast<float>(quants[i]) + shift;
}

// Vectors of the compiler, which both gcc and clang know: left to themselves they take these 16 bytes apart.
using Bytes16 = uint8_t __attribute__((vector_size(16)));

inline void nibbles(const uint8_t* bytes, int8_t* quants) noexcept {
  Bytes16 both;
  std::memcpy(&both, bytes, 16);
  const Bytes16 low = both & 15, high = both >> 4;
  std::memcpy(quants, &low, 16);
  std::memcpy(quants + 16, &high, 16);
}
inline void add_fifth_bits(const uint8_t* bits, int8_t* quants) noexcept {
  for (size_t i = 0; i < 32; ++i)
    quants[i] = static_cast<int8_t>(quants[i] | ((bits[i / 8] & 1 << i % 8) != 0 ? 16 : 0));
}
inline void subtract(int8_t* quants, int8_t amount) noexcept {
  for (size_t i = 0; i < 32; ++i) quants[i] = static_cast<int8_t>(quants[i] - amount);
}

inline void q4_0(const uint8_t* block, float* out) noexcept {
  int8_t quants[32];
  nibbles(block + 2, quants);
  subtract(quants, 8);
  scale_all<32>(quants, scale_at(block), out);
}
inline void q4_1(const uint8_t* block, float* out) noexcept {
  int8_t quants[32];
  nibbles(block + 4, quants);
  scale_and_shift_all<32>(quants, scale_at(block), scale_at(block + 2), out);
}
inline void q5_0(const uint8_t* block, float* out) noexcept {
  int8_t quants[32];
  nibbles(block + 6, quants);
  add_fifth_bits(block + 2, quants);
  subtract(quants, 16);
  scale_all<32>(quants, scale_at(block), out);
}
inline void q5_1(const uint8_t* block, float* out) noexcept {
  int8_t quants[32];
  nibbles(block + 8, quants);
  add_fifth_bits(block + 4, quants);
  scale_and_shift_all<32>(quants, scale_at(block), scale_at(block + 2), out);
}
inline void q8_0(const uint8_t* block, float* out) noexcept {
  int8_t quants[32];
  std::memcpy(quants, block + 2, 32);
  scale_all<32>(quants, scale_at(block), out);
}
inline void iq4_nl(const uint8_t* block, float* out) noexcept {
  int8_t quants[32];
  nibbles(block + 2, quants);
  for (int8_t& quant : quants) quant = iq4_nl_values[quant];
  scale_all<32>(quants, scale_at(block), out);
}

// Bit pair j of 32 bytes.
inline void pairs(const uint8_t* bytes, size_t j, int8_t* quants) noexcept {
  for (size_t l = 0; l < 32; ++l) quants[l] = static_cast<int8_t>(bytes[l] >> (2 * j) & 3);
}

inline void q2_k(const uint8_t* block, float* out) noexcept {
  const float scale = scale_at(block + 80), minimum = scale_at(block + 82);
  for (size_t group = 0; group < 8; ++group) {  // 32 elements each
    int8_t quants[32];
    pairs(block + 16 + group / 4 * 32, group % 4, quants);
    for (size_t half = 0; half < 2; ++half) {
      const uint8_t packed = block[2 * group + half];
      scale_and_shift_all<16>(quants + 16 * half, scale * static_cast<float>(packed & 15),
                              -(minimum * static_cast<float>(packed >> 4)), out + 32 * group + 16 * half);
    }
  }
}
inline void q3_k(const uint8_t* block, float* out) noexcept {
  const float scale = scale_at(block + 108);
  for (size_t group = 0; group < 8; ++group) {
    int8_t quants[32];
    pairs(block + 32 + group / 4 * 32, group % 4, quants);
    for (size_t l = 0; l < 32; ++l) quants[l] = static_cast<int8_t>(quants[l] - ((block[l] & 1 << group) != 0 ? 0 : 4));
    for (size_t half = 0; half < 2; ++half)
      scale_all<16>(quants + 16 * half, scale * static_cast<float>(q3_k_scale(block + 96, 2 * group + half)),
                    out + 32 * group + 16 * half);
  }
}
// The eight sub-blocks of Q4_K and Q5_K; add_bits puts the fifth bits of sub-block i into the quants.
template <class AddBits>
inline void k_sub_blocks(const uint8_t* block, const uint8_t* bytes, AddBits add_bits, float* out) noexcept {
  const float scale = scale_at(block), minimum = scale_at(block + 2);
  for (size_t i = 0; i < 8; ++i) {
    int8_t quants[32];
    for (size_t l = 0; l < 32; ++l) quants[l] = static_cast<int8_t>(bytes[i / 2 * 32 + l] >> (i % 2 * 4) & 15);
    add_bits(i, quants);
    const auto [sub_scale, sub_minimum] = k_scale(block + 4, i);
    scale_and_shift_all<32>(quants, scale * static_cast<float>(sub_scale), -(minimum * static_cast<float>(sub_minimum)),
                            out + 32 * i);
  }
}
inline void q4_k(const uint8_t* block, float* out) noexcept {
  k_sub_blocks(block, block + 16, [](size_t, int8_t*) {}, out);
}
inline void q5_k(const uint8_t* block, float* out) noexcept {
  const auto add_bits = [&](size_t i, int8_t* quants) {
    for (size_t l = 0; l < 32; ++l)
      quants[l] = static_cast<int8_t>(quants[l] | ((block[16 + l] & 1 << i) != 0 ? 16 : 0));
  };
  k_sub_blocks(block, block + 48, add_bits, out);
}
inline void q6_k(const uint8_t* block, float* out) noexcept {
  const float scale = scale_at(block + 208);
  for (size_t group = 0; group < 8; ++group) {
    const size_t n = group / 4, j = group % 4;
    const uint8_t* low = block + 64 * n + 32 * (j % 2);
    int8_t quants[32];
    pairs(block + 128 + 32 * n, j, quants);
    for (size_t l = 0; l < 32; ++l)
      quants[l] = static_cast<int8_t>(((low[l] >> (j / 2 * 4) & 15) | quants[l] << 4) - 32);
    for (size_t half = 0; half < 2; ++half)
      scale_all<16>(quants + 16 * half, scale * static_cast<float>(static_cast<int8_t>(block[192 + 2 * group + half])),
                    out + 32 * group + 16 * half);
  }
}
inline void tq2_0(const uint8_t* block, float* out) noexcept {
  for (size_t group = 0; group < 8; ++group) {
    int8_t quants[32];
    pairs(block + group / 4 * 32, group % 4, quants);
    subtract(quants, 1);
    scale_all<32>(quants, scale_at(block + 64), out + 32 * group);
  }
}
template <size_t n_bytes>
inline void trits(const uint8_t* bytes, uint8_t power, float scale, float* out) noexcept {
  int8_t quants[n_bytes];
  for (size_t i = 0; i < n_bytes; ++i) {
    const auto shifted = static_cast<uint8_t>(bytes[i] * power);  // the wanted digit is now the first one
    quants[i] = static_cast<int8_t>((shifted * 3 >> 8) - 1);
  }
  scale_all<n_bytes>(quants, scale, out);
}
inline void tq1_0(const uint8_t* block, float* out) noexcept {
  constexpr uint8_t powers[] = {1, 3, 9, 27, 81};
  const float scale = scale_at(block + 52);
  for (size_t digit = 0; digit < 5; ++digit) trits<32>(block, powers[digit], scale, out + 32 * digit);
  for (size_t digit = 0; digit < 5; ++digit) trits<16>(block + 32, powers[digit], scale, out + 160 + 16 * digit);
  for (size_t digit = 0; digit < 4; ++digit) trits<4>(block + 48, powers[digit], scale, out + 240 + 4 * digit);
}
inline void i2_s(const uint8_t* block, float* out) noexcept {
  for (size_t quarter = 0; quarter < 4; ++quarter) {
    int8_t quants[32];
    pairs(block, 3 - quarter, quants);
    subtract(quants, 1);
    scale_all<32>(quants, 1.0f, out + 32 * quarter);
  }
}

template <void (*block)(const uint8_t*, float*) noexcept>
inline void all_blocks(const TensorFormat& format, const uint8_t* row, size_t n_cols, float* out) noexcept {
  for (size_t i = 0; i < n_cols; i += format.block_elements, row += format.block_bytes) block(row, out + i);
}

inline void dequantize_row(TensorType type, const uint8_t* row, size_t n_cols, float* out) {
  const TensorFormat& format = *find_tensor_format(static_cast<uint32_t>(type));
  switch (type) {
    case TensorType::q4_0: return all_blocks<q4_0>(format, row, n_cols, out);
    case TensorType::q4_1: return all_blocks<q4_1>(format, row, n_cols, out);
    case TensorType::q5_0: return all_blocks<q5_0>(format, row, n_cols, out);
    case TensorType::q5_1: return all_blocks<q5_1>(format, row, n_cols, out);
    case TensorType::q8_0: return all_blocks<q8_0>(format, row, n_cols, out);
    case TensorType::iq4_nl: return all_blocks<iq4_nl>(format, row, n_cols, out);
    case TensorType::q2_k: return all_blocks<q2_k>(format, row, n_cols, out);
    case TensorType::q3_k: return all_blocks<q3_k>(format, row, n_cols, out);
    case TensorType::q4_k: return all_blocks<q4_k>(format, row, n_cols, out);
    case TensorType::q5_k: return all_blocks<q5_k>(format, row, n_cols, out);
    case TensorType::q6_k: return all_blocks<q6_k>(format, row, n_cols, out);
    case TensorType::tq1_0: return all_blocks<tq1_0>(format, row, n_cols, out);
    case TensorType::tq2_0: return all_blocks<tq2_0>(format, row, n_cols, out);
    case TensorType::i2_s: return all_blocks<i2_s>(format, row, n_cols, out);
    case TensorType::f32: std::memcpy(out, row, n_cols * sizeof(float)); return;
    case TensorType::f16:
      for (size_t i = 0; i < n_cols; ++i) out[i] = scale_at(row + 2 * i);
      return;
    case TensorType::bf16:
      for (size_t i = 0; i < n_cols; ++i)
        out[i] = float_from_bfloat16(static_cast<uint16_t>(row[2 * i] | row[2 * i + 1] << 8));
      return;
  }
}

}  // namespace bitnet::wide
