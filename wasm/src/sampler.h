// sampler.h: logits to a token id, seeded. The same seed gives the same tokens on every machine.
#pragma once

#include <cstdint>
#include <span>

#include "status.h"

namespace bitnet {

struct Sampling {
  float temperature = 0.0f;  // 0: greedy
  int32_t top_k = 0;         // 0: off
  float top_p = 1.0f;        // 1: off
  float min_p = 0.0f;        // 0: off
  float repeat_penalty = 1.0f;
  int32_t repeat_last_n = 64;
  uint64_t seed = 0;
};

// PCG32 (XSH RR 64/32) of M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
// Algorithms for Random Number Generation", 2014.
class Random {
 public:
  explicit Random(uint64_t seed) noexcept;
  double next_unit() noexcept;  // [0, 1), 32 bits

 private:
  uint32_t next() noexcept;
  uint64_t state_ = 0;
};

struct Candidate {
  int32_t id;
  float logit;
};

class Sampler {
 public:
  // `candidates` is scratch of n_vocab entries.
  explicit Sampler(std::span<Candidate> candidates) : candidates_(candidates) {}

  Status set(const Sampling& sampling);
  // From how many of the largest logits, after the penalty, a token can be chosen: 0 if from all.
  size_t n_considered() const noexcept;
  // The tokens whose logits the settings change; `history`: the tokens so far, oldest first.
  std::span<const int32_t> penalised(std::span<const int32_t> history) const noexcept;

  int32_t sample(std::span<const float> logits, std::span<const int32_t> history) noexcept;
  // The same, when only the candidates, by ascending id, can be chosen; `logits` holds theirs.
  int32_t sample(std::span<Candidate> candidates, std::span<const float> logits,
                 std::span<const int32_t> history) noexcept;
  // The most probable tokens, best first; ids.size() of them. Log probabilities come from log_sum_exp.
  void top(std::span<const float> logits, std::span<int32_t> ids) noexcept;

 private:
  std::span<Candidate> all(std::span<const float> logits) noexcept;

  std::span<Candidate> candidates_;
  Sampling sampling_;
  Random random_{0};
};

// ln of the sum of e^logit: what to subtract from a logit to get a log probability.
double log_sum_exp(std::span<const float> logits) noexcept;

}  // namespace bitnet
