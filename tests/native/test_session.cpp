// Sessions: any slicing, any number of ranks and any kernel give the same bits; nothing allocates on the way.
#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "bitnet_ranks.h"
#include "gguf_file.h"
#include "kernel_check.h"

using namespace test;

// Of the sanitizer's run time; not every compiler installs its header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, size_t),
                                                         void (*free_hook)(const volatile void*));

namespace {

const std::vector<int32_t> prompt = [] {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 40; ++i) tokens.push_back(i * 7 % 290);
  return tokens;
}();

std::vector<float> prefill_in_slices(bn_model* model, size_t slice, int32_t kv = BN_KV_F16) {
  Conversation conversation(model, 0, kv);
  for (size_t at = 0; at < prompt.size(); at += slice)
    REQUIRE(bn_session_prefill(conversation.session, prompt.data() + at, std::min(slice, prompt.size() - at), 1) ==
            BN_OK);
  return conversation.logits();
}

enum class Feed { whole_file, own_bytes };

// Logits of every rank, each of which is a thread; empty for one that failed.
std::vector<std::vector<float>> logits_of_ranks(const Bytes& file, uint32_t n_ranks, Feed feed = Feed::whole_file,
                                                uint32_t failing_rank = UINT32_MAX) {
  bn_ranks* ranks = bn_ranks_new(n_ranks);
  std::vector<std::vector<float>> results(n_ranks);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < n_ranks; ++rank)
    threads.emplace_back([&, rank] {
      bn_model* model = nullptr;
      if (bn_model_new(file.size(), nullptr, 0, rank, n_ranks, bn_ranks_exchange, bn_ranks_seat(ranks, rank), nullptr,
                       nullptr, &model) == BN_OK &&
          (feed == Feed::whole_file ? bn_model_push(model, file.data(), file.size())
                                    : push_own_bytes(model, rank, file)) == BN_OK &&
          bn_model_finish(model) == BN_OK) {
        Conversation conversation(model);
        if (rank == failing_rank)
          bn_ranks_abort(ranks);
        else if (bn_session_prefill(conversation.session, prompt.data(), prompt.size(), 1) == BN_OK)
          results[rank] = conversation.logits();
      }
      bn_model_free(model);
    });
  for (std::thread& thread : threads) thread.join();
  bn_ranks_free(ranks);
  return results;
}

}  // namespace

TEST_CASE("every kernel set equals the scalar one") {
  const Loaded loaded(SmallModel::file().bytes(), "scalar");
  const std::vector<float> expected = prefill_in_slices(loaded.model, 40);
  for (size_t i = 0; const char* kernel = bn_kernel_name(i); ++i) {
    CAPTURE(kernel);
    size_t n_mismatches = 1;
    CHECK(bn_kernel_check(kernel, 7, 20, &n_mismatches) == BN_OK);
    CHECK(n_mismatches == 0);
    const Loaded with_kernel(SmallModel::file().bytes(), kernel);
    CHECK(prefill_in_slices(with_kernel.model, 40) == expected);
    CHECK(prefill_in_slices(with_kernel.model, 40, BN_KV_INT8) == prefill_in_slices(loaded.model, 40, BN_KV_INT8));
  }
}

TEST_CASE("the kernel check notices a kernel that is wrong in one place") {
  bitnet::KernelSet wrong = bitnet::scalar_kernels;
  SUBCASE("ternary products") {
    wrong.matvec_i2_s = [](const uint8_t* codes, size_t n_rows, size_t n_cols, const int8_t* x, int16_t* scratch,
                           int32_t* out) {
      bitnet::scalar_kernels.matvec_i2_s(codes, n_rows, n_cols, x, scratch, out);
      out[n_rows - 1] ^= 1;
    };
  }
  SUBCASE("ternary products of many tokens") {
    wrong.matmul_indexed = [](const uint8_t* indices, size_t n_rows, const int16_t* x,
                              const bitnet::TernaryScratch& scratch, int32_t* out) {
      bitnet::scalar_kernels.matmul_indexed(indices, n_rows, x, scratch, out);
      out[n_rows * 16 - 1] += 1;
    };
  }
  SUBCASE("mixes of half floats") {
    wrong.mix_f16 = [](const uint16_t* rows, size_t n_rows, size_t n_cols, const float* weights, size_t weights_stride,
                       size_t n_mixes, float* out, size_t out_stride) {
      bitnet::scalar_kernels.mix_f16(rows, n_rows, n_cols, weights, weights_stride, n_mixes, out, out_stride);
      out[n_cols - 1] = -out[n_cols - 1];
    };
  }
  SUBCASE("mixes of pairs of bytes") {
    wrong.mix_i8 = [](const bitnet::BytePair* rows, size_t n_rows, size_t n_cols, const bitnet::WordPair* weights,
                      size_t weights_stride, size_t n_mixes, int32_t* out, size_t out_stride) {
      bitnet::scalar_kernels.mix_i8(rows, n_rows, n_cols, weights, weights_stride, n_mixes, out, out_stride);
      out[n_cols - 1] += 1;
    };
  }
  SUBCASE("half-float products") {
    wrong.matvec_f16 = [](const uint16_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out) {
      bitnet::scalar_kernels.matvec_f16(rows, n_rows, n_cols, x, out);
      out[0] += out[0] * 1e-7f;
    };
  }
  CHECK(bitnet::count_kernel_mismatches(wrong, 1, 5) > 0);
}

