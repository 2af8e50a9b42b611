// kv_cache.h: keys and values of all positions so far, as half floats.
#pragma once

#include <cstdint>
#include <span>

#include "half.h"

namespace bitnet {

// Layout: [n_layers][keys, values][n_heads][n_positions][head_dim]; the heads are those that this rank holds.
class KvCache {
 public:
  struct Shape {
    size_t n_layers, n_heads, n_positions, head_dim;
    uint64_t n_elements() const noexcept { return uint64_t{2} * n_layers * n_heads * n_positions * head_dim; }
  };

  KvCache() = default;
  KvCache(Shape shape, std::span<uint16_t> memory) : shape_(shape), memory_(memory) {}

  const uint16_t* keys(size_t layer, size_t head) const noexcept {
    return at(layer, 0, head);
  }  // [n_positions][head_dim]
  const uint16_t* values(size_t layer, size_t head) const noexcept {
    return at(layer, 1, head);
  }  // [n_positions][head_dim]

  void store(size_t layer, size_t head, size_t position, const float* key, const float* value) noexcept {
    uint16_t* key_at = at(layer, 0, head) + position * shape_.head_dim;
    uint16_t* value_at = at(layer, 1, head) + position * shape_.head_dim;
    for (size_t i = 0; i < shape_.head_dim; ++i) key_at[i] = half_from_float_flushed(key[i]);
    for (size_t i = 0; i < shape_.head_dim; ++i) value_at[i] = half_from_float_flushed(value[i]);
  }

 private:
  uint16_t* at(size_t layer, size_t which, size_t head) const noexcept {
    const size_t index = (layer * 2 + which) * shape_.n_heads + head;
    return memory_.data() + index * shape_.n_positions * shape_.head_dim;
  }

  Shape shape_ = {};
  std::span<uint16_t> memory_;
};

}  // namespace bitnet
