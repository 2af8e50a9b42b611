// Loading: any chunking gives the same model; damaged and foreign files are refused in words.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "gguf_file.h"

using namespace test;

namespace {

std::vector<float> logits_of(bn_model* model) {
  Conversation conversation(model);
  const int32_t tokens[] = {1, 2, 3};
  REQUIRE(bn_session_prefill(conversation.session, tokens, 3, 1) == BN_OK);
  return conversation.logits();
}

struct Refusal {
  const char* what;
  bn_status status;
  const char* sentence;  // a part of it
  std::function<Bytes(GgufFile)> broken;
};

// Metadata keys of the small model by short name.
std::string key(const char* name) { return std::string("bitnet-b1.58.") + name; }

const Refusal refusals[] = {
    {"empty", BN_BAD_FILE, "empty", [](GgufFile) { return Bytes(); }},
    {"text instead of GGUF", BN_BAD_FILE, "not a GGUF file", [](GgufFile) { return Bytes(100, 'x'); }},
    {"only the magic", BN_BAD_FILE, "ends inside its header", [](GgufFile) { return Bytes{'G', 'G', 'U', 'F'}; }},
    {"version 1", BN_UNSUPPORTED, "version 1",
     [](GgufFile file) {
       file.version = 1;
       return file.bytes();
     }},
    {"big-endian", BN_UNSUPPORTED, "big-endian",
     [](GgufFile file) {
       file.version = 0x03000000;
       return file.bytes();
     }},
    {"absurd number of tensors", BN_BAD_FILE, "tensors",
     [](GgufFile file) {
       Bytes bytes = file.bytes();
       std::memset(bytes.data() + 8, 0xff, 8);
       return bytes;
     }},
    {"absurd number of keys", BN_BAD_FILE, "metadata keys",
     [](GgufFile file) {
       Bytes bytes = file.bytes();
       std::memset(bytes.data() + 16, 0x7f, 8);
       return bytes;
     }},
    {"key of absurd length", BN_BAD_FILE, "bytes long",
     [](GgufFile file) {
       Bytes bytes = file.bytes();
       std::memset(bytes.data() + 24, 0xff, 8);
       return bytes;
     }},
    {"value type that does not exist", BN_BAD_FILE, "value type 99",
     [](GgufFile file) {
       file.keys[0][8 + 20] = 99;
       return file.bytes();
     }},
    {"the same key twice", BN_BAD_FILE, "appears twice",
     [](GgufFile file) {
       file.text("general.name", "again");
       return file.bytes();
     }},
    {"alignment that is no power of two", BN_BAD_FILE, "general.alignment is 48",
     [](GgufFile file) {
       file.number("general.alignment", 48);
       return file.bytes();
     }},
    {"tensor with no dimensions", BN_BAD_FILE, "0 dimensions",
     [](GgufFile file) {
       file.tensors[0].shape = {};
       return file.bytes();
     }},
    {"tensor with a zero in its shape", BN_BAD_FILE, "impossible shape",
     [](GgufFile file) {
       file.tensors[0].shape = {0, 300};
       return file.bytes();
     }},
    {"tensor whose size overflows", BN_BAD_FILE, "impossible shape",
     [](GgufFile file) {
       file.tensors[0].shape = {uint64_t{1} << 40, uint64_t{1} << 40};
       return file.bytes();
     }},
    {"a type that only activations have", BN_UNSUPPORTED, "Q8_K",
     [](GgufFile file) {
       file.tensors[0].type = 15;
       return file.bytes();
     }},
    {"TL1", BN_UNSUPPORTED, "use a file in I2_S or TQ2_0",
     [](GgufFile file) {
       file.tensors[0].type = 38;
       return file.bytes();
     }},
    {"TL2", BN_UNSUPPORTED, "use a file in I2_S or TQ2_0",
     [](GgufFile file) {
       file.tensors[0].type = 39;
       return file.bytes();
     }},
    {"a removed repacking of Q4_0", BN_UNSUPPORTED, "use a file in Q4_0",
     [](GgufFile file) {
       file.tensors[0].type = 31;
       return file.bytes();
     }},
    {"tensor type that does not exist", BN_UNSUPPORTED, "type 4711 (unknown)",
     [](GgufFile file) {
       file.tensors[0].type = 4711;
       return file.bytes();
     }},
    {"a NaN among the norms", BN_BAD_FILE, "blk.0.attn_norm.weight contains a number that is not finite",
     [](GgufFile file) {
       std::memset(file.tensor("blk.0.attn_norm.weight").data.data() + 20, 0xff, 4);
       return file.bytes();
     }},
    {"the second part of a split model", BN_BAD_FILE, "open the first one, whose name ends in -00001-of-00003.gguf",
     [](GgufFile file) {
       file.number("split.count", 3).number("split.no", 1);
       return file.bytes();
     }},
    {"only the first part of a split model", BN_BAD_FILE, "2 of the model's 3 parts are missing",
     [](GgufFile file) {
       file.number("split.count", 3).number("split.no", 0);
       return file.bytes();
     }},
    {"I2_S rows that are no multiple of 128", BN_UNSUPPORTED, "no whole number of I2_S blocks",
     [](GgufFile file) {
       file.tensor("blk.0.attn_q.weight").shape = {96, 128};
       return file.bytes();
     }},
    {"two tensors of one name", BN_BAD_FILE, "appears twice",
     [](GgufFile file) {
       file.tensors.push_back(file.tensors[1]);
       return file.bytes();
     }},
    {"truncated data", BN_BAD_FILE, "truncated",
     [](GgufFile file) {
       Bytes bytes = file.bytes();
       bytes.resize(bytes.size() - 100);
       return bytes;
     }},
    {"code 3 in a ternary tensor", BN_BAD_FILE, "code 3",
     [](GgufFile file) {
       file.tensor("blk.1.ffn_up.weight").data[5000] = 0xc0;
       return file.bytes();
     }},
    {"negative scale", BN_BAD_FILE, "scale -1",
     [](GgufFile file) {
       const float scale = -1;
       Bytes& data = file.tensor("blk.0.attn_q.weight").data;
       std::memcpy(data.data() + data.size() - 32, &scale, 4);
       return file.bytes();
     }},
    {"scale that is not a number", BN_BAD_FILE, "scale",
     [](GgufFile file) {
       Bytes& data = file.tensor("blk.0.attn_q.weight").data;
       std::memset(data.data() + data.size() - 32, 0xff, 4);
       return file.bytes();
     }},
    {"no architecture", BN_BAD_FILE, "general.architecture",
     [](GgufFile file) {
       file.keys.erase(file.keys.begin());
       return file.bytes();
     }},
    {"foreign architecture", BN_UNSUPPORTED, "\"mamba\"",
     [](GgufFile file) {
       file.keys.erase(file.keys.begin());
       file.text("general.architecture", "mamba");
       return file.bytes();
     }},
    {"no sub-norm", BN_BAD_FILE, "blk.1.ffn_sub_norm.weight",
     [](GgufFile file) {
       file.remove("blk.1.ffn_sub_norm.weight");
       return file.bytes();
     }},
    {"matrix of another shape", BN_BAD_FILE, "instead of [128, 256]",
     [](GgufFile file) {
       file.tensor("blk.0.ffn_gate.weight").shape = {128, 128};
       return file.bytes();
     }},
    {"norm weights in F16", BN_UNSUPPORTED, "only F32",
     [](GgufFile file) {
       file.tensor("output_norm.weight").type = 1;
       return file.bytes();
     }},
    {"tensor that plays no known part", BN_UNSUPPORTED, "blk.0.attn_q.zero",
     [](GgufFile file) {
       file.tensors.push_back({"blk.0.attn_q.zero", {1}, 0, Bytes(4)});
       return file.bytes();
     }},
    {"heads that cannot share", BN_BAD_FILE, "cannot share 3",
     [](GgufFile file) {
       file.again(key("attention.head_count_kv"), [&] { file.number(key("attention.head_count_kv"), 3); });
       return file.bytes();
     }},
    {"a rotation wider than a head", BN_BAD_FILE, "cannot rotate 64",
     [](GgufFile file) {
       file.again(key("rope.dimension_count"), [&] { file.number(key("rope.dimension_count"), 64); });
       return file.bytes();
     }},
    {"an unknown activation", BN_UNSUPPORTED, "\"gelu\"",
     [](GgufFile file) {
       file.text(key("hidden_activation"), "gelu");
       return file.bytes();
     }},
    {"zero layers", BN_BAD_FILE, "block_count is 0",
     [](GgufFile file) {
       file.again(key("block_count"), [&] { file.number(key("block_count"), 0); });
       return file.bytes();
     }},
    {"no tokenizer", BN_BAD_FILE, "tokenizer",
     [](GgufFile file) {
       std::erase_if(file.keys, [](const Bytes& entry) {
         return std::string(entry.begin() + 8, entry.end()).starts_with("tokenizer.ggml.tokens");
       });
       return file.bytes();
     }},
};

}  // namespace

