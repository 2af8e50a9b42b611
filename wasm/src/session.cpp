#include "session.h"

#include <algorithm>
#include <cmath>

namespace bitnet {

namespace {

constexpr size_t room_for_small_things = 4 << 20;  // bytes: what Python allocates from here to the first answer

size_t longest_row(const Config& config) { return std::max({config.n_embd, config.q_dim(), config.n_ff}); }

}  // namespace

void Session::plan(Planner& planner) {
  const Config& config = model_.config;
  const Rank::Part kv_heads = model_.rank.part(config.n_kv_heads, 1);
  const KvCache::Shape shape = {config.n_layers, kv_heads.end - kv_heads.begin, n_positions_, config.head_dim};
  cache_ = KvCache(shape, planner.take<uint16_t>(shape.n_elements()));
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
  slots_ = planner.take<float>(model_.rank.count > 1 ? batch_size * model_.rank.count * config.n_embd : 0);
  scores_ = planner.take<float>(n_positions_);
  logits_ = planner.take<float>(config.n_vocab);
  candidates_ = planner.take<Candidate>(config.n_vocab);
  scratch_.values = planner.take<int8_t>(longest_row(config));
  scratch_.widened = planner.take<int16_t>(longest_row(config));
  scratch_.integers = planner.take<int32_t>(std::max(longest_row(config), config.n_vocab));
  scratch_.weights_row = planner.take<float>(longest_row(config));
}

uint64_t Session::bytes(const Model& model, size_t n_positions) {
  Planner planner;
  Session(model, n_positions).plan(planner);
  return planner.n_bytes();
}

Status Session::create(const Model& model, size_t n_positions, std::unique_ptr<Session>& session) {
  if (n_positions == 0) n_positions = model.config.n_ctx_train;
  if (n_positions > model.config.n_ctx_train)
    return fail(BN_BAD_ARGUMENT, "a context of %zu positions is asked for; this model was trained for 1 to %zu",
                n_positions, model.config.n_ctx_train);
  const uint64_t n_bytes = bytes(model, n_positions);
  const uint64_t limit = model.memory_limit_bytes;
  if (limit != 0 && model.weights_bytes + n_bytes > limit)
    return fail(BN_OUT_OF_MEMORY,
                "a context of %zu positions needs %llu bytes, %llu more than allowed; choose a shorter one",
                n_positions, static_cast<unsigned long long>(n_bytes),
                static_cast<unsigned long long>(model.weights_bytes + n_bytes - limit));
  std::unique_ptr<Session> created(new Session(model, n_positions));
  if (!created->memory_.allocate(n_bytes, room_for_small_things))
    return fail(BN_OUT_OF_MEMORY,
                "a context of %zu positions needs %llu bytes, which this machine does not give; choose a "
                "shorter one",
                n_positions, static_cast<unsigned long long>(n_bytes));
  Planner planner(created->memory_.data());
  created->plan(planner);
  created->sampler_.emplace(created->candidates_);
  fill_rope_table(model.config, model.weights.rope_freqs, n_positions, created->rope_);
  session = std::move(created);
  return {};
}

Status Session::rewind(size_t n_positions) {
  if (n_positions > position_)
    return fail(BN_BAD_ARGUMENT, "cannot go back to position %zu: only %zu are filled", n_positions, position_);
  position_ = n_positions;
  has_logits_ = false;
  return {};
}

std::span<const float> Session::logits() const noexcept { return has_logits_ ? logits_ : std::span<float>(); }

Status Session::prefill(std::span<const int32_t> tokens, bool want_logits) {
  if (tokens.empty()) return fail(BN_BAD_ARGUMENT, "there are no tokens to run");
  if (tokens.size() > capacity() - position_)
    return fail(BN_CONTEXT_FULL,
                "%zu tokens do not fit: %zu of %zu positions are left; shorten the prompt or start anew", tokens.size(),
                capacity() - position_, capacity());
  for (const int32_t token : tokens)
    if (token < 0 || static_cast<size_t>(token) >= model_.config.n_vocab)
      return fail(BN_BAD_ARGUMENT, "token id %d is outside the vocabulary of %zu", token, model_.config.n_vocab);
  has_logits_ = false;
  const size_t begin = position_;
  while (!tokens.empty()) {
    const auto batch = tokens.first(std::min(batch_size, tokens.size()));
    tokens = tokens.subspan(batch.size());
    if (Status status = run(batch, want_logits && tokens.empty()); !status.ok()) {
      position_ = begin;
      return status;
    }
  }
  has_logits_ = want_logits;
  return {};
}

// ---- The forward pass, top to bottom. Rows of n_tokens stand one after the other in every buffer. ----

Status Session::run(std::span<const int32_t> tokens, bool want_logits) {
  std::copy(tokens.begin(), tokens.end(), tokens_.begin() + static_cast<ptrdiff_t>(position_));
  BN_TRY(embed(tokens));
  for (size_t i = 0; i < model_.weights.layers.size(); ++i) {
    BN_TRY(attention(model_.weights.layers[i], i, tokens.size()));
    BN_TRY(feed_forward(model_.weights.layers[i], tokens.size()));
  }
  if (want_logits) BN_TRY(compute_logits(tokens.size()));
  position_ += tokens.size();
  return {};
}

Status Session::embed(std::span<const int32_t> tokens) {
  const size_t n_embd = model_.config.n_embd;
  const Matrix& table = model_.weights.token_embd;
  const Rank rank = model_.rank;
  if (rank.count == 1) {
    for (size_t t = 0; t < tokens.size(); ++t)
      embedding_row(table, static_cast<size_t>(tokens[t]), hidden_.data() + t * n_embd);
    return {};
  }
  // A row of the table lies on one rank: each fills its own slot, and all read the owner's.
  std::fill(slots_.begin(), slots_.end(), 0.0f);
  const auto slot = [&](size_t t, size_t owner) { return slots_.data() + (t * rank.count + owner) * n_embd; };
  for (size_t t = 0; t < tokens.size(); ++t) {
    const size_t row = static_cast<size_t>(tokens[t]) - table.first_row;
    if (row < table.n_rows) embedding_row(table, row, slot(t, rank.index));
  }
  BN_TRY(gather(slots_.data(), tokens.size(), rank.count * n_embd, {rank.index * n_embd, (rank.index + 1) * n_embd}));
  for (size_t t = 0; t < tokens.size(); ++t)
    for (uint32_t owner = 0; owner < rank.count; ++owner) {
      const Rank::Part rows = Rank{owner, rank.count}.part(model_.config.n_vocab, 4);
      const auto token = static_cast<size_t>(tokens[t]);
      if (token >= rows.begin && token < rows.end) std::copy_n(slot(t, owner), n_embd, hidden_.data() + t * n_embd);
    }
  return {};
}

Status Session::attention(const Layer& layer, size_t layer_index, size_t n_tokens) {
  const Config& config = model_.config;
  const KernelSet& kernels = *model_.kernels;
  const size_t q_dim = config.q_dim(), kv_dim = config.kv_dim(), head_dim = config.head_dim;
  const Rank::Part kv_heads = model_.rank.part(config.n_kv_heads, 1);
  const size_t group = config.n_heads / config.n_kv_heads;
  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span normed = normed_.first(config.n_embd);
    float* q = q_.data() + t * q_dim;
    float* k = k_.data() + t * kv_dim;
    float* v = v_.data() + t * kv_dim;
    rms_norm(hidden_.subspan(t * config.n_embd, config.n_embd), layer.attn_norm, config.rms_eps, normed.data());
    QuantizedRow quantized;
    multiply(kernels, layer.q, normed, quantized, scratch_, q);
    multiply(kernels, layer.k, normed, quantized, scratch_, k);
    multiply(kernels, layer.v, normed, quantized, scratch_, v);
    if (!layer.q_bias.empty()) add({q, q_dim}, layer.q_bias.data());
    if (!layer.k_bias.empty()) add({k, kv_dim}, layer.k_bias.data());
    if (!layer.v_bias.empty()) add({v, kv_dim}, layer.v_bias.data());

    const size_t n_pairs = config.n_rot / 2;
    const float* cosine = rope_.cosine.data() + (position_ + t) * n_pairs;
    const float* sine = rope_.sine.data() + (position_ + t) * n_pairs;
    const auto turn = [&](float* head, Vector norm) {
      if (!norm.empty()) rms_norm({head, head_dim}, norm, config.rms_eps, head);
      rope(config.architecture.rope_pairs, config.n_rot, cosine, sine, head);
    };
    for (size_t head = kv_heads.begin; head < kv_heads.end; ++head) {
      turn(k + head * head_dim, layer.k_norm);
      for (size_t i = 0; i < group; ++i) turn(q + (head * group + i) * head_dim, layer.q_norm);
      cache_.store(layer_index, head - kv_heads.begin, position_ + t, k + head * head_dim, v + head * head_dim);
    }
  }
  attend(layer_index, n_tokens);
  BN_TRY(
      gather(attended_.data(), n_tokens, q_dim, {kv_heads.begin * group * head_dim, kv_heads.end * group * head_dim}));

  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span<const float> row = attended_.subspan(t * q_dim, q_dim);
    float* normed = normed_.data() + t * q_dim;
    if (layer.attn_sub_norm.empty())
      std::copy(row.begin(), row.end(), normed);
    else
      rms_norm(row, layer.attn_sub_norm, config.rms_eps, normed);
  }
  return project(layer.output, layer.output_bias, n_tokens);
}

