// The sampler: what each setting keeps, and that a seed decides everything.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <vector>

#include "sampler.h"

using namespace bitnet;

namespace {

// How often each id comes out of n draws.
std::map<int32_t, int> draw(const Sampling& sampling, const std::vector<float>& logits, int n = 2000,
                            const std::vector<int32_t>& history = {}) {
  std::vector<Candidate> candidates(logits.size());
  Sampler sampler(candidates);
  REQUIRE(sampler.set(sampling).ok());
  std::map<int32_t, int> counts;
  for (int i = 0; i < n; ++i) counts[sampler.sample(logits, history)] += 1;
  return counts;
}

const std::vector<float> logits = {std::log(0.1f), std::log(0.5f), std::log(0.3f), std::log(0.1f)};

Sampling hot() {
  Sampling sampling;
  sampling.temperature = 1;
  sampling.seed = 42;
  return sampling;
}

}  // namespace

TEST_CASE("temperature 0 is greedy, and the lowest id wins a tie") {
  CHECK(draw({}, logits) == std::map<int32_t, int>{{1, 2000}});
  CHECK(draw({}, {1.0f, 3.0f, 3.0f}) == std::map<int32_t, int>{{1, 2000}});
}

TEST_CASE("draws follow the probabilities") {
  const auto counts = draw(hot(), logits, 20000);
  // Four standard deviations of a binomial count.
  for (const auto& [id, p] : std::map<int32_t, double>{{0, 0.1}, {1, 0.5}, {2, 0.3}, {3, 0.1}})
    CHECK(std::abs(counts.at(id) - 20000 * p) < 4 * std::sqrt(20000 * p * (1 - p)));
}

TEST_CASE("the same seed draws the same tokens, another seed others") {
  std::vector<Candidate> candidates(logits.size());
  const auto sequence = [&](uint64_t seed) {
    Sampling sampling = hot();
    sampling.seed = seed;
    Sampler sampler(candidates);
    REQUIRE(sampler.set(sampling).ok());
    std::vector<int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(sampler.sample(logits, {}));
    return ids;
  };
  CHECK(sequence(1) == sequence(1));
  CHECK(sequence(1) != sequence(2));
}

TEST_CASE("top_k keeps the best k") {
  Sampling sampling = hot();
  sampling.top_k = 2;
  const auto counts = draw(sampling, logits);
  CHECK(counts.size() == 2);
  CHECK(counts.contains(1));
  CHECK(counts.contains(2));
}

TEST_CASE("top_p keeps the smallest set that reaches p") {
  Sampling sampling = hot();
  sampling.top_p = 0.79f;
  CHECK(draw(sampling, logits).size() == 2);
  sampling.top_p = 0.81f;
  CHECK(draw(sampling, logits).size() == 3);
}

TEST_CASE("min_p drops what is too unlikely beside the best") {
  Sampling sampling = hot();
  sampling.min_p = 0.5f;  // of 0.5: keeps 0.5 and 0.3
  CHECK(draw(sampling, logits).size() == 2);
}

TEST_CASE("the repetition penalty lowers what was said lately, whatever the sign of its logit") {
  Sampling sampling;
  sampling.repeat_penalty = 2;
  CHECK(draw(sampling, {3.0f, 2.0f}, 1, {0}).contains(1));
  CHECK(draw(sampling, {-1.0f, -1.5f}, 1, {0}).contains(1));
  sampling.repeat_last_n = 1;
  CHECK(draw(sampling, {3.0f, 2.0f}, 1, {0, 1}).contains(0));
}

TEST_CASE("logits and penalties of any size leave something to draw from") {
  Sampling sampling = hot();
  sampling.repeat_penalty = 0.001f;
  sampling.top_p = 0.9f;
  sampling.min_p = 0.1f;
  CHECK(draw(sampling, {3e38f, 1.0f, -3e38f}, 10, {0, 1, 2}).contains(0));
}

TEST_CASE("settings outside their range are refused in words") {
  std::vector<Candidate> candidates(4);
  Sampler sampler(candidates);
  Sampling sampling;
  sampling.top_p = 0;
  CHECK(sampler.set(sampling).message().find("top_p is 0") != std::string::npos);
  sampling = {};
  sampling.temperature = NAN;
  CHECK(sampler.set(sampling).code() == BN_BAD_ARGUMENT);
}