TEST_CASE("weights are counted once all have arrived, and only ternary ones") {
  const GgufFile file = SmallModel::file();
  const Bytes bytes = file.bytes();
  uint64_t counts[3] = {};
  Loaded truncated(Bytes(bytes.begin(), bytes.end() - 1));
  CHECK(bn_model_count_weights(truncated.model, 0, counts) == BN_NOT_READY);
  Loaded loaded(bytes);
  REQUIRE(loaded.status == BN_OK);
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    const Tensor& tensor = file.tensors[i];
    const bn_status status = bn_model_count_weights(loaded.model, i, counts);
    CHECK(status == (tensor.type == 36 ? BN_OK : BN_UNSUPPORTED));
    if (status == BN_OK) CHECK(counts[0] + counts[1] + counts[2] == tensor.shape[0] * tensor.shape[1]);
  }
  CHECK(bn_model_count_weights(loaded.model, file.tensors.size(), counts) == BN_BAD_ARGUMENT);
  CHECK(bn_model_count_weights(loaded.model, 0, nullptr) == BN_BAD_ARGUMENT);
}

TEST_CASE("what ranks keep is together the whole of every matrix, and only what they do not keep can be skipped") {
  const Bytes file = SmallModel::file().bytes();
  uint64_t n_bytes_of_all = 0;
  for (const uint32_t rank : {0u, 1u, 2u}) {
    const auto exchange = [](void*, void*, size_t, size_t, size_t, size_t) { return 1; };
    bn_model* model = nullptr;
    REQUIRE(bn_model_new(file.size(), nullptr, 0, rank, 3, exchange, nullptr, nullptr, nullptr, &model) == BN_OK);
    uint64_t runs[400];
    size_t n_runs = 0, position = 0;
    CHECK(bn_model_kept(model, 0, runs, 200, &n_runs) == BN_NOT_READY);
    CHECK(bn_model_skip(model, 1) == BN_NOT_READY);
    for (; bn_model_stage(model) == 0; ++position) REQUIRE(bn_model_push(model, &file[position], 1) == BN_OK);
    CHECK(bn_model_kept(model, 3, runs, 200, &n_runs) == BN_BAD_ARGUMENT);
    CHECK(bn_model_kept(model, rank, runs, 1, &n_runs) == BN_BUFFER_TOO_SMALL);
    REQUIRE(bn_model_kept(model, rank, runs, n_runs, &n_runs) == BN_OK);
    for (size_t i = 0; i < n_runs; ++i) n_bytes_of_all += runs[2 * i + 1] - runs[2 * i];
    CHECK(bn_model_skip(model, runs[0] - position + 1) == BN_BAD_ARGUMENT);
    CHECK(bn_model_skip(model, runs[0] - position) == BN_OK);
    CHECK(bn_model_position(model) == runs[0]);
    CHECK(bn_model_skip(model, 1) == BN_BAD_ARGUMENT);
    bn_model_free(model);
  }
  uint64_t of_matrices = 0, of_all = 0;  // scales, 4 bytes, and vectors are kept by each rank
  for (const Tensor& tensor : SmallModel::file().tensors) {
    const bool ternary = tensor.type == 36;
    of_matrices += tensor.shape.size() == 1 ? 0 : tensor.data.size() - (ternary ? 32 : 0);
    of_all += tensor.shape.size() == 1 ? tensor.data.size() : ternary ? 4 : 0;
  }
  CHECK(n_bytes_of_all == of_matrices + 3 * of_all);
}