// attended_ = softmax(q . keys / sqrt(head_dim)) . values, each token seeing itself and what came before.
void Session::attend(size_t layer_index, size_t n_tokens) {
  const Config& config = model_.config;
  const size_t head_dim = config.head_dim;
  const size_t group = config.n_heads / config.n_kv_heads;
  const Rank::Part kv_heads = model_.rank.part(config.n_kv_heads, 1);
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span<float> scores = scores_.first(position_ + t + 1);
    for (size_t head = kv_heads.begin * group; head < kv_heads.end * group; ++head) {
      const size_t kv_head = head / group - kv_heads.begin;
      const size_t at = t * config.q_dim() + head * head_dim;
      model_.kernels->matvec_f16(cache_.keys(layer_index, kv_head), scores.size(), head_dim, q_.data() + at,
                                 scores.data());
      for (float& score : scores) score *= scale;
      softmax(scores);
      model_.kernels->mix_f16(cache_.values(layer_index, kv_head), scores.size(), head_dim, scores.data(),
                              attended_.data() + at);
    }
  }
}

Status Session::feed_forward(const Layer& layer, size_t n_tokens) {
  const Config& config = model_.config;
  const KernelSet& kernels = *model_.kernels;
  const size_t n_ff = config.n_ff;
  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span normed = normed_.first(config.n_embd);
    rms_norm(hidden_.subspan(t * config.n_embd, config.n_embd), layer.ffn_norm, config.rms_eps, normed.data());
    QuantizedRow quantized;
    multiply(kernels, layer.gate, normed, quantized, scratch_, gate_.data() + t * n_ff);
    multiply(kernels, layer.up, normed, quantized, scratch_, up_.data() + t * n_ff);
    const size_t begin = t * n_ff + layer.gate.first_row;
    gate(config.architecture.activation, gate_.subspan(begin, layer.gate.n_rows), up_.data() + begin);
  }
  BN_TRY(gather(gate_.data(), n_tokens, n_ff, {layer.gate.first_row, layer.gate.first_row + layer.gate.n_rows}));

  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span<const float> row = gate_.subspan(t * n_ff, n_ff);
    float* normed = normed_.data() + t * n_ff;
    if (layer.ffn_sub_norm.empty())
      std::copy(row.begin(), row.end(), normed);
    else
      rms_norm(row, layer.ffn_sub_norm, config.rms_eps, normed);
  }
  return project(layer.down, {}, n_tokens);
}

