// attention.cpp: what each token takes from the positions up to its own. All query heads that share the keys and values
// of one head go through them together.
#include <algorithm>
#include <cmath>

#include "fixed_point.h"
#include "session.h"

namespace bitnet {

namespace {

constexpr size_t block_positions = KvCache::block_positions;

// Products with bytes are sums of words of up to 15 bits; of more than 516 some bits less, so that sums fit.
int32_t most_in_word(size_t n_products) noexcept {
  return static_cast<int32_t>(std::min<size_t>(INT16_MAX, INT32_MAX / (127 * n_products)));
}

// x as words, in pairs of which the last may be half empty; returns the unit.
float words(std::span<const float> x, WordPair* pairs) noexcept {
  const FixedPoint format = FixedPoint::of(x, most_in_word(x.size()));
  const auto word = [&](size_t i) { return static_cast<int16_t>(i < x.size() ? format.value(x[i]) : 0); };
  for (size_t i = 0; i < x.size(); i += 2) pairs[i / 2] = {word(i), word(i + 1)};
  return format.unit;
}

}  // namespace

void IntegerAttention::plan(Planner& planner, size_t group, const KvCache::Shape& shape) {
  stride = std::max(shape.key_pairs(), value_positions / 2);
  weights = planner.take<WordPair>(group * stride);
  sums = planner.take<int32_t>(group * std::max(shape.head_dim, block_positions));
  units = planner.take<float>(group);
}

// attended_ = softmax(q . keys / sqrt(head_dim)) . values, each token seeing itself and what came before.
void Session::attend(size_t layer, size_t n_tokens) {
  const Config& config = model_.config;
  const size_t group = config.n_heads / config.n_kv_heads;
  const Rank::Part kv_heads = model_.rank.part(config.n_kv_heads, 1);
  for (size_t head = kv_heads.begin; head < kv_heads.end; ++head)
    for (size_t t = 0; t < n_tokens; ++t) {
      const size_t at = t * config.q_dim() + head * group * config.head_dim;
      attend_group(layer, head - kv_heads.begin, position_ + t + 1, q_.data() + at, attended_.data() + at);
    }
}

// All query heads that share the keys and values of one head, over n_positions.
void Session::attend_group(size_t layer, size_t head, size_t n_positions, const float* q, float* attended) {
  const bool has_bytes = cache_.shape().precision == KvPrecision::int8;
  const size_t head_dim = model_.config.head_dim;
  const size_t group = model_.config.n_heads / model_.config.n_kv_heads;
  const size_t stride = cache_.shape().padded_positions();
  if (has_bytes)
    score_bytes(cache_.bytes(layer, head), n_positions, q);
  else
    score_half_floats(cache_.half_floats(layer, head), n_positions, q);
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  for (size_t i = 0; i < group; ++i) {
    const std::span<float> scores = scores_.subspan(i * stride, n_positions);
    for (float& score : scores) score *= scale;
    softmax(scores);
  }
  if (has_bytes)
    mix_bytes(cache_.bytes(layer, head), n_positions, attended);
  else
    model_.kernels->mix_f16(cache_.half_floats(layer, head).values, n_positions, head_dim, scores_.data(), stride,
                            group, attended, head_dim);
}

void Session::score_half_floats(KvCache::HalfFloats cache, size_t n_positions, const float* q) {
  const size_t head_dim = model_.config.head_dim;
  const size_t group = model_.config.n_heads / model_.config.n_kv_heads;
  for (size_t begin = 0; begin < n_positions; begin += block_positions)
    model_.kernels->mix_f16(cache.keys + begin * head_dim, head_dim, block_positions, q, head_dim, group,
                            scores_.data() + begin, cache_.shape().padded_positions());
}

// A score is the exact sum of products of words and bytes, times the units of the query and of the key.
void Session::score_bytes(KvCache::Bytes cache, size_t n_positions, const float* q) {
  const size_t head_dim = model_.config.head_dim, n_pairs = cache_.shape().key_pairs();
  const size_t group = model_.config.n_heads / model_.config.n_kv_heads;
  const IntegerAttention& scratch = integer_attention_;
  for (size_t i = 0; i < group; ++i)
    scratch.units[i] = words({q + i * head_dim, head_dim}, scratch.weights.data() + i * scratch.stride);
  for (size_t begin = 0; begin < n_positions; begin += block_positions) {
    model_.kernels->mix_i8(cache.keys + begin * n_pairs, n_pairs, block_positions, scratch.weights.data(),
                           scratch.stride, group, scratch.sums.data(), block_positions);
    for (size_t i = 0; i < group; ++i) {
      const int32_t* sums = scratch.sums.data() + i * block_positions;
      float* scores = scores_.data() + i * cache_.shape().padded_positions() + begin;
      for (size_t p = 0; p < block_positions; ++p)
        scores[p] = static_cast<float>(sums[p]) * scratch.units[i] * cache.key_units[begin + p];
    }
  }
}

// Some positions at a time: their weights times the units of their values become words with a unit of their own.
void Session::mix_bytes(KvCache::Bytes cache, size_t n_positions, float* attended) {
  const size_t head_dim = model_.config.head_dim;
  const size_t group = model_.config.n_heads / model_.config.n_kv_heads;
  const IntegerAttention& scratch = integer_attention_;
  std::fill_n(attended, group * head_dim, 0.0f);
  for (size_t begin = 0; begin < n_positions; begin += IntegerAttention::value_positions) {
    const size_t n = std::min(IntegerAttention::value_positions, n_positions - begin);
    for (size_t i = 0; i < group; ++i) {
      const std::span<float> weights = scores_.subspan(i * cache_.shape().padded_positions() + begin, n);
      for (size_t p = 0; p < n; ++p) weights[p] *= cache.value_units[begin + p];
      scratch.units[i] = words(weights, scratch.weights.data() + i * scratch.stride);
    }
    model_.kernels->mix_i8(cache.values + begin / 2 * head_dim, (n + 1) / 2, head_dim, scratch.weights.data(),
                           scratch.stride, group, scratch.sums.data(), head_dim);
    for (size_t i = 0; i < group; ++i)
      for (size_t c = i * head_dim; c < (i + 1) * head_dim; ++c)
        attended[c] += static_cast<float>(scratch.sums[c]) * scratch.units[i];
  }
}

}  // namespace bitnet