TEST_CASE("a small model loads and says what it is") {
  const Loaded loaded(SmallModel::file().bytes());
  REQUIRE_MESSAGE(loaded.status == BN_OK, loaded.error());
  CHECK(bn_model_stage(loaded.model) == 2);
  const std::string info = bn_model_info(loaded.model);
  CHECK(info.find("\"architecture\":\"bitnet-b1.58\"") != std::string::npos);
  CHECK(info.find("\"n_ff\":256") != std::string::npos);
  CHECK(info.find("{\"name\":\"blk.1.ffn_down.weight\",\"type\":\"I2_S\",\"shape\":[256,128]") != std::string::npos);
}

TEST_CASE("damaged and foreign files are refused in words") {
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.what);
    const Loaded loaded(refusal.broken(SmallModel::file()));
    CHECK(loaded.status == refusal.status);
    CHECK_MESSAGE(loaded.error().find(refusal.sentence) != std::string::npos, loaded.error());
    CHECK(bn_model_stage(loaded.model) == 3);
    bn_session* session = nullptr;
    CHECK(bn_session_new(loaded.model, 0, BN_KV_F16, &session) != BN_OK);
    CHECK(session == nullptr);
  }
}

TEST_CASE("every truncation of a file is refused") {
  const Bytes whole = SmallModel::file().bytes();
  for (size_t n_bytes = 0; n_bytes < whole.size(); n_bytes += n_bytes < 6000 ? 37 : 20011) {
    bn_model* model = nullptr;
    REQUIRE(bn_model_new(0, nullptr, 0, 0, 1, nullptr, nullptr, nullptr, nullptr, &model) == BN_OK);
    bn_status status = bn_model_push(model, whole.data(), n_bytes);
    if (status == BN_OK) status = bn_model_finish(model);
    CAPTURE(n_bytes);
    CHECK(status == BN_BAD_FILE);
    bn_model_free(model);
  }
}