Status Session::project(const Matrix& matrix, Vector bias, size_t n_tokens) {
  const size_t n_embd = model_.config.n_embd;
  for (size_t t = 0; t < n_tokens; ++t) {
    QuantizedRow quantized;
    multiply(*model_.kernels, matrix, normed_.subspan(t * matrix.n_cols, matrix.n_cols), quantized, scratch_,
             projected_.data() + t * n_embd);
  }
  BN_TRY(gather(projected_.data(), n_tokens, n_embd, {matrix.first_row, matrix.first_row + matrix.n_rows}));
  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span<float> hidden = hidden_.subspan(t * n_embd, n_embd);
    add(hidden, projected_.data() + t * n_embd);
    if (!bias.empty()) add(hidden, bias.data());
  }
  return {};
}

Status Session::compute_logits(size_t n_tokens) {
  const Config& config = model_.config;
  const Matrix& output = model_.weights.output;
  const std::span normed = normed_.first(config.n_embd);
  rms_norm(hidden_.subspan((n_tokens - 1) * config.n_embd, config.n_embd), model_.weights.output_norm, config.rms_eps,
           normed.data());
  QuantizedRow quantized;
  multiply(*model_.kernels, output, normed, quantized, scratch_, logits_.data());
  BN_TRY(gather(logits_.data(), 1, config.n_vocab, {output.first_row, output.first_row + output.n_rows}));
  for (size_t id = 0; id < logits_.size(); ++id)
    if (!std::isfinite(logits_[id]))
      return fail(BN_BAD_NUMBERS,
                  "the logit of token %zu at position %zu is not a finite number; the file is damaged or not supported",
                  id, position_ + n_tokens - 1);
  return {};
}

