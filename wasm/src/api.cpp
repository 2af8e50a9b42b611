// api.cpp: bitnet.h over the core. The only file with extern "C".
#include "bitnet.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "kernel_check.h"
#include "loader.h"
#include "model_info.h"
#include "session.h"
#include "weight_counts.h"

using namespace bitnet;

struct bn_model {
  explicit bn_model(uint64_t file_bytes) : model(file_bytes), loader(model) {}

  Model model;
  Loader loader;
  std::string info;  // JSON, once the header is known
  size_t n_parts_in_info = 0;
  bool ready_in_info = false;
  std::string error;

  bn_status report(Status status) {
    error = status.message();
    return status.code();
  }
  // After bytes have been taken.
  bn_status progress(Status status) {
    const bool is_new = n_parts_in_info < model.parts.size() || ready_in_info != model.ready;
    if (status.ok() && is_new && loader.stage() != Loader::Stage::header) {
      info = model_info(model);
      n_parts_in_info = model.parts.size();
      ready_in_info = model.ready;
    }
    return report(std::move(status));
  }
  bool header_known() const { return !info.empty(); }
};

struct bn_session {
  explicit bn_session(std::unique_ptr<Session> state) : state(std::move(state)) {}

  std::unique_ptr<Session> state;
  std::string error;
  bn_status last = BN_OK;

  bn_status report(const Status& status) {
    error = status.message();
    return last = status.code();
  }
};

namespace {

constexpr uint32_t max_ranks = 256;

bool is_precision(int32_t kv) noexcept { return kv == BN_KV_F16 || kv == BN_KV_INT8; }

const Status header_not_read() { return fail(BN_NOT_READY, "the header of the model has not arrived yet"); }

}  // namespace