TEST_CASE("any chunking gives the same model, with and without a copy in between") {
  const Bytes file = SmallModel::file().bytes();
  const Loaded whole(file);
  REQUIRE(whole.status == BN_OK);
  const std::vector<float> expected = logits_of(whole.model);
  for (const size_t chunk : {1u, 7u, 4096u, 70000u}) {
    CAPTURE(chunk);
    bn_model* pushed = nullptr;
    bn_model* written = nullptr;
    REQUIRE(bn_model_new(0, nullptr, 0, 0, 1, nullptr, nullptr, nullptr, nullptr, &pushed) == BN_OK);
    REQUIRE(bn_model_new(file.size(), nullptr, 0, 0, 1, nullptr, nullptr, nullptr, nullptr, &written) == BN_OK);
    for (size_t at = 0; at < file.size(); at += chunk)
      REQUIRE(bn_model_push(pushed, file.data() + at, std::min(chunk, file.size() - at)) == BN_OK);
    for (size_t at = 0; at < file.size();) {
      uint8_t* where = nullptr;
      const size_t n_bytes = std::min({chunk, file.size() - at, bn_model_window(written, &where)});
      REQUIRE(n_bytes > 0);
      std::memcpy(where, file.data() + at, n_bytes);
      REQUIRE(bn_model_commit(written, n_bytes) == BN_OK);
      at += n_bytes;
    }
    for (bn_model* model : {pushed, written}) {
      REQUIRE(bn_model_finish(model) == BN_OK);
      CHECK(bn_model_position(model) == file.size());
      CHECK(std::string(bn_model_info(model)) == bn_model_info(whole.model));
      CHECK(logits_of(model) == expected);
      bn_model_free(model);
    }
  }
}