// Every rank has filled the elements of `part` in n_rows rows: after this, all have all of them.
Status Session::gather(float* rows, size_t n_rows, size_t row_length, Rank::Part part) {
  if (model_.rank.count == 1) return {};
  if (model_.exchange.function(model_.exchange.user, rows, n_rows, row_length * sizeof(float),
                               part.begin * sizeof(float), part.end * sizeof(float)) != 0)
    return fail(BN_EXCHANGE_FAILED, "rank %u of %u could not exchange its results with the others", model_.rank.index,
                model_.rank.count);
  return {};
}

// ---- Choosing the next token ----

Status Session::sample(int32_t& token) {
  if (!has_logits_) return fail(BN_NOT_READY, "there are no logits to sample from; run a token first");
  token = sampler_->sample(logits_, tokens_.first(position_));
  return {};
}

Status Session::log_probability(int32_t token, float& value) const {
  if (!has_logits_) return fail(BN_NOT_READY, "there are no logits yet; run a token first");
  if (token < 0 || static_cast<size_t>(token) >= logits_.size())
    return fail(BN_BAD_ARGUMENT, "token id %d is outside the vocabulary of %zu", token, logits_.size());
  value = static_cast<float>(static_cast<double>(logits_[static_cast<size_t>(token)]) - log_sum_exp(logits_));
  return {};
}

Status Session::top(std::span<int32_t> ids, std::span<float> log_probabilities) {
  if (!has_logits_) return fail(BN_NOT_READY, "there are no logits yet; run a token first");
  sampler_->top(logits_, ids);
  const double total = log_sum_exp(logits_);
  for (size_t i = 0; i < ids.size(); ++i)
    log_probabilities[i] = static_cast<float>(static_cast<double>(logits_[static_cast<size_t>(ids[i])]) - total);
  return {};
}

void Session::run_kernels() noexcept {
  has_logits_ = false;
  const auto run_once = [&](const Matrix& matrix, std::span<float> out) {
    QuantizedRow quantized = {scratch_.values.data(), 1.0f, 0};
    multiply(*model_.kernels, matrix, normed_.first(matrix.n_cols), quantized, scratch_, out.data());
  };
  const Rank::Part kv_heads = model_.rank.part(model_.config.n_kv_heads, 1);
  const size_t group = model_.config.n_heads / model_.config.n_kv_heads;
  for (size_t i = 0; i < model_.weights.layers.size(); ++i) {
    const Layer& layer = model_.weights.layers[i];
    run_once(layer.q, q_);
    run_once(layer.k, k_);
    run_once(layer.v, v_);
    for (size_t head = 0; head < (kv_heads.end - kv_heads.begin) * group; ++head) {
      model_.kernels->matvec_f16(cache_.keys(i, head / group), position_, model_.config.head_dim, q_.data(),
                                 scores_.data());
      model_.kernels->mix_f16(cache_.values(i, head / group), position_, model_.config.head_dim, scores_.data(),
                              attended_.data());
    }
    run_once(layer.output, projected_);
    run_once(layer.gate, gate_);
    run_once(layer.up, up_);
    run_once(layer.down, projected_);
  }
  run_once(model_.weights.output, logits_);
}

}  // namespace bitnet
