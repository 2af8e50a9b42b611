// The screened output head: bounds that hold, and choices that are those of the whole head.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <set>

#include "gguf_file.h"
#include "ops.h"
#include "output_screen.h"

using namespace bitnet;

namespace {

// A head of float rows with its screen.
struct Head {
  std::vector<float> rows;
  Matrix matrix;
  Block memory;
  OutputScreen screen;

  Head(std::vector<float> numbers, size_t n_cols, const KernelSet& kernels) : rows(std::move(numbers)) {
    matrix.type = TensorType::f32;
    matrix.n_cols = n_cols;
    matrix.n_rows = rows.size() / n_cols;
    matrix.data = reinterpret_cast<const uint8_t*>(rows.data());
    Planner sizes;
    screen.plan(sizes, matrix);
    REQUIRE(memory.allocate(sizes.n_bytes()));
    Planner places(memory.data());
    screen.plan(places, matrix);
    std::vector<float> row(n_cols);
    screen.fill(kernels, matrix, row);
  }

  struct Bounds {
    std::vector<float> lower, upper;
  };
  Bounds bounds(const KernelSet& kernels, const std::vector<float>& x) const {
    Bounds result = {std::vector<float>(matrix.n_rows), std::vector<float>(matrix.n_rows)};
    std::vector<int8_t> values(OutputScreen::values_size(matrix.n_cols));
    REQUIRE(screen.bounds(kernels, x, values, result.lower.data(), result.upper.data()));
    return result;
  }
  float exact(const KernelSet& kernels, size_t row, const std::vector<float>& x) const {
    return kernels.dot_f32(rows.data() + row * matrix.n_cols, x.data(), matrix.n_cols);
  }
};

void check_bounds(const Head& head, const KernelSet& kernels, const std::vector<float>& x) {
  const auto [lower, upper] = head.bounds(kernels, x);
  size_t n_outside = 0;
  for (size_t row = 0; row < head.matrix.n_rows; ++row) {
    const float exact = head.exact(kernels, row, x);
    n_outside += exact < lower[row] || exact > upper[row];
  }
  CHECK(n_outside == 0);
}

}  // namespace

TEST_CASE("what the exact head says lies within the bounds, and the bounds are narrow") {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (size_t i = 0; const KernelSet* kernels = kernel_set(i); ++i)
    for (const size_t n_cols : {17u, 128u, 1000u}) {
      CAPTURE(kernels->name);
      CAPTURE(n_cols);
      constexpr size_t n_rows = 64;
      std::vector<float> rows(n_rows * n_cols), x(n_cols);
      for (float& value : rows) value = normal(random) * 0.03f;
      for (float& value : x) value = normal(random);
      x[3] = 25.0f;                                             // an outlier, as hidden states have
      for (size_t col = 0; col < n_cols; ++col) rows[col] = 0;  // an unused token
      for (size_t col = 0; col < n_cols; ++col) rows[n_cols + col] *= 1e-30f;
      rows[2 * n_cols + 5] = 4.0f;  // one weight that makes all others small
      const Head head(rows, n_cols, *kernels);
      check_bounds(head, *kernels, x);
      const auto [lower, upper] = head.bounds(*kernels, x);
      double length = 0;
      for (const float value : x) length += static_cast<double>(value * value);
      for (size_t row = 3; row < n_rows; ++row) {
        double row_length = 0;
        for (size_t col = 0; col < n_cols; ++col)
          row_length += static_cast<double>(rows[row * n_cols + col] * rows[row * n_cols + col]);
        CHECK(static_cast<double>(upper[row] - lower[row]) < 0.06 * std::sqrt(length * row_length));
      }
    }
}

// Errors of rounding that all point the way of x: no narrower bound would be right.
TEST_CASE("bounds hold where every rounding error counts") {
  constexpr size_t n_cols = 256, n_rows = 8;
  std::mt19937 random(4);
  std::vector<float> rows(n_rows * n_cols), x(n_cols);
  for (float& value : x) value = random() % 2 == 0 ? 1.0f : -1.0f;
  for (size_t row = 0; row < n_rows; ++row)
    for (size_t col = 0; col < n_cols; ++col) {
      const float way = row % 2 == 0 ? x[col] : -x[col];
      rows[row * n_cols + col] = static_cast<float>(static_cast<int>(random() % 100) - 50) + 0.49f * way;
    }
  for (size_t row = 0; row < n_rows; ++row) rows[row * n_cols] = 63.0f;  // the scale is 1
  for (size_t i = 0; const KernelSet* kernels = kernel_set(i); ++i)
    check_bounds(Head(rows, n_cols, *kernels), *kernels, x);
}

