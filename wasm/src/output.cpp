// output.cpp: from the last token's hidden state to the next token: logits, and choices among them.
#include <algorithm>
#include <cmath>
#include <functional>

#include "session.h"

namespace bitnet {

namespace {

// With more candidates than this part of the vocabulary, the head as a whole is cheaper than row by row.
constexpr size_t largest_part = 8;

constexpr float unbounded = HUGE_VALF;

// The n-th largest of some numbers, of which most are too small to matter.
float nth_largest(std::span<const float> numbers, size_t n, std::span<float> heap) noexcept {
  if (n >= numbers.size()) return -unbounded;
  std::copy_n(numbers.begin(), n, heap.begin());
  const auto end = heap.begin() + static_cast<ptrdiff_t>(n);
  std::make_heap(heap.begin(), end, std::greater<>());
  for (const float number : numbers.subspan(n))
    if (number > heap[0]) {
      std::pop_heap(heap.begin(), end, std::greater<>());
      *(end - 1) = number;
      std::push_heap(heap.begin(), end, std::greater<>());
    }
  return heap[0];
}

}  // namespace

// After the last layer. The head itself waits until it is known what is asked of it, unless a tap wants to see it. A
// tap is of one rank, and all ranks must exchange alike: with several it sees the head when logits are asked for.
Status Session::prepare_output(size_t n_tokens) {
  const size_t n_embd = model_.config.n_embd;
  rms_norm(row(hidden_, n_tokens - 1, n_embd), model_.weights.output_norm, model_.config.rms_eps, output_input_.data());
  tap_("output_norm", Tap::no_layer, n_tokens - 1, output_input_);
  BN_TRY(check_output(output_input_));
  const bool is_shown = tap_ && model_.rank.count == 1;
  return is_shown || model_.screen.empty() ? compute_logits(n_tokens - 1) : Status();
}

Status Session::compute_logits(size_t token) {
  const Matrix& output = model_.weights.output;
  std::copy(output_input_.begin(), output_input_.end(), normed_.begin());
  multiply(Tap::no_layer, {{&output, logits_.data(), 0}}, 1, token);
  BN_TRY(model_.gather(logits_.data(), 1, logits_.size(), {output.first_row, output.first_row + output.n_rows}));
  tap_("logits", Tap::no_layer, token, logits_);
  BN_TRY(check_output(logits_));
  has_logits_ = true;
  return {};
}

Status Session::check_output(std::span<const float> numbers) const {
  if (all_finite(numbers)) return {};
  return fail(BN_BAD_NUMBERS,
              "the output head made a logit that is not finite, at position %zu; the file is damaged, download it "
              "again or choose another model",
              position_ - 1);
}

Status Session::logits(std::span<const float>& logits) {
  if (!has_output_) return fail(BN_NOT_READY, "there are no logits yet; run a token first");
  if (!has_logits_) BN_TRY(compute_logits(0));
  logits = logits_;
  return {};
}

// The tokens that can be among the n_considered best, by ascending id with their exact logits; none when they are too
// many to be worth it.
Status Session::screen(size_t n_considered, std::span<Candidate>& candidates) {
  const Matrix& output = model_.weights.output;
  const Rank::Part part = {output.first_row, output.first_row + output.n_rows};
  if (!model_.screen.bounds(*model_.kernels, output_input_, screen_values_, lower_.data() + part.begin,
                            upper_.data() + part.begin)) {
    std::fill_n(lower_.data() + part.begin, output.n_rows, -unbounded);
    std::fill_n(upper_.data() + part.begin, output.n_rows, unbounded);
  }
  BN_TRY(model_.gather(lower_.data(), 1, lower_.size(), part));
  BN_TRY(model_.gather(upper_.data(), 1, upper_.size(), part));
  for (const int32_t id : sampler_->penalised(tokens_.first(position_))) {
    lower_[static_cast<size_t>(id)] = -unbounded;
    upper_[static_cast<size_t>(id)] = unbounded;
  }
  // The rows with the best lower bounds first: their exact logits raise the mark for all others.
  std::span<Candidate> best;
  if (!collect(lower_, nth_largest(lower_, n_considered, logits_), best)) return {};
  BN_TRY(score(best));
  const auto nth = best.begin() + static_cast<ptrdiff_t>(n_considered) - 1;
  std::nth_element(best.begin(), nth, best.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  if (!collect(upper_, nth->logit, candidates)) return {};
  return score(candidates);
}

// The tokens for which a bound is not below `least`, by ascending id; false when they are too many.
bool Session::collect(std::span<const float> bounds, float least, std::span<Candidate>& candidates) const noexcept {
  size_t n = 0;
  for (size_t id = 0; id < bounds.size(); ++id)
    if (bounds[id] >= least) {
      if (n == bounds.size() / largest_part) return false;
      candidates_[n++].id = static_cast<int32_t>(id);
    }
  candidates = candidates_.first(n);
  return true;
}

// The exact logits of candidates, as compute_logits has them.
Status Session::score(std::span<Candidate> candidates) {
  const KernelSet& kernels = *model_.kernels;
  const Matrix& output = model_.weights.output;
  const uint64_t stride = row_bytes(output.type, output.n_cols);
  const std::span<float> scores = lower_.first(candidates.size());
  Rank::Part mine = {0, 0};
  for (size_t i = 0; i < candidates.size(); ++i) {
    const size_t row = static_cast<size_t>(candidates[i].id) - output.first_row;  // wraps for rows before
    if (static_cast<size_t>(candidates[i].id) < output.first_row) mine.begin = i + 1;
    if (row >= output.n_rows) continue;
    kernels.dequantize_row(output.type, output.data + row * stride, output.n_cols, scratch_.weight_rows.data());
    scores[i] = kernels.dot_f32(scratch_.weight_rows.data(), output_input_.data(), output.n_cols);
    mine.end = i + 1;
  }
  mine.end = std::max(mine.begin, mine.end);
  BN_TRY(model_.gather(scores.data(), 1, scores.size(), mine));
  BN_TRY(check_output(scores));
  for (size_t i = 0; i < candidates.size(); ++i)
    logits_[static_cast<size_t>(candidates[i].id)] = candidates[i].logit = scores[i];
  return {};
}

Status Session::sample(int32_t& token) {
  if (!has_output_) return fail(BN_NOT_READY, "there are no logits to sample from; run a token first");
  const std::span<const int32_t> history = tokens_.first(position_);
  std::span<Candidate> candidates;
  const size_t n_considered = sampler_->n_considered();
  if (!has_logits_ && !model_.screen.empty() && n_considered > 0 && n_considered <= n_vocab() / largest_part)
    BN_TRY(screen(n_considered, candidates));
  n_scored_ = candidates.size();
  if (!candidates.empty()) {
    token = sampler_->sample(candidates, logits_, history);
    return {};
  }
  std::span<const float> logits;
  BN_TRY(this->logits(logits));
  n_scored_ = logits.size();
  token = sampler_->sample(logits, history);
  return {};
}

Status Session::log_probability(int32_t token, float& value) {
  std::span<const float> logits;
  BN_TRY(this->logits(logits));
  if (token < 0 || static_cast<size_t>(token) >= logits.size())
    return fail(BN_BAD_ARGUMENT, "token id %d is outside the vocabulary of %zu", token, logits.size());
  value = static_cast<float>(static_cast<double>(logits[static_cast<size_t>(token)]) - log_sum_exp(logits));
  return {};
}

Status Session::top(std::span<int32_t> ids, std::span<float> log_probabilities) {
  std::span<const float> logits;
  BN_TRY(this->logits(logits));
  sampler_->top(logits, ids);
  const double total = log_sum_exp(logits);
  for (size_t i = 0; i < ids.size(); ++i)
    log_probabilities[i] = static_cast<float>(static_cast<double>(logits[static_cast<size_t>(ids[i])]) - total);
  return {};
}

}  // namespace bitnet
