#include "config.h"

#include <cmath>

namespace bitnet {

namespace {

constexpr Architecture architectures[] = {
    {"bitnet-b1.58", RopePairs::halves, Activation::squared_relu, true, false, true},
    {"bitnet-25", RopePairs::halves, Activation::squared_relu, true, false, true},  // the older name of the same graph
    {"bitnet", RopePairs::halves, Activation::silu, true, false, true},
    {"llama", RopePairs::neighbours, Activation::silu, false, false, false},
    {"qwen2", RopePairs::halves, Activation::silu, false, false, false},
    {"qwen3", RopePairs::halves, Activation::silu, false, true, false},
};

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture& architecture : architectures)
    if (name == architecture.name) return &architecture;
  return nullptr;
}

// Reads "{architecture}.{name}" and keeps the first failure.
class Reader {
 public:
  Reader(const Metadata& metadata, std::string prefix) : metadata_(metadata), prefix_(std::move(prefix)) {}

  const Status& status() const noexcept { return status_; }

  size_t size(const char* name, int64_t most) { return checked(name, metadata_.integer(key(name)), most); }
  size_t size(const char* name, int64_t most, size_t otherwise) {
    return metadata_.contains(key(name)) ? size(name, most) : otherwise;
  }
  float real(const char* name, float least, float most) {
    const auto value = metadata_.real(key(name));
    if (!value) return missing(name), 0.0f;
    if (!(*value >= static_cast<double>(least) && *value <= static_cast<double>(most))) {
      keep(damaged("%s is %g, outside %g to %g", key(name).c_str(), *value, static_cast<double>(least),
                   static_cast<double>(most)));
      return 0.0f;
    }
    return static_cast<float>(*value);
  }
  float real(const char* name, float least, float most, float otherwise) {
    return metadata_.contains(key(name)) ? real(name, least, most) : otherwise;
  }
  std::string_view text(const char* name) { return metadata_.string(key(name)).value_or(std::string_view()); }
  std::string key(const char* name) const { return prefix_ + "." + name; }

 private:
  size_t checked(const char* name, std::optional<int64_t> value, int64_t most) {
    if (!value) return missing(name), 0;
    if (*value < 1 || *value > most) {
      keep(damaged("%s is %lld, outside 1 to %lld", key(name).c_str(), static_cast<long long>(*value),
                   static_cast<long long>(most)));
      return 0;
    }
    return static_cast<size_t>(*value);
  }
  void missing(const char* name) {
    keep(fail(BN_BAD_FILE, "the metadata has no usable key %s; the file is incomplete, choose another",
              key(name).c_str()));
  }
  void keep(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  const Metadata& metadata_;
  std::string prefix_;
  Status status_;
};

Status read_rope_scaling(Reader& reader, Config& config) {
  const std::string_view type = reader.text("rope.scaling.type");
  if (type.empty() || type == "none") return {};
  if (type != "linear")
    return fail(BN_UNSUPPORTED, "%s is \"%.40s\", which this version cannot run; it knows none and linear",
                reader.key("rope.scaling.type").c_str(), std::string(type).c_str());
  config.rope_scale = reader.real("rope.scaling.factor", 1.0f, 1024.0f, 1.0f);
  return {};
}

// llama.cpp converts BitNet-b1.58-2B-4T to the architecture "bitnet", whose activation is not the one it was
// trained with; its shape gives it away.
bool is_bitnet_2b(const Config& config) {
  return config.n_layers == 30 && config.n_embd == 2560 && config.n_ff == 6912 && config.n_vocab == 128256;
}

Status read_activation(Reader& reader, Config& config, std::vector<std::string>& warnings) {
  const std::string_view name = reader.text("hidden_activation");
  if (name.empty()) {
    if (config.architecture.activation == Activation::silu && config.architecture.sub_norms && is_bitnet_2b(config)) {
      config.architecture.activation = Activation::squared_relu;
      warnings.push_back(
          "this file says architecture bitnet (SiLU), but has the shape of BitNet-b1.58-2B-4T: squared "
          "ReLU is used, as that model was trained");
    }
    return {};
  }
  if (name == "relu2")
    config.architecture.activation = Activation::squared_relu;
  else if (name == "silu")
    config.architecture.activation = Activation::silu;
  else
    return fail(BN_UNSUPPORTED, "%s is \"%.40s\", which this version cannot run; it knows relu2 and silu",
                reader.key("hidden_activation").c_str(), std::string(name).c_str());
  return {};
}

}  // namespace

Status read_config(const Metadata& metadata, size_t n_vocab, Config& config, std::vector<std::string>& warnings) {
  const std::string architecture(metadata.string("general.architecture").value_or(std::string_view()));
  if (architecture.empty())
    return fail(BN_BAD_FILE, "the metadata has no key general.architecture; this GGUF file holds no language model");
  const Architecture* known = find_architecture(architecture);
  if (known == nullptr)
    return fail(BN_UNSUPPORTED,
                "this file holds a model of the architecture \"%.80s\", which this version cannot run; it runs "
                "bitnet-b1.58 (Microsoft's BitNet-b1.58-2B-4T), bitnet, llama, qwen2 and qwen3",
                architecture.c_str());
  config.architecture = *known;
  config.name = metadata.string("general.name").value_or(std::string_view());
  config.n_vocab = n_vocab;

  Reader reader(metadata, architecture);
  config.n_layers = reader.size("block_count", 1024);
  config.n_embd = reader.size("embedding_length", 1 << 16);
  config.n_ff = reader.size("feed_forward_length", 1 << 20);
  config.n_heads = reader.size("attention.head_count", 1024);
  config.n_kv_heads = reader.size("attention.head_count_kv", 1024, config.n_heads);
  config.n_ctx_train = reader.size("context_length", 1 << 20);
  config.rms_eps = reader.real("attention.layer_norm_rms_epsilon", 0.0f, 0.1f);
  config.rope_base = reader.real("rope.freq_base", 1.0f, 1e9f, 10000.0f);
  BN_TRY(reader.status());
  config.head_dim = reader.size("attention.key_length", 1 << 12, config.n_embd / config.n_heads);
  config.n_rot = reader.size("rope.dimension_count", 1 << 12, config.head_dim);
  BN_TRY(read_rope_scaling(reader, config));
  BN_TRY(read_activation(reader, config, warnings));
  BN_TRY(reader.status());

  if (config.n_heads % config.n_kv_heads != 0)
    return damaged("%zu attention heads cannot share %zu key-value heads", config.n_heads, config.n_kv_heads);
  if (config.head_dim < 2 || config.n_rot > config.head_dim || config.n_rot % 2 != 0)
    return damaged("heads of %zu elements cannot rotate %zu of them", config.head_dim, config.n_rot);
  if (reader.size("attention.value_length", 1 << 12, config.head_dim) != config.head_dim)
    return fail(BN_UNSUPPORTED, "keys of %zu and values of another length per head cannot be run", config.head_dim);
  const size_t announced = reader.size("vocab_size", 1 << 24, n_vocab);
  BN_TRY(reader.status());
  if (announced != n_vocab)
    warnings.push_back(architecture + ".vocab_size is " + std::to_string(announced) + ", but the tokenizer has " +
                       std::to_string(n_vocab) + " tokens; the tokenizer's number is used.");
  return {};
}

}  // namespace bitnet
