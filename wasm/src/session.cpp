#include "session.h"

#include <algorithm>
#include <cmath>

namespace bitnet {

namespace {

size_t longest_row(const Config& config) { return std::max({config.n_embd, config.q_dim(), config.n_ff}); }

}  // namespace

void Session::plan(Planner& planner) {
  const Config& config = model_.config;
  const Rank::Part kv_heads = model_.rank.part(config.n_kv_heads, 1);
  const size_t group = config.n_heads / config.n_kv_heads;
  const KvCache::Shape shape = {config.n_layers, kv_heads.end - kv_heads.begin, n_positions_, config.head_dim,
                                precision_};
  cache_ = KvCache(shape, planner.take<uint8_t>(shape.n_bytes()));
  const uint64_t n_angles = uint64_t{n_positions_} * (config.n_rot / 2);
  rope_ = {planner.take<float>(n_angles), planner.take<float>(n_angles)};
  tokens_ = planner.take<int32_t>(n_positions_);
  hidden_ = planner.take<float>(batch_size * config.n_embd);
  normed_ = planner.take<float>(batch_size * longest_row(config));
  q_ = planner.take<float>(batch_size * config.q_dim());
  k_ = planner.take<float>(batch_size * config.kv_dim());
  v_ = planner.take<float>(batch_size * config.kv_dim());
  attended_ = planner.take<float>(batch_size * config.q_dim());
  gate_ = planner.take<float>(batch_size * config.n_ff);
  up_ = planner.take<float>(batch_size * config.n_ff);
  projected_ = planner.take<float>(batch_size * config.n_embd);
  slots_ = planner.take<float>(model_.rank.count > 1 ? uint64_t{batch_size} * model_.rank.count * config.n_embd : 0);
  scores_ = planner.take<float>(uint64_t{group} * shape.padded_positions());
  if (precision_ == KvPrecision::int8) integer_attention_.plan(planner, group, shape);
  output_input_ = planner.take<float>(config.n_embd);
  logits_ = planner.take<float>(config.n_vocab);
  lower_ = planner.take<float>(model_.wants_screen ? config.n_vocab : 0);
  upper_ = planner.take<float>(model_.wants_screen ? config.n_vocab : 0);
  screen_values_ = planner.take<int8_t>(OutputScreen::values_size(config.n_embd));
  candidates_ = planner.take<Candidate>(config.n_vocab);
  scratch_.plan(planner, batch_size,
                {{config.q_dim() + 2 * config.kv_dim(), config.n_embd},
                 {config.n_embd, config.q_dim()},
                 {2 * config.n_ff, config.n_embd},
                 {config.n_embd, config.n_ff}},
                config.n_vocab);
}

Session::~Session() { model_.sessions_bytes -= n_bytes_; }

uint64_t Session::bytes(const Model& model, size_t n_positions, KvPrecision precision) {
  Planner planner;
  Session(model, n_positions, precision).plan(planner);
  return planner.n_bytes();
}

Status Session::create(const Model& model, size_t n_positions, KvPrecision precision,
                       std::unique_ptr<Session>& session) {
  if (n_positions == 0) n_positions = model.config.n_ctx_train;
  if (n_positions > model.config.n_ctx_train)
    return fail(BN_BAD_ARGUMENT, "a context of %zu positions is asked for; this model was trained for 1 to %zu",
                n_positions, model.config.n_ctx_train);
  const uint64_t n_bytes = bytes(model, n_positions, precision);
  const uint64_t limit = model.memory_limit_bytes;
  const uint64_t total = model.weights_bytes + model.sessions_bytes + n_bytes;
  if (limit != 0 && total > limit)
    return fail(BN_OUT_OF_MEMORY,
                "a context of %zu positions needs %llu bytes, %llu more than allowed; choose a shorter one",
                n_positions, static_cast<unsigned long long>(n_bytes), static_cast<unsigned long long>(total - limit));
  std::unique_ptr<Session> created(new Session(model, n_positions, precision));
  if (!created->memory_.allocate(n_bytes, room_for_small_things))
    return fail(BN_OUT_OF_MEMORY,
                "a context of %zu positions needs %llu bytes, %llu more than can be had here; choose a shorter one",
                n_positions, static_cast<unsigned long long>(n_bytes),
                static_cast<unsigned long long>(n_bytes - available_bytes(n_bytes)));
  Planner planner(created->memory_.data());
  created->plan(planner);
  created->sampler_.emplace(created->candidates_);
  created->n_bytes_ = n_bytes;
  // run_kernels may come before the first token.
  std::fill(created->normed_.begin(), created->normed_.end(), 0.0f);
  std::fill(created->q_.begin(), created->q_.end(), 0.0f);
  std::fill(created->output_input_.begin(), created->output_input_.end(), 1.0f);
  model.sessions_bytes += n_bytes;
  session = std::move(created);
  return {};
}

Status Session::rewind(size_t n_positions) {
  if (n_positions > position_)
    return fail(BN_BAD_ARGUMENT, "cannot go back to position %zu: only %zu are filled", n_positions, position_);
  position_ = n_positions;
  restoring_ = {};
  has_output_ = has_logits_ = false;
  return {};
}

void Session::forget() noexcept {
  position_ = 0;
  restoring_ = {};
  has_output_ = has_logits_ = false;
}

Status Session::memory(uint64_t* bytes) const {
  uint64_t header = 0;
  for (const auto& part : model_.parts) header += part->n_bytes();
  const uint64_t screen = model_.screen.n_bytes();
  const uint64_t kv_cache = cache_.shape().n_bytes();
  const uint64_t mine[BN_N_MEMORY_PARTS] = {
      model_.weights_bytes - screen, screen, model_.tokenizer.n_bytes(), header, kv_cache, n_bytes_ - kv_cache};
  const Rank rank = model_.rank;
  std::copy(std::begin(mine), std::end(mine), bytes + rank.index * BN_N_MEMORY_PARTS);
  return model_.gather_bytes(bytes, 1, rank.count * sizeof mine, rank.index * sizeof mine,
                             (rank.index + 1) * sizeof mine);
}

Status Session::prefill(std::span<const int32_t> tokens, bool want_logits) {
  if (!model_.ready) return fail(BN_NOT_READY, "the weights have not arrived completely yet");
  if (tokens.empty()) return fail(BN_BAD_ARGUMENT, "there are no tokens to run");
  if (tokens.size() > capacity() - position_)
    return fail(BN_CONTEXT_FULL,
                "%zu tokens do not fit: %zu of %zu positions are left; shorten the prompt or start anew", tokens.size(),
                capacity() - position_, capacity());
  for (const int32_t token : tokens)
    if (token < 0 || static_cast<size_t>(token) >= model_.config.n_vocab)
      return fail(BN_BAD_ARGUMENT, "token id %d is outside the vocabulary of %zu", token, model_.config.n_vocab);
  if (!has_rope_table_) {  // its divisors come with the weights
    fill_rope_table(model_.config, model_.weights.rope_freqs, n_positions_, rope_);
    has_rope_table_ = true;
  }
  restoring_ = {};
  has_output_ = has_logits_ = false;
  const size_t begin = position_;
  while (!tokens.empty()) {
    const auto batch = tokens.first(std::min(batch_size, tokens.size()));
    tokens = tokens.subspan(batch.size());
    if (Status status = run(batch, want_logits && tokens.empty()); !status.ok()) {
      position_ = begin;
      return status;
    }
  }
  has_output_ = want_logits;
  return {};
}

}  // namespace bitnet
