// gguf_file.h: GGUF files made in memory, well-formed or broken on purpose, and a small seeded model.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "bitnet.h"

namespace test {

using Bytes = std::vector<uint8_t>;

struct Tensor {
  std::string name;
  std::vector<uint64_t> shape;  // ne[0] first
  uint32_t type = 0;
  Bytes data;
};

// Keys and tensors in the order of the calls. Public members: a test breaks what it wants to see refused.
class GgufFile {
 public:
  uint32_t version = 3;
  std::vector<Bytes> keys;
  std::vector<Tensor> tensors;

  GgufFile& number(const std::string& key, uint32_t value) { return scalar(key, 4, value); }
  GgufFile& real(const std::string& key, float value) { return scalar(key, 6, value); }
  GgufFile& text(const std::string& key, const std::string& value) {
    Bytes bytes = begin(key, 8);
    append_text(bytes, value);
    keys.push_back(std::move(bytes));
    return *this;
  }
  GgufFile& texts(const std::string& key, const std::vector<std::string>& values) {
    Bytes bytes = begin(key, 9);
    append(bytes, uint32_t{8});
    append(bytes, uint64_t{values.size()});
    for (const std::string& value : values) append_text(bytes, value);
    keys.push_back(std::move(bytes));
    return *this;
  }
  GgufFile& integers(const std::string& key, const std::vector<int32_t>& values) {
    Bytes bytes = begin(key, 9);
    append(bytes, uint32_t{5});
    append(bytes, uint64_t{values.size()});
    for (const int32_t value : values) append(bytes, value);
    keys.push_back(std::move(bytes));
    return *this;
  }
  // Replace the value of a key that is there.
  template <class Set>
  GgufFile& again(const std::string& key, Set set) {
    for (size_t i = 0; i < keys.size(); ++i)
      if (keys[i].size() > key.size() + 8 && std::memcmp(keys[i].data() + 8, key.data(), key.size()) == 0 &&
          keys[i][0] == key.size()) {
        set();
        keys[i] = keys.back();
        keys.pop_back();
        break;
      }
    return *this;
  }
  Tensor& tensor(const std::string& name) {
    for (Tensor& tensor : tensors)
      if (tensor.name == name) return tensor;
    return tensors.emplace_back(Tensor{name, {}, 0, {}});
  }
  void remove(const std::string& name) {
    std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.name == name; });
  }

  Bytes bytes() const {
    Bytes file = {'G', 'G', 'U', 'F'};
    append(file, version);
    append(file, uint64_t{tensors.size()});
    append(file, uint64_t{keys.size()});
    for (const Bytes& key : keys) file.insert(file.end(), key.begin(), key.end());
    uint64_t offset = 0;
    for (const Tensor& tensor : tensors) {
      append_text(file, tensor.name);
      append(file, static_cast<uint32_t>(tensor.shape.size()));
      for (const uint64_t length : tensor.shape) append(file, length);
      append(file, tensor.type);
      append(file, offset);
      offset += (tensor.data.size() + 31) / 32 * 32;
    }
    for (const Tensor& tensor : tensors) {
      file.resize((file.size() + 31) / 32 * 32);
      file.insert(file.end(), tensor.data.begin(), tensor.data.end());
    }
    return file;
  }

  template <class T>
  static void append(Bytes& bytes, T value) {
    const auto* from = reinterpret_cast<const uint8_t*>(&value);
    bytes.insert(bytes.end(), from, from + sizeof value);
  }
  static void append_text(Bytes& bytes, const std::string& text) {
    append(bytes, uint64_t{text.size()});
    bytes.insert(bytes.end(), text.begin(), text.end());
  }

 private:
  static Bytes begin(const std::string& key, uint32_t type) {
    Bytes bytes;
    append_text(bytes, key);
    append(bytes, type);
    return bytes;
  }
  template <class T>
  GgufFile& scalar(const std::string& key, uint32_t type, T value) {
    Bytes bytes = begin(key, type);
    append(bytes, value);
    keys.push_back(std::move(bytes));
    return *this;
  }
};

inline Bytes random_ternary(std::mt19937& random, size_t n_elements, float scale) {
  Bytes bytes(n_elements / 4 + 32);
  for (size_t i = 0; i < n_elements / 4; ++i)
    for (int shift = 0; shift < 8; shift += 2) bytes[i] |= static_cast<uint8_t>(random() % 3 << shift);
  std::memcpy(bytes.data() + n_elements / 4, &scale, sizeof scale);
  return bytes;
}

inline Bytes random_floats(std::mt19937& random, size_t n, float low, float high) {
  Bytes bytes;
  for (size_t i = 0; i < n; ++i)
    GgufFile::append(bytes, low + (high - low) * static_cast<float>(random() % 10000) / 10000.0f);
  return bytes;
}

struct SmallModel {
  static constexpr size_t n_vocab = 300, n_layers = 2, n_embd = 128, n_heads = 4, n_kv_heads = 2, head_dim = 32;
  static constexpr size_t n_ff = 256, n_ctx = 64;