TEST_CASE("tensors may stand in any order and with gaps between them") {
  GgufFile file = SmallModel::file();
  const Loaded usual(file.bytes());
  std::swap(file.tensors[0], file.tensors[5]);
  std::swap(file.tensors[1], file.tensors[9]);
  file.tensors[3].data.resize(file.tensors[3].data.size() + 256);
  const Loaded shuffled(file.bytes());
  REQUIRE_MESSAGE(shuffled.status == BN_OK, shuffled.error());
  CHECK(logits_of(shuffled.model) == logits_of(usual.model));
}

TEST_CASE("a model in several files is the model in one, and parts must come in order") {
  const GgufFile whole = SmallModel::file();
  std::vector<GgufFile> parts(3);
  parts[0].keys = whole.keys;
  for (size_t i = 0; i < whole.tensors.size(); ++i) parts[i % 3].tensors.push_back(whole.tensors[i]);
  for (uint32_t i = 0; i < 3; ++i) parts[i].number("split.no", i).number("split.count", 3);

  const auto load = [&](const std::vector<size_t>& order, bn_model*& model) {
    REQUIRE(bn_model_new(0, nullptr, 0, 0, 1, nullptr, nullptr, nullptr, nullptr, &model) == BN_OK);
    bn_status status = BN_OK;
    for (size_t i = 0; i < order.size() && status == BN_OK; ++i) {
      const Bytes bytes = parts[order[i]].bytes();
      if (i > 0) status = bn_model_next_part(model, bytes.size());
      if (status == BN_OK) status = bn_model_push(model, bytes.data(), bytes.size());
    }
    return status == BN_OK ? bn_model_finish(model) : status;
  };
  bn_model* model = nullptr;
  REQUIRE_MESSAGE(load({0, 1, 2}, model) == BN_OK, bn_model_error(model));
  CHECK(bn_model_parts_left(model) == 0);
  CHECK(std::string(bn_model_info(model)).find("blk.1.ffn_down.weight") != std::string::npos);
  const Loaded one(whole.bytes());
  CHECK(logits_of(model) == logits_of(one.model));
  bn_model_free(model);

  GgufFile merged = whole;  // what llama.cpp's merge of a split model leaves behind
  merged.number("split.no", 0).number("split.count", 0);
  const Loaded one_again(merged.bytes());
  CHECK_MESSAGE(one_again.status == BN_OK, one_again.error());

  CHECK(load({0, 2, 1}, model) == BN_BAD_FILE);
  CHECK(std::string(bn_model_error(model)).find("part 3 of 3 arrived where part 2 of 3 belongs") != std::string::npos);
  bn_model_free(model);
  CHECK(load({0, 1}, model) == BN_BAD_FILE);
  bn_model_free(model);
  CHECK(load({0, 0, 2}, model) == BN_BAD_FILE);
  bn_model_free(model);
  CHECK(load({0, 1, 2, 2}, model) == BN_NOT_READY);
  bn_model_free(model);
}

TEST_CASE("a model above the memory limit is refused with the bytes that are missing") {
  const Loaded loaded(SmallModel::file().bytes(), nullptr, 100000);
  CHECK(loaded.status == BN_OUT_OF_MEMORY);
  CHECK_MESSAGE(loaded.error().find("more than allowed") != std::string::npos, loaded.error());
}

TEST_CASE("a context above the memory limit is refused and a shorter one works") {
  const Bytes file = SmallModel::file().bytes();
  const Loaded measured(file);
  const uint64_t short_bytes = bn_session_bytes(measured.model, 8, BN_KV_F16);
  const std::string info = bn_model_info(measured.model);
  const uint64_t weights = std::stoull(info.substr(info.find("\"weights_bytes\":") + 16));
  const Loaded limited(file, nullptr, weights + short_bytes);
  REQUIRE(limited.status == BN_OK);
  bn_session* session = nullptr;
  CHECK(bn_session_new(limited.model, 64, BN_KV_F16, &session) == BN_OUT_OF_MEMORY);
  CHECK(bn_session_new(limited.model, 8, BN_KV_F16, &session) == BN_OK);
  bn_session_free(session);
}