extern "C" {

uint32_t bn_abi_version(void) noexcept { return BN_ABI_VERSION; }
const char* bn_version(void) noexcept { return "0.1.0"; }
const char* bn_status_name(bn_status status) noexcept { return status_name(status); }

const char* bn_kernel_name(size_t index) noexcept {
  const KernelSet* set = kernel_set(index);
  return set == nullptr ? nullptr : set->name;
}

bn_status bn_kernel_spin(const char* kernel, size_t n) noexcept {
  const KernelSet* set = find_kernel_set(kernel);
  if (set == nullptr) return BN_BAD_ARGUMENT;
  for (size_t i = 0; i < n; ++i) spin(*set);
  return BN_OK;
}

bn_status bn_kernel_check(const char* kernel, uint64_t seed, size_t n_rounds, size_t* n_mismatches) noexcept {
  const KernelSet* set = find_kernel_set(kernel);
  if (set == nullptr || n_mismatches == nullptr) return BN_BAD_ARGUMENT;
  *n_mismatches = count_kernel_mismatches(*set, seed, n_rounds);
  return BN_OK;
}

bn_status bn_model_new(uint64_t file_bytes, const char* kernel, uint64_t memory_limit_bytes, uint32_t rank,
                       uint32_t n_ranks, bn_exchange_fn exchange, void* exchange_user, bn_log_fn log, void* log_user,
                       bn_model** model) noexcept {
  if (model == nullptr) return BN_BAD_ARGUMENT;
  *model = nullptr;
  const KernelSet* set = find_kernel_set(kernel);
  if (set == nullptr || n_ranks < 1 || n_ranks > max_ranks || rank >= n_ranks || (n_ranks > 1 && exchange == nullptr))
    return BN_BAD_ARGUMENT;
  auto* created = new (std::nothrow) bn_model(file_bytes);
  if (created == nullptr) return BN_OUT_OF_MEMORY;
  created->model.kernels = set;
  created->model.rank = {rank, n_ranks};
  created->model.exchange = {exchange, exchange_user};
  created->model.log = {log, log_user};
  created->model.memory_limit_bytes = memory_limit_bytes;
  *model = created;
  return BN_OK;
}

bn_status bn_model_set_head(bn_model* model, int32_t screened) noexcept {
  if (model == nullptr) return BN_BAD_ARGUMENT;
  if (model->header_known())
    return model->report(fail(BN_NOT_READY, "how the output head runs is chosen before the header arrives"));
  model->model.wants_screen = screened != 0;
  return model->report({});
}

void bn_model_free(bn_model* model) noexcept { delete model; }

const char* bn_model_error(const bn_model* model) noexcept { return model == nullptr ? "" : model->error.c_str(); }

bn_status bn_model_push(bn_model* model, const uint8_t* bytes, size_t n_bytes) noexcept {
  if (model == nullptr || (bytes == nullptr && n_bytes > 0)) return BN_BAD_ARGUMENT;
  return model->progress(model->loader.push({bytes, n_bytes}));
}

size_t bn_model_window(bn_model* model, uint8_t** where) noexcept {
  if (model == nullptr || where == nullptr) return 0;
  const std::span<uint8_t> window = model->loader.window();
  *where = window.data();
  return window.size();
}

bn_status bn_model_commit(bn_model* model, size_t n_bytes) noexcept {
  if (model == nullptr) return BN_BAD_ARGUMENT;
  return model->progress(model->loader.commit(n_bytes));
}

bn_status bn_model_finish(bn_model* model) noexcept {
  if (model == nullptr) return BN_BAD_ARGUMENT;
  return model->progress(model->loader.finish());
}

bn_status bn_model_kept(bn_model* model, uint32_t rank, uint64_t* runs, size_t capacity, size_t* n_runs) noexcept {
  if (model == nullptr || n_runs == nullptr || rank >= model->model.rank.count || (runs == nullptr && capacity > 0))
    return BN_BAD_ARGUMENT;
  std::vector<Loader::Run> found;
  if (Status status = model->loader.kept(rank, found); !status.ok()) return model->report(status);
  *n_runs = found.size();
  if (found.size() > capacity)
    return model->report(fail(BN_BUFFER_TOO_SMALL, "%zu runs do not fit into room for %zu", found.size(), capacity));
  for (size_t i = 0; i < found.size(); ++i) {
    runs[2 * i] = found[i].begin;
    runs[2 * i + 1] = found[i].end;
  }
  return model->report({});
}

bn_status bn_model_skip(bn_model* model, uint64_t n_bytes) noexcept {
  if (model == nullptr) return BN_BAD_ARGUMENT;
  return model->report(model->loader.skip(n_bytes));
}

bn_status bn_model_next_part(bn_model* model, uint64_t file_bytes) noexcept {
  if (model == nullptr) return BN_BAD_ARGUMENT;
  return model->report(model->loader.next_part(file_bytes));
}

uint32_t bn_model_parts_left(const bn_model* model) noexcept {
  return model == nullptr ? 0 : model->loader.parts_left();
}

int32_t bn_model_stage(const bn_model* model) noexcept {
  return static_cast<int32_t>(model == nullptr ? Loader::Stage::failed : model->loader.stage());
}

uint64_t bn_model_position(const bn_model* model) noexcept { return model == nullptr ? 0 : model->loader.position(); }

const char* bn_model_info(const bn_model* model) noexcept {
  return model == nullptr || !model->header_known() ? nullptr : model->info.c_str();
}

bn_status bn_model_tokenize(bn_model* model, const char* text, size_t n_bytes, int32_t flags, int32_t* ids,
                            size_t capacity, size_t* n_ids) noexcept {
  if (model == nullptr || n_ids == nullptr || (text == nullptr && n_bytes > 0) || (ids == nullptr && capacity > 0))
    return BN_BAD_ARGUMENT;
  if (!model->header_known()) return model->report(header_not_read());
  std::vector<int32_t> found;
  model->model.tokenizer.encode({text, n_bytes}, (flags & BN_ADD_SPECIAL) != 0, (flags & BN_PARSE_SPECIAL) != 0, found);
  *n_ids = found.size();
  if (found.size() > capacity)
    return model->report(fail(BN_BUFFER_TOO_SMALL, "%zu ids do not fit into room for %zu", found.size(), capacity));
  std::copy(found.begin(), found.end(), ids);
  return model->report({});
}

size_t bn_model_piece(const bn_model* model, int32_t id, int32_t special, uint8_t* out, size_t capacity) noexcept {
  if (model == nullptr || !model->header_known() || id < 0 || static_cast<size_t>(id) >= model->model.tokenizer.size())
    return 0;
  std::string bytes;
  model->model.tokenizer.piece(id, special != 0, bytes);
  if (out != nullptr && !bytes.empty()) std::memcpy(out, bytes.data(), std::min(capacity, bytes.size()));
  return bytes.size();
}

int32_t bn_model_is_end(const bn_model* model, int32_t id) noexcept {
  return model != nullptr && model->header_known() && model->model.tokenizer.is_end(id) ? 1 : 0;
}

size_t bn_model_n_vocab(const bn_model* model) noexcept {
  return model == nullptr || !model->header_known() ? 0 : model->model.tokenizer.size();
}

bn_status bn_session_new(bn_model* model, size_t n_ctx, int32_t kv, bn_session** session) noexcept {
  if (model == nullptr || session == nullptr) return BN_BAD_ARGUMENT;
  *session = nullptr;
  if (!is_precision(kv))
    return model->report(
        fail(BN_BAD_ARGUMENT, "there is no precision %d of the KV cache; choose %d or %d", kv, BN_KV_F16, BN_KV_INT8));
  if (!model->header_known()) return model->report(header_not_read());
  if (model->loader.stage() == Loader::Stage::failed)
    return model->report(fail(BN_NOT_READY, "the model could not be loaded"));
  std::unique_ptr<Session> state;
  if (Status status = Session::create(model->model, n_ctx, KvPrecision{kv}, state); !status.ok())
    return model->report(status);
  *session = new (std::nothrow) bn_session(std::move(state));
  return model->report(*session != nullptr ? Status() : fail(BN_OUT_OF_MEMORY, "there is no memory for a session"));
}

void bn_session_free(bn_session* session) noexcept { delete session; }

uint64_t bn_session_bytes(const bn_model* model, size_t n_ctx, int32_t kv) noexcept {
  if (model == nullptr || !model->header_known() || !is_precision(kv)) return 0;
  const size_t most = model->model.config.n_ctx_train;
  return Session::bytes(model->model, n_ctx == 0 ? most : std::min(n_ctx, most), KvPrecision{kv});
}

const char* bn_session_error(const bn_session* session) noexcept {
  return session == nullptr ? "" : session->error.c_str();
}

bn_status bn_session_status(const bn_session* session) noexcept {
  return session == nullptr ? BN_BAD_ARGUMENT : session->last;
}

size_t bn_session_capacity(const bn_session* session) noexcept {
  return session == nullptr ? 0 : session->state->capacity();
}
size_t bn_session_position(const bn_session* session) noexcept {
  return session == nullptr ? 0 : session->state->position();
}

bn_status bn_session_rewind(bn_session* session, size_t n_positions) noexcept {
  if (session == nullptr) return BN_BAD_ARGUMENT;
  return session->report(session->state->rewind(n_positions));
}

const int32_t* bn_session_tokens(const bn_session* session) noexcept {
  return session == nullptr ? nullptr : session->state->tokens().data();
}

size_t bn_session_chunk_bytes(const bn_session* session, size_t n_positions, size_t index) noexcept {
  return session == nullptr ? 0 : session->state->chunk_bytes(n_positions, index);
}

bn_status bn_session_save(bn_session* session, size_t n_positions, size_t index, uint8_t* chunk,
                          size_t n_bytes) noexcept {
  if (session == nullptr || (chunk == nullptr && n_bytes > 0)) return BN_BAD_ARGUMENT;
  return session->report(session->state->save(n_positions, index, {chunk, n_bytes}));
}

bn_status bn_session_restore(bn_session* session, size_t index, uint8_t* chunk, size_t n_bytes) noexcept {
  if (session == nullptr || (chunk == nullptr && n_bytes > 0)) return BN_BAD_ARGUMENT;
  return session->report(session->state->restore(index, {chunk, n_bytes}));
}

size_t bn_session_restoring(const bn_session* session) noexcept {
  return session == nullptr ? 0 : session->state->restoring();
}

bn_status bn_session_prefill(bn_session* session, const int32_t* tokens, size_t n_tokens,
                             int32_t want_logits) noexcept {
  if (session == nullptr || (tokens == nullptr && n_tokens > 0)) return BN_BAD_ARGUMENT;
  return session->report(session->state->prefill({tokens, n_tokens}, want_logits != 0));
}

bn_status bn_session_decode(bn_session* session, int32_t token) noexcept {
  if (session == nullptr) return BN_BAD_ARGUMENT;
  return session->report(session->state->prefill({&token, 1}, true));
}

const float* bn_session_logits(bn_session* session) noexcept {
  if (session == nullptr) return nullptr;
  std::span<const float> logits;
  return session->report(session->state->logits(logits)) == BN_OK ? logits.data() : nullptr;
}

bn_status bn_session_set_sampling(bn_session* session, float temperature, int32_t top_k, float top_p, float min_p,
                                  float repeat_penalty, int32_t repeat_last_n, uint64_t seed) noexcept {
  if (session == nullptr) return BN_BAD_ARGUMENT;
  return session->report(
      session->state->set_sampling({temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, seed}));
}

bn_status bn_session_sample(bn_session* session, int32_t* token) noexcept {
  if (session == nullptr || token == nullptr) return BN_BAD_ARGUMENT;
  return session->report(session->state->sample(*token));
}

size_t bn_session_scored(const bn_session* session) noexcept {
  return session == nullptr ? 0 : session->state->n_scored();
}

bn_status bn_session_logprob(bn_session* session, int32_t token, float* logprob) noexcept {
  if (session == nullptr || logprob == nullptr) return BN_BAD_ARGUMENT;
  return session->report(session->state->log_probability(token, *logprob));
}

bn_status bn_session_top(bn_session* session, size_t k, int32_t* ids, float* logprobs, size_t* n) noexcept {
  if (session == nullptr || ids == nullptr || logprobs == nullptr || n == nullptr) return BN_BAD_ARGUMENT;
  const size_t count = std::min(k, session->state->n_vocab());
  *n = count;
  return session->report(session->state->top({ids, count}, {logprobs, count}));
}

bn_status bn_session_set_tap(bn_session* session, bn_tap_fn tap, void* user) noexcept {
  if (session == nullptr) return BN_BAD_ARGUMENT;
  session->state->set_tap({tap, user});
  return BN_OK;
}

bn_status bn_model_count_weights(bn_model* model, size_t tensor, uint64_t counts[3]) noexcept {
  if (model == nullptr || counts == nullptr) return BN_BAD_ARGUMENT;
  WeightCounts found;
  const bn_status status = model->report(count_weights(model->model, tensor, found));
  if (status == BN_OK) std::copy(found.begin(), found.end(), counts);
  return status;
}

bn_status bn_session_memory(bn_session* session, uint64_t* bytes) noexcept {
  if (session == nullptr || bytes == nullptr) return BN_BAD_ARGUMENT;
  return session->report(session->state->memory(bytes));
}

bn_status bn_session_run_kernels(bn_session* session, int32_t parts) noexcept {
  if (session == nullptr) return BN_BAD_ARGUMENT;
  return session->report(session->state->run_kernels(parts));
}

}  // extern "C"
