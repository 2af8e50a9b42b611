// kv_cache.h: keys and values of all positions so far, as half floats or in 8 bits.
#pragma once

#include <cstdint>
#include <span>

#include "bitnet.h"
#include "kernels/kernels.h"

namespace bitnet {

enum class KvPrecision : int32_t { f16 = BN_KV_F16, int8 = BN_KV_INT8 };

// What all positions of one head hold, for each of its [n_layers][n_heads]; the heads are those that this rank holds.
// Keys are turned, 32 positions to a block, so that a score is a sum along rows, as the mix of values is, and one
// kernel does both. What lies past the last position stored is anything.
class KvCache {
 public:
  static constexpr size_t block_positions = 32;

  struct Shape {
    size_t n_layers, n_heads, n_positions, head_dim;
    KvPrecision precision;

    size_t padded_positions() const noexcept {
      return (n_positions + block_positions - 1) / block_positions * block_positions;
    }
    size_t key_pairs() const noexcept { return (head_dim + 1) / 2; }
    uint64_t bytes_per_position() const noexcept {  // of one head
      if (precision == KvPrecision::f16) return uint64_t{2} * head_dim * sizeof(uint16_t);
      return uint64_t{2} * sizeof(float) + key_pairs() * sizeof(BytePair) + head_dim;
    }
    uint64_t n_bytes() const noexcept { return n_layers * n_heads * padded_positions() * bytes_per_position(); }
  };

  struct HalfFloats {
    uint16_t* keys;    // [n_blocks][head_dim][32 positions]
    uint16_t* values;  // [padded_positions][head_dim]
  };
  // A key is key_units times its bytes, a value likewise. Pairs are what mix_i8 takes: of a position's elements two
  // neighbours, the last 0 where they are odd; of values those of two positions.
  struct Bytes {
    float* key_units;    // [padded_positions]
    float* value_units;  // [padded_positions]
    BytePair* keys;      // [n_blocks][key_pairs][32 positions]
    BytePair* values;    // [padded_positions / 2][head_dim]
  };

  KvCache() = default;
  KvCache(Shape shape, std::span<uint8_t> memory) : shape_(shape), memory_(memory) {}

  const Shape& shape() const noexcept { return shape_; }
  HalfFloats half_floats(size_t layer, size_t head) const noexcept;
  Bytes bytes(size_t layer, size_t head) const noexcept;

  void store(size_t layer, size_t head, size_t position, const float* key, const float* value) noexcept;

  // Rows of one head for positions [begin, end), bytes_per_position each: the key, then the value, in 8 bits their
  // units before them.
  void save(size_t layer, size_t head, size_t begin, size_t end, uint8_t* rows) const noexcept;
  // False if one of the numbers is none that `store` makes.
  bool restore(size_t layer, size_t head, size_t begin, size_t end, const uint8_t* rows) noexcept;

 private:
  uint8_t* at(size_t layer, size_t head) const noexcept;
  template <class Visit>
  void visit(size_t layer, size_t head, size_t begin, size_t end, Visit visit) const noexcept;

  Shape shape_ = {};
  std::span<uint8_t> memory_;
};

}  // namespace bitnet
