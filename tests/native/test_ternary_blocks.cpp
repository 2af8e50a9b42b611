// TQ1_0 and TQ2_0 in the layers of a model: the same weights as I2_S codes, whatever bytes arrive and however.
#include "ternary_blocks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "gguf_file.h"
#include "kernels/dequantize.h"

using namespace bitnet;
using namespace test;

namespace {

constexpr uint16_t one = 0x3c00, two = 0x4000, minus_zero = 0x8000, not_finite = 0x7c00;

const TensorFormat& format_of(TensorType type) { return *find_tensor_format(static_cast<uint32_t>(type)); }

void set_scale(TensorType type, uint8_t* block, uint16_t scale) {
  std::memcpy(block + format_of(type).halves[0], &scale, sizeof scale);
}

// Blocks of any bytes but the code 3, with these scales in turn.
Bytes random_blocks(std::mt19937& random, TensorType type, size_t n, std::initializer_list<uint16_t> scales) {
  const size_t block_bytes = format_of(type).block_bytes;
  Bytes blocks(n * block_bytes);
  for (uint8_t& byte : blocks) {
    const auto any = static_cast<uint8_t>(random());
    byte = type == TensorType::tq1_0 ? any : static_cast<uint8_t>(any & ~((any & any >> 1 & 0x55) * 3));
  }
  for (size_t i = 0; i < n; ++i) set_scale(type, &blocks[i * block_bytes], scales.begin()[i % scales.size()]);
  return blocks;
}

std::vector<float> as_floats(TensorType type, const uint8_t* from) {
  std::vector<float> floats(TernaryBlock::n_weights);
  dequantize_row(type, from, floats.size(), floats.data());
  return floats;
}

// The small model with one matrix, of 128 rows of one block, in another type.
GgufFile model_with(TensorType type, std::initializer_list<uint16_t> scales) {
  std::mt19937 random(4);
  GgufFile file = SmallModel::file();
  Tensor& tensor = file.tensor("blk.1.ffn_down.weight");
  tensor.type = static_cast<uint32_t>(type);
  tensor.data = random_blocks(random, type, 128, scales);
  return file;
}

std::vector<float> logits_of(bn_model* model) {
  Conversation conversation(model);
  const int32_t tokens[] = {1, 2, 3};
  REQUIRE(bn_session_prefill(conversation.session, tokens, 3, 1) == BN_OK);
  return conversation.logits();
}

}  // namespace

TEST_CASE("recoded blocks have the weights that the definition of their type says") {
  std::mt19937 random(1);
  for (const TensorType type : {TensorType::tq1_0, TensorType::tq2_0})
    for (int round = 0; round < 50; ++round) {
      const Bytes block = random_blocks(random, type, 1, {one});
      Bytes codes(TernaryBlock::code_bytes);
      CHECK(recode_block(type, block.data(), codes.data()) == one);
      std::vector<float> weights = as_floats(TensorType::i2_s, codes.data());
      CHECK(weights == as_floats(type, block.data()));
    }
}

TEST_CASE("a block whose scale is 0 has weights 0, whatever its codes") {
  for (const TensorType type : {TensorType::tq1_0, TensorType::tq2_0})
    for (const uint16_t zero : {uint16_t{0}, minus_zero}) {
      Bytes block(format_of(type).block_bytes, 0xff), codes(TernaryBlock::code_bytes);
      set_scale(type, block.data(), zero);
      CHECK(recode_block(type, block.data(), codes.data()) == zero);
      CHECK(codes == Bytes(TernaryBlock::code_bytes, 0x55));
    }
}

TEST_CASE("a row has the scale of its blocks, those of zeros apart, and none where they differ") {
  const uint16_t blocks[] = {one, one, one, 0, two, minus_zero, 0, 0, 0, one, 0, two};
  float rows[4];
  CHECK(find_row_scales(blocks, rows));
  CHECK(rows[0] == 1.0f);
  CHECK(rows[1] == 2.0f);
  CHECK(rows[2] == 0.0f);
  CHECK(std::isnan(rows[3]));
  CHECK_FALSE(find_row_scales(std::span(blocks).first(9), std::span(rows).first(3)));
}

TEST_CASE("any chunking of ternary blocks gives the same model") {
  for (const TensorType type : {TensorType::tq1_0, TensorType::tq2_0}) {
    const Bytes file = model_with(type, {one, two}).bytes();
    const Loaded whole(file);
    REQUIRE_MESSAGE(whole.status == BN_OK, whole.error());
    for (const size_t chunk : {1u, 53u, 54u, 67u, 4000u}) {
      CAPTURE(chunk);
      bn_model* model = nullptr;
      REQUIRE(bn_model_new(file.size(), nullptr, 0, 0, 1, nullptr, nullptr, nullptr, nullptr, &model) == BN_OK);
      for (size_t at = 0; at < file.size();) {
        uint8_t* where = nullptr;
        const size_t n_bytes = std::min({chunk, file.size() - at, bn_model_window(model, &where)});
        REQUIRE(n_bytes > 0);
        std::memcpy(where, file.data() + at, n_bytes);
        REQUIRE(bn_model_commit(model, n_bytes) == BN_OK);
        at += n_bytes;
      }
      REQUIRE(bn_model_finish(model) == BN_OK);
      CHECK(logits_of(model) == logits_of(whole.model));
      bn_model_free(model);
    }
  }
}

TEST_CASE("code 3 and scales that are not finite are refused in the last block of a matrix, too") {
  GgufFile with_code = model_with(TensorType::tq2_0, {one});
  Bytes& codes = with_code.tensor("blk.1.ffn_down.weight").data;
  codes[codes.size() - 3] = 0x0c;
  GgufFile with_scale = model_with(TensorType::tq1_0, {one});
  Bytes& scales = with_scale.tensor("blk.1.ffn_down.weight").data;
  set_scale(TensorType::tq1_0, scales.data() + scales.size() - 54, not_finite);
  for (const auto& [file, sentence] :
       {std::pair{with_code, "blk.1.ffn_down.weight contains the code 3"},
        std::pair{with_scale, "blk.1.ffn_down.weight contains a number that is not finite"}}) {
    const Loaded loaded(file.bytes());
    CHECK(loaded.status == BN_BAD_FILE);
    CHECK_MESSAGE(loaded.error().find(sentence) != std::string::npos, loaded.error());
  }
}
