// Saved sessions: they go on with the same bits, over any number of ranks, and what is damaged or foreign is refused.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <thread>

#include "bitnet_ranks.h"
#include "checksum.h"
#include "gguf_file.h"
#include "saved_layout.h"

using namespace test;
using bitnet::SavedLayout;

namespace {

using Chunks = std::vector<Bytes>;

constexpr int32_t next_token = 7;

std::vector<int32_t> tokens(size_t n) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(i * 7 % 290));
  return ids;
}

bn_status prefill(bn_session* session, size_t n_positions) {
  const std::vector<int32_t> ids = tokens(n_positions);
  return bn_session_prefill(session, ids.data(), ids.size(), 0);
}

Chunks save(bn_session* session, size_t n_positions) {
  Chunks chunks;
  while (const size_t n_bytes = bn_session_chunk_bytes(session, n_positions, chunks.size())) {
    Bytes chunk(n_bytes);
    if (bn_session_save(session, n_positions, chunks.size(), chunk.data(), chunk.size()) != BN_OK) return {};
    chunks.push_back(chunk);
  }
  return chunks;
}

bn_status restore(bn_session* session, const Chunks& chunks) {
  for (size_t i = 0; i < chunks.size(); ++i) {
    Bytes chunk = chunks[i];
    if (const bn_status status = bn_session_restore(session, i, chunk.data(), chunk.size()); status != BN_OK)
      return status;
  }
  return BN_OK;
}

std::vector<float> next_logits(const Conversation& conversation) {
  return bn_session_decode(conversation.session, next_token) == BN_OK ? conversation.logits() : std::vector<float>();
}

std::string error(const Conversation& conversation) { return bn_session_error(conversation.session); }

void set_checksum(Bytes& chunk) {
  const uint32_t checksum = bitnet::crc32({chunk.data(), chunk.size() - 4});
  std::memcpy(chunk.data() + chunk.size() - 4, &checksum, 4);
}

// What was saved after n_positions, and the logits that follow.
struct Saved {
  Chunks chunks;
  std::vector<float> logits;

  explicit Saved(bn_model* model, size_t n_positions = 40, int32_t kv = BN_KV_F16) {
    const Conversation conversation(model, 0, kv);
    REQUIRE(prefill(conversation.session, n_positions) == BN_OK);
    chunks = save(conversation.session, n_positions);
    logits = next_logits(conversation);
    REQUIRE(!chunks.empty());
    REQUIRE(!logits.empty());
  }
};

// A session that has refused something is empty, and as good as a new one.
void check_usable(const Conversation& conversation, const std::vector<float>& expected) {
  CHECK(bn_session_position(conversation.session) == 0);
  CHECK(bn_session_restoring(conversation.session) == 0);
  REQUIRE(prefill(conversation.session, 40) == BN_OK);
  CHECK(next_logits(conversation) == expected);
}

// Calls `body` for every rank, each of which is a thread.
void on_ranks(const Bytes& file, uint32_t n_ranks, const std::function<void(uint32_t, bn_model*)>& body) {
  bn_ranks* ranks = bn_ranks_new(n_ranks);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < n_ranks; ++rank)
    threads.emplace_back([&, rank] {
      bn_model* model = nullptr;
      if (bn_model_new(file.size(), nullptr, 0, rank, n_ranks, bn_ranks_exchange, bn_ranks_seat(ranks, rank), nullptr,
                       nullptr, &model) == BN_OK &&
          push_own_bytes(model, rank, file) == BN_OK && bn_model_finish(model) == BN_OK)
        body(rank, model);
      bn_model_free(model);
    });
  for (std::thread& thread : threads) thread.join();
  bn_ranks_free(ranks);
}

}  // namespace

TEST_CASE("the checksum is zlib's, in one piece or in several") {
  const std::string text = "123456789";
  const std::span bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  CHECK(bitnet::crc32(bytes) == 0xcbf43926);
  for (size_t n = 0; n <= bytes.size(); ++n)
    CHECK(bitnet::crc32(bytes.subspan(n), bitnet::crc32(bytes.first(n))) == 0xcbf43926);
}

