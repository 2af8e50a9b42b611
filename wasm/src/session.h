// session.h: the state of one conversation over a model, and the forward pass that advances it.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>

#include "kv_cache.h"
#include "memory.h"
#include "model.h"
#include "ops.h"
#include "sampler.h"
#include "saved_layout.h"
#include "status.h"

namespace bitnet {

// Shows intermediate results to whoever checks them; see bn_tap_fn.
struct Tap {
  static constexpr size_t no_layer = SIZE_MAX;  // -1 for bn_tap_fn
  bn_tap_fn function = nullptr;
  void* user = nullptr;

  explicit operator bool() const noexcept { return function != nullptr; }
  void operator()(const char* name, size_t layer, size_t token, std::span<const float> values) const {
    if (function != nullptr)
      function(user, name, static_cast<int32_t>(layer), token, BN_F32, values.data(), values.size());
  }
};

// Room for attention to keys and values in 8 bits.
struct IntegerAttention {
  static constexpr size_t value_positions = 128;  // whose weights share a unit

  size_t stride = 0;            // of weights
  std::span<WordPair> weights;  // [heads of a group][stride]
  std::span<int32_t> sums;      // [heads of a group][head_dim, or positions of a block]
  std::span<float> units;       // [heads of a group]

  void plan(Planner& planner, size_t group, const KvCache::Shape& shape);
};

class Session {
 public:
  // Tokens that go through a layer together; any grouping gives the same bits.
  static constexpr size_t batch_size = 64;

  // Memory for n_positions of context, KV cache and scratch together.
  static uint64_t bytes(const Model& model, size_t n_positions, KvPrecision precision);
  static Status create(const Model& model, size_t n_positions, KvPrecision precision,
                       std::unique_ptr<Session>& session);

  ~Session();

  size_t capacity() const noexcept { return tokens_.size(); }
  size_t position() const noexcept { return position_; }
  size_t n_vocab() const noexcept { return logits_.size(); }
  std::span<const int32_t> tokens() const noexcept { return tokens_.first(position_); }  // those in the KV cache
  Status rewind(size_t n_positions);
  // Nothing below allocates.
  Status prefill(std::span<const int32_t> tokens, bool want_logits);
  Status logits(std::span<const float>& logits);

  // See bn_session_save and bn_session_restore.
  size_t chunk_bytes(size_t n_positions, size_t index) const noexcept {
    return saved_layout(n_positions).chunk_bytes(index);
  }
  Status save(size_t n_positions, size_t index, std::span<uint8_t> chunk);
  Status restore(size_t index, std::span<uint8_t> chunk);
  size_t restoring() const noexcept { return restoring_.n_positions; }

  Status set_sampling(const Sampling& sampling) { return sampler_->set(sampling); }
  Status sample(int32_t& token);
  size_t n_scored() const noexcept { return n_scored_; }  // rows of the head that the last choice needed exactly
  Status log_probability(int32_t token, float& value);
  Status top(std::span<int32_t> ids, std::span<float> log_probabilities);

  void set_tap(Tap tap) noexcept { tap_ = tap; }
  Status run_kernels(int32_t parts);     // see bn_session_run_kernels
  Status memory(uint64_t* bytes) const;  // see bn_session_memory

 private:
  Session(const Model& model, size_t n_positions, KvPrecision precision)
      : model_(model), n_positions_(n_positions), precision_(precision) {}

  static std::span<float> row(std::span<float> rows, size_t index, size_t length) noexcept {
    return rows.subspan(index * length, length);
  }

  void plan(Planner& planner);
  void forget() noexcept;
  // forward.cpp
  Status run(std::span<const int32_t> tokens, bool want_logits);
  Status embed(std::span<const int32_t> tokens);
  Status attention(size_t layer, size_t n_tokens);
  void normalise(const char* name, size_t layer, Vector weight, size_t n_tokens);
  Status feed_forward(size_t layer, size_t n_tokens);
  void sub_norm(const char* name, size_t layer, Vector weight, std::span<float> rows, size_t length, size_t n_tokens);
  Status project(const Matrix& matrix, size_t layer, size_t n_tokens);
  void multiply(size_t layer, std::initializer_list<Product> products, size_t n_tokens, size_t first_token = 0);
  Status check_hidden(size_t layer, size_t n_tokens);
  Status check_finite(std::span<const float> numbers, size_t layer, size_t token) const;
  // attention.cpp
  void attend(size_t layer, size_t n_tokens);
  void attend_group(size_t layer, size_t head, size_t n_positions, const float* q, float* attended);
  void score_half_floats(KvCache::HalfFloats cache, size_t n_positions, const float* q);
  void score_bytes(KvCache::Bytes cache, size_t n_positions, const float* q);
  void mix_bytes(KvCache::Bytes cache, size_t n_positions, float* attended);
  // output.cpp
  Status prepare_output(size_t n_tokens);
  Status compute_logits(size_t token);
  Status screen(size_t n_considered, std::span<Candidate>& candidates);
  bool collect(std::span<const float> bounds, float least, std::span<Candidate>& candidates) const noexcept;
  Status score(std::span<Candidate> candidates);
  Status check_output(std::span<const float> numbers) const;
  // saved_session.cpp
  SavedLayout saved_layout(size_t n_positions) const noexcept;
  SavedHeader saved_header(size_t n_positions) const noexcept;
  Status save_rows(SavedLayout::Rows rows, std::span<uint8_t> into);
  Status take(size_t index, std::span<uint8_t> chunk);
  Status take_header(std::span<const uint8_t> bytes);
  Status take_tokens(std::span<const uint8_t> bytes);
  Status take_rows(size_t index, SavedLayout::Rows rows, std::span<const uint8_t> bytes);
  Status confirm(size_t n_positions, std::span<uint8_t> scratch);
  uint32_t rows_checksum(size_t position, std::span<uint8_t> scratch) const noexcept;

  const Model& model_;
  size_t n_positions_;
  KvPrecision precision_;
  uint64_t n_bytes_ = 0;  // counted in the model's sessions_bytes
  size_t position_ = 0;
  struct {
    size_t n_positions = 0;
    size_t next_chunk = 0;
  } restoring_;              // a saved session of which chunks have come
  bool has_output_ = false;  // output_input_ is that of the last token
  bool has_logits_ = false;
  size_t n_scored_ = 0;
  bool has_rope_table_ = false;
  Block memory_;
  KvCache cache_;
  RopeTable rope_;
  std::span<int32_t> tokens_;   // [n_positions]
  std::span<float> hidden_;     // [batch_size][n_embd] the residual stream
  std::span<float> normed_;     // [batch_size][longest row] input of a matrix
  std::span<float> q_, k_, v_;  // [batch_size][q_dim], [batch_size][kv_dim] twice
  std::span<float> attended_;   // [batch_size][q_dim]
  std::span<float> gate_, up_;  // [batch_size][n_ff]
  std::span<float> projected_;  // [batch_size][n_embd]
  std::span<float> slots_;      // [batch_size][n_ranks][n_embd] embeddings on their way between ranks
  std::span<float> scores_;     // [heads of a group][n_positions, padded]
  IntegerAttention integer_attention_;
  std::span<float> output_input_;    // [n_embd] the last token's hidden state, normalised
  std::span<float> logits_;          // [n_vocab]
  std::span<float> lower_, upper_;   // [n_vocab] bounds of the logits, where the head is screened
  std::span<int8_t> screen_values_;  // input of the screen
  std::span<Candidate> candidates_;  // [n_vocab]
  MatrixScratch scratch_;
  Tap tap_;
  std::optional<Sampler> sampler_;
};

}  // namespace bitnet