TEST_CASE("a prompt in slices of any length gives the same bits") {
  const Loaded loaded(SmallModel::file().bytes());
  for (const int32_t kv : {BN_KV_F16, BN_KV_INT8}) {
    const std::vector<float> expected = prefill_in_slices(loaded.model, 40, kv);
    for (const size_t slice : {1u, 3u, 5u, 6u, 16u, 17u, 21u, 22u})
      CHECK(prefill_in_slices(loaded.model, slice, kv) == expected);
  }
}

TEST_CASE("keys and values in bytes give other logits, and take less memory") {
  const Loaded loaded(SmallModel::file().bytes());
  const std::vector<float> exact = prefill_in_slices(loaded.model, 40);
  const std::vector<float> coarse = prefill_in_slices(loaded.model, 40, BN_KV_INT8);
  CHECK(coarse != exact);
  CHECK(bn_session_bytes(loaded.model, 64, BN_KV_INT8) < bn_session_bytes(loaded.model, 64, BN_KV_F16));
  bn_session* session = nullptr;
  CHECK(bn_session_new(loaded.model, 8, 2, &session) == BN_BAD_ARGUMENT);
  CHECK(loaded.error() == "there is no precision 2 of the KV cache; choose 0 or 1");
  CHECK(bn_session_bytes(loaded.model, 8, 2) == 0);
}

TEST_CASE("any number of ranks gives the bits of one, also where heads cannot be shared out evenly") {
  const Bytes file = SmallModel::file().bytes();
  const Loaded loaded(file);
  const std::vector<float> expected = prefill_in_slices(loaded.model, 40);
  for (const uint32_t n_ranks : {2u, 3u, 5u}) {
    CAPTURE(n_ranks);
    for (const std::vector<float>& logits : logits_of_ranks(file, n_ranks)) CHECK(logits == expected);
  }
}

TEST_CASE("a rank needs no byte of the file but those that it keeps") {
  const Bytes file = SmallModel::file().bytes();
  const Loaded loaded(file);
  const std::vector<float> expected = prefill_in_slices(loaded.model, 40);
  for (const uint32_t n_ranks : {2u, 5u})
    for (const std::vector<float>& logits : logits_of_ranks(file, n_ranks, Feed::own_bytes)) CHECK(logits == expected);
}

TEST_CASE("a rank with a tap makes the exchanges of the others") {
  const Bytes file = SmallModel::file().bytes();
  bn_ranks* ranks = bn_ranks_new(2);
  int32_t chosen[2] = {-1, -1};
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < 2; ++rank)
    threads.emplace_back([&, rank] {
      bn_model* model = nullptr;
      if (bn_model_new(file.size(), nullptr, 0, rank, 2, bn_ranks_exchange, bn_ranks_seat(ranks, rank), nullptr,
                       nullptr, &model) == BN_OK &&
          bn_model_push(model, file.data(), file.size()) == BN_OK && bn_model_finish(model) == BN_OK) {
        const Conversation conversation(model);
        const auto tap = [](void*, const char*, int32_t, size_t, int32_t, const void*, size_t) {};
        if (rank == 0) bn_session_set_tap(conversation.session, tap, nullptr);
        if (bn_session_prefill(conversation.session, prompt.data(), prompt.size(), 1) == BN_OK)
          bn_session_sample(conversation.session, &chosen[rank]);
      }
      bn_model_free(model);
    });
  for (std::thread& thread : threads) thread.join();
  bn_ranks_free(ranks);
  CHECK(chosen[0] >= 0);
  CHECK(chosen[0] == chosen[1]);
}

TEST_CASE("when a rank fails the others stop waiting for it") {
  for (const std::vector<float>& logits : logits_of_ranks(SmallModel::file().bytes(), 3, Feed::whole_file, 1))
    CHECK(logits.empty());
}

