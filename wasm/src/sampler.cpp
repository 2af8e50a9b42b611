#include "sampler.h"

#include <algorithm>
#include <cmath>

#include "arithmetic.h"

namespace bitnet {

namespace {

constexpr float largest_logit = 1e30f;  // differences of two such are finite

// Better first; ties: the lower id, so that the order is the same everywhere.
bool better(const Candidate& a, const Candidate& b) noexcept {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

int32_t argmax(std::span<const Candidate> candidates) noexcept {
  return std::min_element(candidates.begin(), candidates.end(), better)->id;
}

}  // namespace

Random::Random(uint64_t seed) noexcept {
  next();
  state_ += seed;
  next();
}

uint32_t Random::next() noexcept {
  const uint64_t old = state_;
  state_ = old * 6364136223846793005u + 1442695040888963407u;
  const auto shifted = static_cast<uint32_t>((old >> 18 ^ old) >> 27);
  const auto turn = static_cast<uint32_t>(old >> 59);
  return shifted >> turn | shifted << (-turn & 31);
}

double Random::next_unit() noexcept { return static_cast<double>(next()) * 0x1p-32; }

Status Sampler::set(const Sampling& sampling) {
  // Written so that NaN fails too.
  if (!(sampling.temperature >= 0 && sampling.temperature <= 100))
    return fail(BN_BAD_ARGUMENT, "temperature is %g; give 0 (greedy) to 100",
                static_cast<double>(sampling.temperature));
  if (sampling.top_k < 0) return fail(BN_BAD_ARGUMENT, "top_k is %d; give 0 (off) or more", sampling.top_k);
  if (!(sampling.top_p > 0 && sampling.top_p <= 1))
    return fail(BN_BAD_ARGUMENT, "top_p is %g; give more than 0, up to 1 (off)", static_cast<double>(sampling.top_p));
  if (!(sampling.min_p >= 0 && sampling.min_p <= 1))
    return fail(BN_BAD_ARGUMENT, "min_p is %g; give 0 (off) to 1", static_cast<double>(sampling.min_p));
  if (!(sampling.repeat_penalty > 0 && sampling.repeat_penalty <= 100))
    return fail(BN_BAD_ARGUMENT, "repeat_penalty is %g; give more than 0, 1 is off",
                static_cast<double>(sampling.repeat_penalty));
  if (sampling.repeat_last_n < 0)
    return fail(BN_BAD_ARGUMENT, "repeat_last_n is %d; give 0 or more", sampling.repeat_last_n);
  sampling_ = sampling;
  random_ = Random(sampling.seed);
  return {};
}

size_t Sampler::n_considered() const noexcept {
  return sampling_.temperature == 0 ? 1 : static_cast<size_t>(sampling_.top_k);
}

std::span<const int32_t> Sampler::penalised(std::span<const int32_t> history) const noexcept {
  if (sampling_.repeat_penalty == 1) return {};
  return history.last(std::min(history.size(), static_cast<size_t>(sampling_.repeat_last_n)));
}

std::span<Candidate> Sampler::all(std::span<const float> logits) noexcept {
  for (size_t id = 0; id < logits.size(); ++id) candidates_[id] = {static_cast<int32_t>(id), logits[id]};
  return candidates_;
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> history) noexcept {
  return sample(all(logits), logits, history);
}

int32_t Sampler::sample(std::span<Candidate> candidates, std::span<const float> logits,
                        std::span<const int32_t> history) noexcept {
  const auto by_id = [](const Candidate& candidate, int32_t id) { return candidate.id < id; };
  for (const int32_t id : penalised(history)) {
    const auto found = std::lower_bound(candidates.begin(), candidates.end(), id, by_id);
    if (found == candidates.end() || found->id != id) continue;
    // From the logit itself: a token that occurs twice is penalised once.
    const float logit = logits[static_cast<size_t>(id)];
    const float changed = logit > 0 ? logit / sampling_.repeat_penalty : logit * sampling_.repeat_penalty;
    found->logit = std::clamp(changed, -largest_logit, largest_logit);
  }
  if (sampling_.temperature == 0) return argmax(candidates);

  std::span<Candidate> kept = candidates;
  if (sampling_.top_k > 0 && static_cast<size_t>(sampling_.top_k) < kept.size()) {
    std::nth_element(kept.begin(), kept.begin() + sampling_.top_k - 1, kept.end(), better);
    kept = kept.first(static_cast<size_t>(sampling_.top_k));
  }
  // Only candidates within e^-30 of the best can be drawn at all; sorting the others is work for nothing.
  const float best = std::min_element(kept.begin(), kept.end(), better)->logit;
  const auto hopeless = [&](const Candidate& c) { return (c.logit - best) / sampling_.temperature < -30.0f; };
  kept = kept.first(static_cast<size_t>(std::remove_if(kept.begin(), kept.end(), hopeless) - kept.begin()));
  std::sort(kept.begin(), kept.end(), better);

  double total = 0;
  for (Candidate& candidate : kept) {
    candidate.logit = exp_f32((candidate.logit - best) / sampling_.temperature);  // from here on a weight
    total += static_cast<double>(candidate.logit);
  }
  if (sampling_.top_p < 1) {  // the smallest set whose probability reaches top_p
    double sum = 0;
    size_t n = 0;
    while (n < kept.size() && sum < static_cast<double>(sampling_.top_p) * total)
      sum += static_cast<double>(kept[n++].logit);
    kept = kept.first(n);
    total = sum;
  }
  if (sampling_.min_p > 0) {  // weights are relative to the best one, which is 1
    size_t n = 1;
    double sum = static_cast<double>(kept[0].logit);
    while (n < kept.size() && kept[n].logit >= sampling_.min_p) sum += static_cast<double>(kept[n++].logit);
    kept = kept.first(n);
    total = sum;
  }
  double left = random_.next_unit() * total;
  for (const Candidate& candidate : kept) {
    left -= static_cast<double>(candidate.logit);
    if (left < 0) return candidate.id;
  }
  return kept.back().id;
}

void Sampler::top(std::span<const float> logits, std::span<int32_t> ids) noexcept {
  const std::span<Candidate> candidates = all(logits);
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(ids.size()), candidates.end(),
                    better);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = candidates[i].id;
}

double log_sum_exp(std::span<const float> logits) noexcept {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(exp_f32(logit - largest));
  return static_cast<double>(largest) + log_f64(sum);
}

}  // namespace bitnet