TEST_CASE("chunks are as large as 1 MiB at most, and hold every position once") {
  for (const size_t position_bytes : {12u, 2560u, 600'000u, 3'000'000u})
    for (const size_t n_positions : {1u, 409u, 410u, 2048u}) {
      const SavedLayout layout(3, position_bytes, n_positions);
      size_t layer = 0, position = 0;
      for (size_t i = SavedLayout::first_rows; i < layout.n_chunks(); ++i) {
        const SavedLayout::Rows rows = layout.rows(i);
        CHECK(layout.chunk_bytes(i) <= std::max(SavedLayout::most_bytes, position_bytes) + 4);
        CHECK(rows.layer == layer);
        CHECK(rows.begin == position);
        CHECK(rows.end > rows.begin);
        position = rows.end;
        if (position == n_positions) layer += 1, position = 0;
      }
      CHECK(layer == 3);
      CHECK(layout.chunk_bytes(layout.n_chunks()) == 0);
    }
}

TEST_CASE("a restored session goes on with the same bits, also in a shorter context") {
  const Loaded loaded(SmallModel::file().bytes());
  for (const int32_t kv : {BN_KV_F16, BN_KV_INT8})
    for (const size_t n_positions : {1u, 2u, 31u, 32u, 33u, 40u}) {
      CAPTURE(kv);
      CAPTURE(n_positions);
      const Saved saved(loaded.model, n_positions, kv);
      const Conversation conversation(loaded.model, n_positions + 1, kv);
      REQUIRE_MESSAGE(restore(conversation.session, saved.chunks) == BN_OK, error(conversation));
      CHECK(bn_session_position(conversation.session) == n_positions);
      CHECK(bn_session_restoring(conversation.session) == 0);
      const int32_t* ids = bn_session_tokens(conversation.session);
      CHECK(std::vector(ids, ids + n_positions) == tokens(n_positions));
      CHECK(save(conversation.session, n_positions) == saved.chunks);
      CHECK(next_logits(conversation) == saved.logits);
    }
}

TEST_CASE("the first chunk makes a session forget what it had, and may come again") {
  const Loaded loaded(SmallModel::file().bytes());
  const Saved saved(loaded.model, 20);
  const Conversation conversation(loaded.model);
  REQUIRE(prefill(conversation.session, 50) == BN_OK);
  REQUIRE(restore(conversation.session, {saved.chunks[0], saved.chunks[1]}) == BN_OK);
  CHECK(bn_session_position(conversation.session) == 0);
  REQUIRE(restore(conversation.session, saved.chunks) == BN_OK);
  CHECK(bn_session_position(conversation.session) == 20);
  CHECK(next_logits(conversation) == saved.logits);
}

TEST_CASE("what a session adds while it is saved is left out") {
  const Loaded loaded(SmallModel::file().bytes());
  const Saved saved(loaded.model, 20);
  const Conversation conversation(loaded.model);
  REQUIRE(prefill(conversation.session, 50) == BN_OK);
  CHECK(save(conversation.session, 20) == saved.chunks);
}

TEST_CASE("any number of ranks saves the same bytes, and takes those of any other number") {
  const Bytes file = SmallModel::file().bytes();
  const Loaded loaded(file);
  for (const int32_t kv : {BN_KV_F16, BN_KV_INT8}) {
    const Saved saved(loaded.model, 40, kv);
    for (const uint32_t n_ranks : {1u, 2u, 3u}) {
      CAPTURE(n_ranks);
      std::vector<Chunks> by_rank(n_ranks);
      std::vector<std::vector<float>> logits(n_ranks);
      on_ranks(file, n_ranks, [&](uint32_t rank, bn_model* model) {
        const Conversation first(model, 0, kv);
        if (prefill(first.session, 40) == BN_OK) by_rank[rank] = save(first.session, 40);
        Chunks chunks = saved.chunks;
        if (rank > 0)  // they come from rank 0
          for (Bytes& chunk : chunks) std::fill(chunk.begin(), chunk.end(), uint8_t{0});
        const Conversation second(model, 0, kv);
        if (restore(second.session, chunks) == BN_OK) logits[rank] = next_logits(second);
      });
      for (uint32_t rank = 0; rank < n_ranks; ++rank) {
        CHECK(by_rank[rank] == saved.chunks);
        CHECK(logits[rank] == saved.logits);
      }
    }
  }
}

TEST_CASE("where one rank finds that the model is another one, all do") {
  const Bytes file = SmallModel::file().bytes();
  const Loaded other(SmallModel::file(2).bytes());
  const Saved saved(other.model);
  std::vector<bn_status> results(3, BN_OK);
  std::vector<size_t> positions(3, 1);
  on_ranks(file, 3, [&](uint32_t rank, bn_model* model) {  // there are two heads, so one rank has none to compare
    const Conversation conversation(model);
    results[rank] = restore(conversation.session, saved.chunks);
    positions[rank] = bn_session_position(conversation.session);
  });
  CHECK(results == std::vector<bn_status>(3, BN_UNSUPPORTED));
  CHECK(positions == std::vector<size_t>(3, 0));
}

TEST_CASE("damage at any byte is found, and leaves the session empty and usable") {
  const Loaded loaded(SmallModel::file().bytes());
  for (const int32_t kv : {BN_KV_F16, BN_KV_INT8}) {
    const Saved saved(loaded.model, 40, kv);
    const Conversation conversation(loaded.model, 0, kv);
    Chunks chunks = saved.chunks;
    for (size_t i = 0; i < chunks.size(); ++i)
      for (size_t at = 0; at < chunks[i].size(); at += i < SavedLayout::first_rows ? 1 : 131) {
        chunks[i][at] ^= static_cast<uint8_t>(1 << at % 8);
        REQUIRE(restore(conversation.session, chunks) == BN_BAD_FILE);
        REQUIRE(bn_session_position(conversation.session) == 0);
        chunks[i][at] = saved.chunks[i][at];
      }
    CHECK(error(conversation) == "chunk 3 of the saved session is damaged; run the conversation again");
    check_usable(conversation, saved.logits);
  }
}

TEST_CASE("a saved session that ends early leaves the session empty and usable") {
  const Loaded loaded(SmallModel::file().bytes());
  const Saved saved(loaded.model);
  for (size_t n_chunks = 1; n_chunks < saved.chunks.size(); ++n_chunks) {
    const Conversation conversation(loaded.model);
    const auto end = saved.chunks.begin() + static_cast<ptrdiff_t>(n_chunks);
    REQUIRE(restore(conversation.session, Chunks(saved.chunks.begin(), end)) == BN_OK);
    CHECK(bn_session_restoring(conversation.session) == 40);
    CHECK(bn_session_position(conversation.session) == 0);
    CHECK(bn_session_save(conversation.session, 40, 0, nullptr, 0) == BN_BAD_ARGUMENT);
    REQUIRE(bn_session_rewind(conversation.session, 0) == BN_OK);
    check_usable(conversation, saved.logits);
  }
}

TEST_CASE("a header that contradicts the model is refused in a sentence, also with a good checksum") {
  const Loaded loaded(SmallModel::file().bytes());
  const Saved saved(loaded.model);
  struct Case {
    size_t field;
    uint32_t value;
    bn_status status;
    const char* sentence;
  };
  for (const Case& changed :
       {Case{0, 0x46554747, BN_BAD_FILE, "this is no saved session"},
        Case{1, 2, BN_UNSUPPORTED, "has format 2, and this version knows 1"},
        Case{2, 0, BN_UNSUPPORTED, "belongs to another model"},
        Case{3, 1, BN_UNSUPPORTED, "another precision of the KV cache than f16"},
        Case{3, 2, BN_UNSUPPORTED, "another precision of the KV cache than f16"},
        Case{4, 3, BN_BAD_FILE, "chunk 0 of the saved session contradicts the model"},
        Case{5, UINT32_MAX, BN_BAD_FILE, "contradicts the model"}, Case{6, 0, BN_BAD_FILE, "contradicts the model"},
        Case{7, 0, BN_BAD_FILE, "contradicts the model"},
        Case{7, 65, BN_CONTEXT_FULL, "has 65 positions, and the context holds 64"},
        Case{7, UINT32_MAX, BN_CONTEXT_FULL, "4294967295 positions"}}) {
    CAPTURE(changed.field);
    Chunks chunks = saved.chunks;
    std::memcpy(chunks[0].data() + 4 * changed.field, &changed.value, 4);
    set_checksum(chunks[0]);
    const Conversation conversation(loaded.model);
    CHECK(restore(conversation.session, chunks) == changed.status);
    CHECK_MESSAGE(error(conversation).find(changed.sentence) != std::string::npos, error(conversation));
    check_usable(conversation, saved.logits);
  }
}

TEST_CASE("ids and numbers that no session has are refused, also with a good checksum") {
  const Loaded loaded(SmallModel::file().bytes());
  const auto refused = [&](int32_t kv, size_t chunk, size_t at, const Bytes& bytes) {
    const Saved saved(loaded.model, 40, kv);
    Chunks chunks = saved.chunks;
    std::copy(bytes.begin(), bytes.end(), chunks[chunk].begin() + static_cast<ptrdiff_t>(at));
    set_checksum(chunks[chunk]);
    const Conversation conversation(loaded.model, 0, kv);
    CHECK(restore(conversation.session, chunks) == BN_BAD_FILE);
    CHECK_MESSAGE(error(conversation).starts_with("chunk " + std::to_string(chunk) + " of the saved session has "),
                  error(conversation));
    check_usable(conversation, saved.logits);
  };
  refused(BN_KV_F16, 1, 0, {0xff, 0xff, 0xff, 0xff});  // -1
  refused(BN_KV_F16, 1, 4 * 39, {0x2c, 0x01, 0, 0});   // 300
  refused(BN_KV_F16, 2, 0, {0x00, 0x7c});              // infinity
  refused(BN_KV_F16, 3, 2, {0x00, 0xfe});              // NaN
  refused(BN_KV_F16, 3, 66, {0x01, 0x00});             // subnormal
  refused(BN_KV_INT8, 2, 0, {0, 0, 0xc0, 0x7f});       // a unit that is NaN
  refused(BN_KV_INT8, 2, 4, {0, 0, 0x80, 0x7f});       // infinite
  refused(BN_KV_INT8, 3, 0, {0, 0, 0x80, 0xbf});       // negative
  refused(BN_KV_INT8, 3, 8, {0x80});                   // -128
}

TEST_CASE("chunks of nothing but the largest numbers are refused or harmless") {
  const Loaded loaded(SmallModel::file().bytes());
  for (const int32_t kv : {BN_KV_F16, BN_KV_INT8}) {
    const Saved saved(loaded.model, 40, kv);
    Chunks chunks = saved.chunks;
    for (size_t i = SavedLayout::first_rows; i < chunks.size(); ++i) {
      const Bytes largest = kv == BN_KV_F16 ? Bytes{0xff, 0x7b} : Bytes{0x7f};
      for (size_t at = 0; at + 4 < chunks[i].size(); ++at) chunks[i][at] = largest[at % largest.size()];
      if (kv == BN_KV_INT8)
        for (size_t at = 3; at + 4 < chunks[i].size(); at += 2 * SmallModel::head_dim + 8)
          for (const size_t unit : {at - 3, at + 1}) {
            const float most = 3e38f;
            std::memcpy(chunks[i].data() + unit, &most, 4);
          }
      set_checksum(chunks[i]);
    }
    const Conversation conversation(loaded.model, 0, kv);
    CHECK(restore(conversation.session, chunks) != BN_OK);
    check_usable(conversation, saved.logits);
  }
}

TEST_CASE("keys and values of another model are refused: one with another header, and one with other weights") {
  const Loaded loaded(SmallModel::file().bytes());
  const Saved expected(loaded.model);
  GgufFile renamed = SmallModel::file();
  renamed.again("general.name", [&] { renamed.text("general.name", "tall"); });
  const Loaded other_header(renamed.bytes()), other_weights(SmallModel::file(2).bytes());
  for (const auto& [model, sentence] : {std::pair(other_header.model, "belongs to another model"),
                                        std::pair(other_weights.model, "was made by another model")}) {
    const Saved saved(model);
    const Conversation conversation(loaded.model);
    CHECK(restore(conversation.session, saved.chunks) == BN_UNSUPPORTED);
    CHECK_MESSAGE(error(conversation).find(sentence) != std::string::npos, error(conversation));
    check_usable(conversation, expected.logits);
  }
}

TEST_CASE("mistakes of the caller of save and restore are named") {
  const Loaded loaded(SmallModel::file().bytes());
  const Saved saved(loaded.model);
  const Conversation conversation(loaded.model);
  Bytes room(1000);
  CHECK(bn_session_save(conversation.session, 0, 0, room.data(), 36) == BN_BAD_ARGUMENT);
  REQUIRE(prefill(conversation.session, 10) == BN_OK);
  CHECK(bn_session_save(conversation.session, 11, 0, room.data(), 36) == BN_BAD_ARGUMENT);
  CHECK(error(conversation) == "11 positions cannot be saved: the session has 10; save at least one of them");
  CHECK(bn_session_save(conversation.session, 10, 0, room.data(), 35) == BN_BAD_ARGUMENT);
  CHECK(bn_session_save(conversation.session, 10, 4, room.data(), 0) == BN_BAD_ARGUMENT);
  CHECK(bn_session_position(conversation.session) == 10);
  Bytes tokens_chunk = saved.chunks[1];
  CHECK(bn_session_restore(conversation.session, 1, tokens_chunk.data(), tokens_chunk.size()) == BN_BAD_ARGUMENT);
  CHECK(error(conversation) == "chunk 1 of 164 bytes was given where chunk 0 of 36 belongs");
  check_usable(conversation, saved.logits);
  REQUIRE(restore(conversation.session, {saved.chunks[0]}) == BN_OK);
  CHECK(bn_session_restore(conversation.session, 1, tokens_chunk.data(), 163) == BN_BAD_ARGUMENT);
  CHECK(bn_session_restore(nullptr, 0, room.data(), 36) == BN_BAD_ARGUMENT);
  CHECK(bn_session_save(nullptr, 1, 0, room.data(), 36) == BN_BAD_ARGUMENT);
  check_usable(conversation, saved.logits);
}
