// kv_cache.h: keys and values of all positions so far, as half floats.
#pragma once

#include <cstdint>
#include <span>

#include "half.h"

namespace bitnet {

// Layout: [n_layers][n_heads] keys [n_blocks][head_dim][32 positions], then values [n_blocks * 32][head_dim]; the heads
// are those that this rank holds. Keys are turned so that a score is a sum along rows, as the mix of values is, and one
// kernel does both.
class KvCache {
 public:
  static constexpr size_t block_positions = 32;

  struct Shape {
    size_t n_layers, n_heads, n_positions, head_dim;
    size_t n_blocks() const noexcept { return (n_positions + block_positions - 1) / block_positions; }
    size_t padded_positions() const noexcept { return n_blocks() * block_positions; }
    uint64_t n_elements() const noexcept { return uint64_t{2} * n_layers * n_heads * padded_positions() * head_dim; }
  };

  KvCache() = default;
  KvCache(Shape shape, std::span<uint16_t> memory) : shape_(shape), memory_(memory) {}

  size_t padded_positions() const noexcept { return shape_.padded_positions(); }

  // Of 32 positions: [head_dim][32]. What lies past the last position stored is anything.
  const uint16_t* keys(size_t layer, size_t head, size_t block) const noexcept {
    return at(layer, head, 0) + block * block_positions * shape_.head_dim;
  }
  const uint16_t* values(size_t layer, size_t head) const noexcept {  // [n_positions][head_dim]
    return at(layer, head, 1);
  }

  void store(size_t layer, size_t head, size_t position, const float* key, const float* value) noexcept {
    uint16_t* keys = at(layer, head, 0) + position / block_positions * block_positions * shape_.head_dim;
    for (size_t i = 0; i < shape_.head_dim; ++i)
      keys[i * block_positions + position % block_positions] = half_from_float_flushed(key[i]);
    uint16_t* values = at(layer, head, 1) + position * shape_.head_dim;
    for (size_t i = 0; i < shape_.head_dim; ++i) values[i] = half_from_float_flushed(value[i]);
  }

 private:
  uint16_t* at(size_t layer, size_t head, size_t which) const noexcept {
    const size_t index = (layer * shape_.n_heads + head) * 2 + which;
    return memory_.data() + index * shape_.padded_positions() * shape_.head_dim;
  }

  Shape shape_ = {};
  std::span<uint16_t> memory_;
};

}  // namespace bitnet
