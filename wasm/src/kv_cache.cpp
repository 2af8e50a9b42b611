#include "kv_cache.h"

#include <cfloat>
#include <cstring>

#include "fixed_point.h"
#include "half.h"

namespace bitnet {

namespace {

constexpr int32_t most_in_byte = 127;

// Where position `index` of a block stands, in a block of rows of 32 positions.
size_t block_of(size_t position) noexcept { return position / KvCache::block_positions; }
size_t index_in_block(size_t position) noexcept { return position % KvCache::block_positions; }

void store_half_floats(KvCache::HalfFloats cache, size_t head_dim, size_t position, const float* key,
                       const float* value) noexcept {
  uint16_t* keys = cache.keys + block_of(position) * KvCache::block_positions * head_dim + index_in_block(position);
  for (size_t i = 0; i < head_dim; ++i) keys[i * KvCache::block_positions] = half_from_float_flushed(key[i]);
  uint16_t* values = cache.values + position * head_dim;
  for (size_t i = 0; i < head_dim; ++i) values[i] = half_from_float_flushed(value[i]);
}

void store_bytes(KvCache::Bytes cache, const KvCache::Shape& shape, size_t position, const float* key,
                 const float* value) noexcept {
  const size_t head_dim = shape.head_dim;
  const FixedPoint of_key = FixedPoint::of({key, head_dim}, most_in_byte);
  const FixedPoint of_value = FixedPoint::of({value, head_dim}, most_in_byte);
  const auto byte = [](FixedPoint format, float number) { return static_cast<int8_t>(format.value(number)); };
  cache.key_units[position] = of_key.unit;
  cache.value_units[position] = of_value.unit;
  BytePair* keys =
      cache.keys + block_of(position) * KvCache::block_positions * shape.key_pairs() + index_in_block(position);
  for (size_t i = 0; i < head_dim; i += 2)
    keys[i / 2 * KvCache::block_positions] = {byte(of_key, key[i]),
                                              i + 1 < head_dim ? byte(of_key, key[i + 1]) : int8_t{0}};
  BytePair* values = cache.values + position / 2 * head_dim;
  int8_t BytePair::* const half = position % 2 == 0 ? &BytePair::first : &BytePair::second;
  for (size_t i = 0; i < head_dim; ++i) values[i].*half = byte(of_value, value[i]);
}

// Show every number that a position has, in the order of saved rows.
template <class Visit>
void visit_position(KvCache::HalfFloats cache, const KvCache::Shape& shape, size_t position, Visit& visit) {
  uint16_t* keys =
      cache.keys + block_of(position) * KvCache::block_positions * shape.head_dim + index_in_block(position);
  for (size_t i = 0; i < shape.head_dim; ++i) visit(keys[i * KvCache::block_positions]);
  uint16_t* values = cache.values + position * shape.head_dim;
  for (size_t i = 0; i < shape.head_dim; ++i) visit(values[i]);
}

template <class Visit>
void visit_position(KvCache::Bytes cache, const KvCache::Shape& shape, size_t position, Visit& visit) {
  visit(cache.key_units[position]);
  visit(cache.value_units[position]);
  BytePair* keys =
      cache.keys + block_of(position) * KvCache::block_positions * shape.key_pairs() + index_in_block(position);
  for (size_t i = 0; i < shape.key_pairs(); ++i) {
    visit(keys[i * KvCache::block_positions].first);
    visit(keys[i * KvCache::block_positions].second);
  }
  BytePair* values = cache.values + position / 2 * shape.head_dim;
  int8_t BytePair::* const half = position % 2 == 0 ? &BytePair::first : &BytePair::second;
  for (size_t i = 0; i < shape.head_dim; ++i) visit(values[i].*half);
}

// What half_from_float_flushed makes of a finite number: neither subnormal nor infinite.
bool is_stored(uint16_t half) noexcept {
  const uint32_t exponent = half >> 10 & 31u;
  return exponent == 0 ? (half & 0x3ffu) == 0 : exponent < 31;
}
bool is_stored(float unit) noexcept { return unit >= 0 && unit <= FLT_MAX; }
bool is_stored(int8_t byte) noexcept { return byte >= -most_in_byte; }

}  // namespace

uint8_t* KvCache::at(size_t layer, size_t head) const noexcept {
  return memory_.data() + (layer * shape_.n_heads + head) * shape_.padded_positions() * shape_.bytes_per_position();
}

KvCache::HalfFloats KvCache::half_floats(size_t layer, size_t head) const noexcept {
  auto* keys = reinterpret_cast<uint16_t*>(at(layer, head));
  return {keys, keys + shape_.padded_positions() * shape_.head_dim};
}

KvCache::Bytes KvCache::bytes(size_t layer, size_t head) const noexcept {
  const size_t n = shape_.padded_positions();
  auto* units = reinterpret_cast<float*>(at(layer, head));
  auto* keys = reinterpret_cast<BytePair*>(units + 2 * n);
  return {units, units + n, keys, keys + n * shape_.key_pairs()};
}

void KvCache::store(size_t layer, size_t head, size_t position, const float* key, const float* value) noexcept {
  if (shape_.precision == KvPrecision::f16)
    store_half_floats(half_floats(layer, head), shape_.head_dim, position, key, value);
  else
    store_bytes(bytes(layer, head), shape_, position, key, value);
}

template <class Visit>
void KvCache::visit(size_t layer, size_t head, size_t begin, size_t end, Visit visit) const noexcept {
  for (size_t position = begin; position < end; ++position)
    if (shape_.precision == KvPrecision::f16)
      visit_position(half_floats(layer, head), shape_, position, visit);
    else
      visit_position(bytes(layer, head), shape_, position, visit);
}

void KvCache::save(size_t layer, size_t head, size_t begin, size_t end, uint8_t* rows) const noexcept {
  visit(layer, head, begin, end, [&](const auto& number) {
    std::memcpy(rows, &number, sizeof number);
    rows += sizeof number;
  });
}

bool KvCache::restore(size_t layer, size_t head, size_t begin, size_t end, const uint8_t* rows) noexcept {
  bool all_stored = true;
  visit(layer, head, begin, end, [&](auto& number) {
    std::memcpy(&number, rows, sizeof number);
    rows += sizeof number;
    all_stored &= is_stored(number);
  });
  return all_stored;
}

}  // namespace bitnet
