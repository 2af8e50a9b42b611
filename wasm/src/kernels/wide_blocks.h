// wide_blocks.h: the fast twins of dequantize_row and matvec_blocks. How a block is read stands here once, for both: 16
// elements at a time become small integers in a vector and go on with their scale, without a detour through memory.
//
// Lanes are the 16 lanes of a float sum in the vectors of a kernel set: Lanes::Floats is one of n_parts vectors,
// Lanes::numbers(quants, part) holds `width` of 16 small integers as floats, each times Lanes::unit.
#pragma once

#include "blocks.h"
#include "dequantize.h"

namespace bitnet::wide {

// Vectors of the compiler, which both gcc and clang know.
using Bytes16 = uint8_t __attribute__((vector_size(16)));
using Quants = int8_t __attribute__((vector_size(16)));
using Words8 = uint16_t __attribute__((vector_size(16)));

// A finite half float, divided by unit, without a branch: shifted into place it is the number times 2^-112, subnormal
// or not.
inline float number_at(const uint8_t* from, float unit = 1) noexcept {
  int16_t half;
  std::memcpy(&half, from, sizeof half);
  return std::bit_cast<float>(static_cast<uint32_t>(half) << 13 & 0x8fffe000u) * (0x1p112f / unit);
}

inline Bytes16 bytes_at(const uint8_t* from) noexcept {
  Bytes16 bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

// (byte >> shift) & mask, and byte << shift of bytes that have room for it. Processors shift no single bytes, but
// pairs; what comes from a neighbour is beyond the mask.
inline Bytes16 bits(Bytes16 bytes, size_t shift, uint8_t mask) noexcept {
  return reinterpret_cast<Bytes16>(reinterpret_cast<Words8>(bytes) >> static_cast<uint16_t>(shift)) & mask;
}
inline Bytes16 raised(Bytes16 bytes, size_t shift) noexcept {
  return reinterpret_cast<Bytes16>(reinterpret_cast<Words8>(bytes) << static_cast<uint16_t>(shift));
}

inline Quants quants(Bytes16 bytes) noexcept { return reinterpret_cast<Quants>(bytes); }

// use(i) for i = 0, 1, ... n - 1, in a loop that stays one: unrolled, clang puts what belongs to one lane together, and
// the sums wait for each other.
template <size_t n>
inline void repeat(auto use) noexcept {
#pragma GCC unroll 1
  for (size_t i = 0; i < n; ++i) use(i);
}

// Each of the functions below reads one block and calls, for every 16 elements from number `at` on,
// out.scaled(at, quants, scale) where they are scale * quant, or
// out.shifted(at, quants, scale, shift) where they are scale * quant + shift,
// in the order of `at`, which is the order of the sums.

// ---- Blocks of 32: 16 low nibbles, then 16 high ones ----

struct Nibbles {
  Bytes16 low, high;
};
inline Nibbles nibbles_at(const uint8_t* from) noexcept {
  const Bytes16 both = bytes_at(from);
  return {both & 15, bits(both, 4, 15)};
}

// 16 where a bit of these two bytes is set.
inline Bytes16 fifth_bits(const uint8_t* from) noexcept {
  uint16_t pair;
  std::memcpy(&pair, from, sizeof pair);
  const auto pairs = reinterpret_cast<Bytes16>(Words8{} + pair);
  const Bytes16 repeated = __builtin_shufflevector(pairs, pairs, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  constexpr Bytes16 places = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return reinterpret_cast<Bytes16>((repeated & places) == places) & 16;
}
inline Nibbles five_bits_at(const uint8_t* nibbles, const uint8_t* fifth) noexcept {
  const auto [low, high] = nibbles_at(nibbles);
  return {low | fifth_bits(fifth), high | fifth_bits(fifth + 2)};
}

inline void scaled(Nibbles nibbles, int8_t zero, float scale, auto& out) noexcept {
  out.scaled(0, quants(nibbles.low) - zero, scale);
  out.scaled(16, quants(nibbles.high) - zero, scale);
}
inline void shifted(Nibbles nibbles, float scale, float shift, auto& out) noexcept {
  out.shifted(0, quants(nibbles.low), scale, shift);
  out.shifted(16, quants(nibbles.high), scale, shift);
}

inline void q4_0(const uint8_t* block, auto& out) noexcept {
  scaled(nibbles_at(block + 2), 8, out.scale_at(block), out);
}
inline void q4_1(const uint8_t* block, auto& out) noexcept {
  shifted(nibbles_at(block + 4), out.scale_at(block), number_at(block + 2), out);
}
inline void q5_0(const uint8_t* block, auto& out) noexcept {
  scaled(five_bits_at(block + 6, block + 2), 16, out.scale_at(block), out);
}
inline void q5_1(const uint8_t* block, auto& out) noexcept {
  shifted(five_bits_at(block + 8, block + 4), out.scale_at(block), number_at(block + 2), out);
}
inline void q8_0(const uint8_t* block, auto& out) noexcept {
  scaled({bytes_at(block + 2), bytes_at(block + 18)}, 0, out.scale_at(block), out);
}
inline void iq4_nl(const uint8_t* block, auto& out) noexcept {
  const auto [low, high] = nibbles_at(block + 2);
  scaled({out.look_up(iq4_nl_values, low), out.look_up(iq4_nl_values, high)}, 0, out.scale_at(block), out);
}

// ---- Blocks of 256: each bit pair of 32 bytes, then of 32 more; a scale for 256, 32 or 16 elements ----

// use(at, pair): 16 elements, and their bit pairs.
inline void each_pair(const uint8_t* bytes, auto use) noexcept {
  repeat<8>([&](size_t i) {
    const size_t shift = i % 4 * 2;
    use(32 * i, bits(bytes_at(bytes + i / 4 * 32), shift, 3));
    use(32 * i + 16, bits(bytes_at(bytes + i / 4 * 32 + 16), shift, 3));
  });
}

inline void q2_k(const uint8_t* block, auto& out) noexcept {
  const float scale = out.scale_at(block + 80), minimum = number_at(block + 82);
  each_pair(block + 16, [&](size_t at, Bytes16 pair) {
    const uint8_t packed = block[at / 16];
    out.shifted(at, quants(pair), scale * static_cast<float>(packed & 15),
                -(minimum * static_cast<float>(packed >> 4)));
  });
}
inline void q3_k(const uint8_t* block, auto& out) noexcept {
  const float scale = out.scale_at(block + 108);
  each_pair(block + 32, [&](size_t at, Bytes16 pair) {
    const Bytes16 third_bit = bits(bytes_at(block + at % 32), at / 32, 1);
    out.scaled(at, quants(pair | raised(third_bit, 2)) - 4,
               scale * static_cast<float>(q3_k_scale(block + 96, at / 16)));
  });
}
inline void q6_k(const uint8_t* block, auto& out) noexcept {
  const float scale = out.scale_at(block + 208);
  each_pair(block + 128, [&](size_t at, Bytes16 pair) {
    const Bytes16 nibble = bits(bytes_at(block + at / 128 * 64 + at % 64), at % 128 / 64 * 4, 15);
    const auto sub_scale = static_cast<int8_t>(block[192 + at / 16]);
    out.scaled(at, quants(nibble | raised(pair, 4)) - 32, scale * static_cast<float>(sub_scale));
  });
}
inline void tq2_0(const uint8_t* block, auto& out) noexcept {
  const float scale = out.scale_at(block + 64);
  each_pair(block, [&](size_t at, Bytes16 pair) { out.scaled(at, quants(pair) - 1, scale); });
}

// The eight sub-blocks of Q4_K and Q5_K; fifth(i, byte): 16 fifth bits of sub-block i.
inline void k_sub_blocks(const uint8_t* block, const uint8_t* bytes, auto fifth, auto& out) noexcept {
  const float scale = out.scale_at(block), minimum = number_at(block + 2);
  repeat<8>([&](size_t i) {
    const auto [sub_scale, sub_minimum] = k_scale(block + 4, i);
    const float factor = scale * static_cast<float>(sub_scale), shift = -(minimum * static_cast<float>(sub_minimum));
    for (size_t byte = 0; byte < 32; byte += 16) {
      const Bytes16 nibble = bits(bytes_at(bytes + i / 2 * 32 + byte), i % 2 * 4, 15);
      out.shifted(32 * i + byte, quants(nibble | fifth(i, byte)), factor, shift);
    }
  });
}
inline void q4_k(const uint8_t* block, auto& out) noexcept {
  k_sub_blocks(block, block + 16, [](size_t, size_t) { return Bytes16{}; }, out);
}
inline void q5_k(const uint8_t* block, auto& out) noexcept {
  const auto fifth = [&](size_t i, size_t byte) { return raised(bits(bytes_at(block + 16 + byte), i, 1), 4); };
  k_sub_blocks(block, block + 48, fifth, out);
}

// Bytes hold five base-3 digits as a fraction of 256: times 3, the first digit is what overflows.
inline Quants first_trits(Bytes16 bytes) noexcept {
  return -1 - reinterpret_cast<Quants>(bytes >= 86) - reinterpret_cast<Quants>(bytes >= 171);
}
inline Bytes16 without_first_trits(Bytes16 bytes) noexcept {
  const auto pairs = reinterpret_cast<Words8>(bytes);
  return reinterpret_cast<Bytes16>((pairs * 3 & 0x00ff) | (pairs & 0xff00) * 3);
}
inline void tq1_0(const uint8_t* block, auto& out) noexcept {
  using Four = uint32_t __attribute__((vector_size(16)));
  const float scale = out.scale_at(block + 52);
  Bytes16 bytes[] = {bytes_at(block), bytes_at(block + 16), bytes_at(block + 32)};
  repeat<5>([&](size_t digit) {
    for (size_t i = 0; i < 2; ++i) {
      out.scaled(32 * digit + 16 * i, first_trits(bytes[i]), scale);
      bytes[i] = without_first_trits(bytes[i]);
    }
  });
  repeat<5>([&](size_t digit) {
    out.scaled(160 + 16 * digit, first_trits(bytes[2]), scale);
    bytes[2] = without_first_trits(bytes[2]);
  });
  constexpr Words8 low = {1, 1, 3, 3, 9, 9, 27, 27};  // 3^digit of the last four bytes
  const uint32_t last = u32_at(block + 48);
  const auto pairs = reinterpret_cast<Words8>(Four{last, last, last, last});
  out.scaled(240, first_trits(reinterpret_cast<Bytes16>((pairs * low & 0x00ff) | (pairs & 0xff00) * low)), scale);
}

// 128 elements, highest bit pair first.
inline void i2_s(const uint8_t* block, auto& out) noexcept {
  repeat<8>(
      [&](size_t i) { out.scaled(16 * i, quants(bits(bytes_at(block + i % 2 * 16), 6 - i / 2 * 2, 3)) - 1, out.one); });
}

// use(read): read(block, out) is the function of this type, if it has blocks.
inline void with_reader(TensorType type, auto use) {
  switch (type) {
    case TensorType::q4_0: return use([](const uint8_t* block, auto& out) { q4_0(block, out); });
    case TensorType::q4_1: return use([](const uint8_t* block, auto& out) { q4_1(block, out); });
    case TensorType::q5_0: return use([](const uint8_t* block, auto& out) { q5_0(block, out); });
    case TensorType::q5_1: return use([](const uint8_t* block, auto& out) { q5_1(block, out); });
    case TensorType::q8_0: return use([](const uint8_t* block, auto& out) { q8_0(block, out); });
    case TensorType::iq4_nl: return use([](const uint8_t* block, auto& out) { iq4_nl(block, out); });
    case TensorType::q2_k: return use([](const uint8_t* block, auto& out) { q2_k(block, out); });
    case TensorType::q3_k: return use([](const uint8_t* block, auto& out) { q3_k(block, out); });
    case TensorType::q4_k: return use([](const uint8_t* block, auto& out) { q4_k(block, out); });
    case TensorType::q5_k: return use([](const uint8_t* block, auto& out) { q5_k(block, out); });
    case TensorType::q6_k: return use([](const uint8_t* block, auto& out) { q6_k(block, out); });
    case TensorType::tq1_0: return use([](const uint8_t* block, auto& out) { tq1_0(block, out); });
    case TensorType::tq2_0: return use([](const uint8_t* block, auto& out) { tq2_0(block, out); });
    case TensorType::i2_s: return use([](const uint8_t* block, auto& out) { i2_s(block, out); });
    case TensorType::f32:
    case TensorType::f16:
    case TensorType::bf16: return;
  }
}

template <class Floats>
inline Floats load(const float* from) noexcept {
  Floats floats;
  std::memcpy(&floats, from, sizeof floats);
  return floats;
}

// What a block is read into: use(at, part, floats) has the elements from `at` on, a part of 16 at a time.
template <class Lanes, class Use>
struct Elements {
  Use use;

  // Scales are divided by the unit where they are read, at no cost.
  static constexpr float one = 1 / Lanes::unit;
  static float scale_at(const uint8_t* from) noexcept { return number_at(from, Lanes::unit); }
  static Bytes16 look_up(const int8_t (&table)[16], Bytes16 indices) noexcept { return Lanes::look_up(table, indices); }

  void scaled(size_t at, Quants quants, float scale) const noexcept {
    for (size_t part = 0; part < Lanes::n_parts; ++part)
      use(at + part * Lanes::width, part, Lanes::numbers(quants, part) * scale);
  }
  void shifted(size_t at, Quants quants, float scale, float shift) const noexcept {
    for (size_t part = 0; part < Lanes::n_parts; ++part)
      use(at + part * Lanes::width, part, Lanes::numbers(quants, part) * scale + shift);
  }
};
template <class Lanes, class Use>
inline Elements<Lanes, Use> elements(Use use) noexcept {
  return {use};
}

inline void float_row(TensorType type, const uint8_t* row, size_t n_cols, float* out) noexcept {
  if (type == TensorType::f32) std::memcpy(out, row, n_cols * sizeof(float));
  if (type == TensorType::f16)
    for (size_t i = 0; i < n_cols; ++i) out[i] = number_at(row + 2 * i);
  if (type == TensorType::bf16)
    for (size_t i = 0; i < n_cols; ++i)
      out[i] = float_from_bfloat16(static_cast<uint16_t>(row[2 * i] | row[2 * i + 1] << 8));
}

template <class Lanes>
void dequantize_row(TensorType type, const uint8_t* row, size_t n_cols, float* out) {
  const TensorFormat& format = *find_tensor_format(static_cast<uint32_t>(type));
  if (format.block_elements == 1) return float_row(type, row, n_cols, out);
  with_reader(type, [&](auto read) {
    for (size_t col = 0; col < n_cols; col += format.block_elements, row += format.block_bytes) {
      const auto block = elements<Lanes>([&](size_t at, size_t, typename Lanes::Floats floats) {
        std::memcpy(out + col + at, &floats, sizeof floats);
      });
      read(row, block);
    }
  });
}

template <class Lanes>
void matvec_blocks(TensorType type, const uint8_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out) {
  using Floats = typename Lanes::Floats;
  const TensorFormat& format = *find_tensor_format(static_cast<uint32_t>(type));
  with_reader(type, [&](auto read) {
    for (size_t row = 0; row < n_rows; ++row) {
      Lanes lanes;
      for (size_t col = 0; col < n_cols; col += format.block_elements, rows += format.block_bytes) {
        const auto block = elements<Lanes>([&](size_t at, size_t part, Floats weights) {
          lanes.add_product(part, weights, load<Floats>(x + col + at));
        });
        read(rows, block);
      }
      out[row] = lanes.fold();
    }
  });
}

}  // namespace bitnet::wide
