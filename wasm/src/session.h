// session.h: the state of one conversation over a model, and the forward pass that advances it.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "kv_cache.h"
#include "memory.h"
#include "model.h"
#include "ops.h"
#include "sampler.h"
#include "status.h"

namespace bitnet {

class Session {
 public:
  // Tokens that go through a layer together; any grouping gives the same bits.
  static constexpr size_t batch_size = 16;

  // Memory for n_positions of context, KV cache and scratch together.
  static uint64_t bytes(const Model& model, size_t n_positions);
  static Status create(const Model& model, size_t n_positions, std::unique_ptr<Session>& session);

  size_t capacity() const noexcept { return tokens_.size(); }
  size_t position() const noexcept { return position_; }
  Status rewind(size_t n_positions);
  // Nothing below allocates.
  Status prefill(std::span<const int32_t> tokens, bool want_logits);
  std::span<const float> logits() const noexcept;  // empty when there are none

  Status set_sampling(const Sampling& sampling) { return sampler_->set(sampling); }
  Status sample(int32_t& token);
  Status log_probability(int32_t token, float& value) const;
  Status top(std::span<int32_t> ids, std::span<float> log_probabilities);

  void run_kernels() noexcept;  // see bn_session_run_kernels

 private:
  Session(const Model& model, size_t n_positions) : model_(model), n_positions_(n_positions) {}

  void plan(Planner& planner);
  Status run(std::span<const int32_t> tokens, bool want_logits);
  Status embed(std::span<const int32_t> tokens);
  Status attention(const Layer& layer, size_t layer_index, size_t n_tokens);
  void attend(size_t layer_index, size_t n_tokens);
  Status feed_forward(const Layer& layer, size_t n_tokens);
  Status project(const Matrix& matrix, Vector bias, size_t n_tokens);  // hidden_ += matrix . normed_
  Status compute_logits(size_t n_tokens);
  Status gather(float* rows, size_t n_rows, size_t row_length, Rank::Part part);

  const Model& model_;
  size_t n_positions_;
  size_t position_ = 0;
  bool has_logits_ = false;
  Block memory_;
  KvCache cache_;
  RopeTable rope_;
  std::span<int32_t> tokens_;        // [n_positions] those in the KV cache
  std::span<float> hidden_;          // [batch_size][n_embd] the residual stream
  std::span<float> normed_;          // [batch_size][longest row] input of a matrix
  std::span<float> q_, k_, v_;       // [batch_size][q_dim], [batch_size][kv_dim] twice
  std::span<float> attended_;        // [batch_size][q_dim]
  std::span<float> gate_, up_;       // [batch_size][n_ff]
  std::span<float> projected_;       // [batch_size][n_embd]
  std::span<float> slots_;           // [batch_size][n_ranks][n_embd] embeddings on their way between ranks
  std::span<float> scores_;          // [n_positions]
  std::span<float> logits_;          // [n_vocab]
  std::span<Candidate> candidates_;  // [n_vocab]
  MatrixScratch scratch_;
  std::optional<Sampler> sampler_;
};

}  // namespace bitnet