TEST_CASE("going back and running other tokens leaves no trace of what was forgotten") {
  const Loaded loaded(SmallModel::file().bytes());
  int32_t kv = BN_KV_F16;
  SUBCASE("half floats") {}
  SUBCASE("bytes") { kv = BN_KV_INT8; }
  Conversation conversation(loaded.model, 0, kv);
  REQUIRE(bn_session_prefill(conversation.session, prompt.data(), 10, 1) == BN_OK);
  const std::vector<float> expected = conversation.logits();
  REQUIRE(bn_session_prefill(conversation.session, prompt.data() + 20, 15, 1) == BN_OK);
  CHECK(bn_session_rewind(conversation.session, 9) == BN_OK);
  CHECK(bn_session_logits(conversation.session) == nullptr);
  REQUIRE(bn_session_decode(conversation.session, prompt[9]) == BN_OK);
  CHECK(conversation.logits() == expected);
  CHECK(bn_session_rewind(conversation.session, 11) == BN_BAD_ARGUMENT);
}

TEST_CASE("a prompt that does not fit changes nothing") {
  const Loaded loaded(SmallModel::file().bytes());
  Conversation conversation(loaded.model, 16);
  REQUIRE(bn_session_prefill(conversation.session, prompt.data(), 10, 1) == BN_OK);
  const std::vector<float> before = conversation.logits();
  CHECK(bn_session_prefill(conversation.session, prompt.data(), 7, 1) == BN_CONTEXT_FULL);
  CHECK(std::string(bn_session_error(conversation.session)).find("6 of 16 positions are left") != std::string::npos);
  CHECK(bn_session_position(conversation.session) == 10);
  CHECK(conversation.logits() == before);
  CHECK(bn_session_prefill(conversation.session, prompt.data(), 6, 1) == BN_OK);
}

TEST_CASE("mistakes of the caller are named") {
  const Loaded loaded(SmallModel::file().bytes());
  Conversation conversation(loaded.model);
  int32_t token = 0;
  CHECK(bn_session_sample(conversation.session, &token) == BN_NOT_READY);
  CHECK(bn_session_decode(conversation.session, 300) == BN_BAD_ARGUMENT);
  CHECK(bn_session_decode(conversation.session, -1) == BN_BAD_ARGUMENT);
  CHECK(bn_session_prefill(conversation.session, nullptr, 0, 1) == BN_BAD_ARGUMENT);
  CHECK(bn_session_decode(nullptr, 1) == BN_BAD_ARGUMENT);
  bn_session* session = nullptr;
  CHECK(bn_session_new(loaded.model, 65, BN_KV_F16, &session) == BN_BAD_ARGUMENT);
  bn_model* model = nullptr;
  CHECK(bn_model_new(0, "abacus", 0, 0, 1, nullptr, nullptr, nullptr, nullptr, &model) == BN_BAD_ARGUMENT);
  CHECK(bn_model_new(0, nullptr, 0, 1, 1, nullptr, nullptr, nullptr, nullptr, &model) == BN_BAD_ARGUMENT);
}

TEST_CASE("a session can be had as soon as the header is known, and runs when the weights are there") {
  const Bytes file = SmallModel::file().bytes();
  const Loaded loaded(file);
  bn_model* model = nullptr;
  REQUIRE(bn_model_new(file.size(), nullptr, 0, 0, 1, nullptr, nullptr, nullptr, nullptr, &model) == BN_OK);
  bn_session* too_early = nullptr;
  CHECK(bn_session_new(model, 0, BN_KV_F16, &too_early) == BN_NOT_READY);
  size_t n_pushed = 0;
  for (; bn_model_stage(model) == 0; n_pushed += 100)
    REQUIRE(bn_model_push(model, file.data() + n_pushed, 100) == BN_OK);
  Conversation conversation(model);
  REQUIRE(conversation.session != nullptr);
  CHECK(bn_session_decode(conversation.session, 1) == BN_NOT_READY);
  REQUIRE(bn_model_push(model, file.data() + n_pushed, file.size() - n_pushed) == BN_OK);
  CHECK(bn_session_decode(conversation.session, 1) == BN_NOT_READY);
  REQUIRE(bn_model_finish(model) == BN_OK);
  REQUIRE(bn_session_prefill(conversation.session, prompt.data(), prompt.size(), 1) == BN_OK);
  CHECK(conversation.logits() == prefill_in_slices(loaded.model, 40));
  bn_session_free(conversation.session);
  conversation.session = nullptr;
  bn_model_free(model);
}