TEST_CASE("a screened head chooses what the whole head chooses") {
  test::GgufFile file = test::SmallModel::file();
  // Tokens that are nearly, and some that are exactly, equally probable.
  test::Bytes& table = file.tensor("token_embd.weight").data;
  constexpr size_t row_bytes = test::SmallModel::n_embd * sizeof(float);
  for (size_t row = 10; row < 300; row += 10)
    std::memcpy(table.data() + row * row_bytes, table.data() + 9 * row_bytes, row_bytes);
  for (size_t row = 20; row < 300; row += 20) table[row * row_bytes] ^= 1;  // the last bit of one weight
  struct Settings {
    float temperature;
    int32_t top_k;
    float repeat_penalty;
    bool is_screened;
  };
  std::set<size_t> counts;
  for (const Settings& settings : {Settings{0, 0, 1, true}, Settings{0, 0, 1.3f, true}, Settings{0, 0, 0.8f, true},
                                   Settings{1, 2, 1, true}, Settings{2, 5, 1.2f, true}, Settings{1, 0, 1, false}}) {
    CAPTURE(settings.temperature);
    CAPTURE(settings.top_k);
    std::vector<int32_t> chosen[2];
    for (const int32_t screened : {0, 1}) {
      const test::Loaded loaded(file.bytes(), nullptr, 0, screened == 1);
      test::Conversation conversation(loaded.model);
      REQUIRE(bn_session_set_sampling(conversation.session, settings.temperature, settings.top_k, 0.95f, 0,
                                      settings.repeat_penalty, 8, 11) == BN_OK);
      int32_t token = 3;
      for (size_t i = 0; i < test::SmallModel::n_ctx; ++i) {
        REQUIRE(bn_session_decode(conversation.session, token) == BN_OK);
        REQUIRE(bn_session_sample(conversation.session, &token) == BN_OK);
        chosen[screened].push_back(token);
        const size_t n_scored = bn_session_scored(conversation.session);
        if (screened == 0 || !settings.is_screened) CHECK(n_scored == test::SmallModel::n_vocab);
        if (screened == 1 && settings.is_screened) counts.insert(n_scored);
      }
    }
    CHECK(chosen[0] == chosen[1]);
  }
  CHECK(*counts.begin() < 10);  // it was used
}

TEST_CASE("logits are those of the whole head, before and after a choice") {
  const test::Loaded whole(test::SmallModel::file().bytes(), nullptr, 0, false),
      screened(test::SmallModel::file().bytes());
  test::Conversation one(whole.model), other(screened.model);
  REQUIRE(bn_session_decode(one.session, 7) == BN_OK);
  REQUIRE(bn_session_decode(other.session, 7) == BN_OK);
  int32_t token = 0;
  REQUIRE(bn_session_sample(other.session, &token) == BN_OK);
  CHECK(one.logits() == other.logits());
  REQUIRE(bn_session_sample(other.session, &token) == BN_OK);
  CHECK(one.logits() == other.logits());
}

TEST_CASE("without room for the screen a model loads and runs without it") {
  const test::Bytes file = test::SmallModel::file().bytes();
  const test::Loaded roomy(file, nullptr, 0, false);
  bn_model* model = nullptr;
  const std::string info = bn_model_info(roomy.model);
  const size_t at = info.find("\"weights_bytes\":") + 16;
  // Enough for what must be there, and less than the screen's 300 * 136 bytes more.
  const uint64_t limit = std::stoull(info.substr(at)) + bn_session_bytes(roomy.model, 8, BN_KV_F16) + 10000;
  REQUIRE(bn_model_new(file.size(), nullptr, limit, 0, 1, nullptr, nullptr, nullptr, nullptr, &model) == BN_OK);
  REQUIRE(bn_model_push(model, file.data(), file.size()) == BN_OK);
  CHECK(bn_model_set_head(model, 0) == BN_NOT_READY);
  test::Conversation conversation(model, 8);
  REQUIRE_MESSAGE(conversation.session != nullptr, std::string(bn_model_error(model)));
  REQUIRE(bn_model_finish(model) == BN_OK);
  REQUIRE(bn_session_decode(conversation.session, 7) == BN_OK);
  int32_t token = 0;
  REQUIRE(bn_session_sample(conversation.session, &token) == BN_OK);
  CHECK(bn_session_scored(conversation.session) == test::SmallModel::n_vocab);
  bn_session_free(conversation.session);
  conversation.session = nullptr;
  bn_model_free(model);
}