  // A seeded bitnet-b1.58 of two layers with every tensor that the architecture has.
  static GgufFile file(unsigned seed = 1) {
    std::mt19937 random(seed);
    GgufFile file;
    std::vector<std::string> tokens;
    for (size_t i = 0; i < n_vocab; ++i) tokens.push_back("t" + std::to_string(i));
    file.text("general.architecture", "bitnet-b1.58")
        .text("general.name", "small")
        .number("bitnet-b1.58.block_count", n_layers)
        .number("bitnet-b1.58.context_length", n_ctx)
        .number("bitnet-b1.58.embedding_length", n_embd)
        .number("bitnet-b1.58.feed_forward_length", n_ff)
        .number("bitnet-b1.58.attention.head_count", n_heads)
        .number("bitnet-b1.58.attention.head_count_kv", n_kv_heads)
        .number("bitnet-b1.58.rope.dimension_count", head_dim)
        .real("bitnet-b1.58.rope.freq_base", 500000.0f)
        .real("bitnet-b1.58.attention.layer_norm_rms_epsilon", 1e-5f)
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "llama-bpe")
        .texts("tokenizer.ggml.tokens", tokens)
        .integers("tokenizer.ggml.token_type", std::vector<int32_t>(n_vocab, 1))
        .texts("tokenizer.ggml.merges", {})
        .number("tokenizer.ggml.eos_token_id", n_vocab - 1);
    const auto vector = [&](const std::string& name, size_t n) {
      file.tensors.push_back({name, {n}, 0, random_floats(random, n, 0.5f, 1.5f)});
    };
    const auto matrix = [&](const std::string& name, size_t n_cols, size_t n_rows) {
      file.tensors.push_back({name, {n_cols, n_rows}, 36, random_ternary(random, n_cols * n_rows, 0.02f)});
    };
    file.tensors.push_back({"token_embd.weight", {n_embd, n_vocab}, 0, random_floats(random, n_embd * n_vocab, -1, 1)});
    vector("output_norm.weight", n_embd);
    for (size_t i = 0; i < n_layers; ++i) {
      const std::string block = "blk." + std::to_string(i) + ".";
      vector(block + "attn_norm.weight", n_embd);
      matrix(block + "attn_q.weight", n_embd, n_heads * head_dim);
      matrix(block + "attn_k.weight", n_embd, n_kv_heads * head_dim);
      matrix(block + "attn_v.weight", n_embd, n_kv_heads * head_dim);
      vector(block + "attn_sub_norm.weight", n_heads * head_dim);
      matrix(block + "attn_output.weight", n_heads * head_dim, n_embd);
      vector(block + "ffn_norm.weight", n_embd);
      matrix(block + "ffn_gate.weight", n_embd, n_ff);
      matrix(block + "ffn_up.weight", n_embd, n_ff);
      vector(block + "ffn_sub_norm.weight", n_ff);
      matrix(block + "ffn_down.weight", n_ff, n_embd);
    }
    return file;
  }
};

// A model that frees itself, loaded or refused.
struct Loaded {
  bn_model* model = nullptr;
  bn_status status = BN_OK;

  explicit Loaded(const Bytes& file, const char* kernel = nullptr, uint64_t memory_limit_bytes = 0,
                  bool screened_head = true) {
    status = bn_model_new(file.size(), kernel, memory_limit_bytes, 0, 1, nullptr, nullptr, nullptr, nullptr, &model);
    if (status == BN_OK) status = bn_model_set_head(model, screened_head);
    if (status == BN_OK) status = bn_model_push(model, file.data(), file.size());
    if (status == BN_OK) status = bn_model_finish(model);
  }
  Loaded(const Loaded&) = delete;
  ~Loaded() { bn_model_free(model); }
  std::string error() const { return bn_model_error(model); }
};

struct Conversation {
  bn_session* session = nullptr;

  explicit Conversation(bn_model* model, size_t n_ctx = 0, int32_t kv = BN_KV_F16) {
    bn_session_new(model, n_ctx, kv, &session);
  }
  Conversation(const Conversation&) = delete;
  ~Conversation() { bn_session_free(session); }
  std::vector<float> logits() const {
    const float* logits = bn_session_logits(session);
    return logits == nullptr ? std::vector<float>() : std::vector<float>(logits, logits + SmallModel::n_vocab);
  }
};

// Push only the header and what `rank` keeps; all else is skipped, as where a file is handed out to its ranks.
inline bn_status push_own_bytes(bn_model* model, uint32_t rank, const Bytes& file) {
  size_t position = 0;
  for (; bn_model_stage(model) == 0; ++position)
    if (const bn_status status = bn_model_push(model, &file[position], 1); status != BN_OK) return status;
  std::vector<uint64_t> runs(2000);
  size_t n_runs = 0;
  if (const bn_status status = bn_model_kept(model, rank, runs.data(), runs.size() / 2, &n_runs); status != BN_OK)
    return status;
  for (size_t i = 0; i < n_runs; ++i) {
    const auto begin = static_cast<size_t>(runs[2 * i]), end = static_cast<size_t>(runs[2 * i + 1]);
    if (const bn_status status = bn_model_skip(model, begin - position); status != BN_OK) return status;
    if (const bn_status status = bn_model_push(model, &file[begin], end - begin); status != BN_OK) return status;
    position = end;
  }
  return BN_OK;
}

}  // namespace test