TEST_CASE("token 0 is an ordinary token") {
  const Loaded loaded(SmallModel::file().bytes());
  Conversation conversation(loaded.model);
  CHECK(bn_session_decode(conversation.session, 0) == BN_OK);
  CHECK(bn_session_position(conversation.session) == 1);
}

TEST_CASE("the epsilon and the rope base of the file decide the result") {
  const Loaded loaded(SmallModel::file().bytes());
  const std::vector<float> expected = prefill_in_slices(loaded.model, 40);
  for (const auto& [key, value] : {std::pair("bitnet-b1.58.attention.layer_norm_rms_epsilon", 1e-6f),
                                   std::pair("bitnet-b1.58.rope.freq_base", 10000.0f)}) {
    CAPTURE(key);
    GgufFile file = SmallModel::file();
    file.again(key, [&] { file.real(key, value); });
    const Loaded changed(file.bytes());
    CHECK(prefill_in_slices(changed.model, 40) != expected);
  }
}

TEST_CASE("numbers that grow beyond all bounds are an error that names the place, not an answer") {
  const float huge = 3e38f;
  for (const auto& [tensor, place] :
       {std::pair("output_norm.weight", "the output head"), std::pair("blk.1.ffn_sub_norm.weight", "layer 2 of 2"),
        std::pair("blk.0.attn_v.weight", "layer 1 of 2")}) {
    CAPTURE(tensor);
    GgufFile file = SmallModel::file();
    Bytes& data = file.tensor(tensor).data;
    if (file.tensor(tensor).type == 36)
      std::memcpy(data.data() + data.size() - 32, &huge, 4);  // the scale
    else
      for (size_t at = 0; at < data.size(); at += 4) std::memcpy(data.data() + at, &huge, 4);
    const Loaded loaded(file.bytes());
    REQUIRE_MESSAGE(loaded.status == BN_OK, loaded.error());
    Conversation conversation(loaded.model);
    CHECK(bn_session_decode(conversation.session, 1) == BN_BAD_NUMBERS);
    CHECK_MESSAGE(std::string(bn_session_error(conversation.session)).find(place) != std::string::npos,
                  bn_session_error(conversation.session));
    CHECK(bn_session_logits(conversation.session) == nullptr);
    Conversation with_bytes(loaded.model, 0, BN_KV_INT8);
    CHECK(bn_session_decode(with_bytes.session, 1) == BN_BAD_NUMBERS);
  }
}

TEST_CASE("the tap shows every step, and switching it off ends that") {
  const Loaded loaded(SmallModel::file().bytes());
  Conversation conversation(loaded.model);
  std::vector<std::string> names;
  const auto tap = [](void* user, const char* name, int32_t layer, size_t, int32_t, const void*, size_t) {
    static_cast<std::vector<std::string>*>(user)->push_back(std::to_string(layer) + " " + name);
  };
  REQUIRE(bn_session_set_tap(conversation.session, tap, &names) == BN_OK);
  REQUIRE(bn_session_decode(conversation.session, 1) == BN_OK);
  CHECK(names.front() == "-1 embedding");
  CHECK(names.back() == "-1 logits");
  CHECK(std::count(names.begin(), names.end(), "1 ffn_down.sums") == 1);
  CHECK(std::count(names.begin(), names.end(), "0 attn_sub_norm") == 1);
  const size_t n = names.size();
  REQUIRE(bn_session_set_tap(conversation.session, nullptr, nullptr) == BN_OK);
  REQUIRE(bn_session_decode(conversation.session, 2) == BN_OK);
  CHECK(names.size() == n);
}

TEST_CASE("prefill, decode and sampling allocate nothing") {
  static size_t n_allocations = 0;
  REQUIRE(__sanitizer_install_malloc_and_free_hooks([](const volatile void*, size_t) { n_allocations += 1; },
                                                    [](const volatile void*) {}) > 0);
  const Loaded loaded(SmallModel::file().bytes());
  Conversation conversation(loaded.model, 0, BN_KV_INT8);
  REQUIRE(bn_session_set_sampling(conversation.session, 0.8f, 40, 0.9f, 0.01f, 1.1f, 64, 1) == BN_OK);
  const size_t before = n_allocations;
  bn_status status = bn_session_prefill(conversation.session, prompt.data(), prompt.size(), 1);
  for (int i = 0; i < 5 && status == BN_OK; ++i) {
    int32_t token = 0;
    status = bn_session_sample(conversation.session, &token);
    if (status == BN_OK) status = bn_session_decode(conversation.session, token);
  }
  const size_t allocated = n_allocations - before;
  CHECK(status == BN_OK);
  CHECK(allocated == 0);
  CHECK(before > 0);  // so the hook does count: loading allocates
}
