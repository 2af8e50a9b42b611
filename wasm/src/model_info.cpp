#include "model_info.h"

#include "json.h"

namespace bitnet {

namespace {

constexpr size_t shown_bytes = 4096;  // of a string among the metadata

void write_value(JsonWriter& json, const Value& value) {
  switch (value.type) {
    case ValueType::string: json.key("value").value(std::string_view(value.text).substr(0, shown_bytes)); break;
    case ValueType::f32:
    case ValueType::f64: json.key("value").value(value.real); break;
    case ValueType::boolean: json.key("value").value(value.integer != 0); break;
    case ValueType::u64: json.key("value").value(static_cast<uint64_t>(value.integer)); break;
    case ValueType::array: json.key("count").value(value.count); break;
    default: json.key("value").value(value.integer);
  }
}

void write_metadata(JsonWriter& json, const Metadata& metadata) {
  json.key("metadata").begin_array();
  for (const Metadata::Entry& entry : metadata.entries()) {
    std::string type = value_type_name(entry.value.type);
    if (entry.value.type == ValueType::array) type += std::string(" of ") + value_type_name(entry.value.element_type);
    json.begin_object().key("key").value(entry.key).key("type").value(type);
    write_value(json, entry.value);
    json.end_object();
  }
  json.end_array();
}

void write_tensors(JsonWriter& json, const Model& model) {
  json.key("tensors").begin_array();
  for (const auto& part : model.parts)
    for (const TensorInfo& tensor : part->tensors()) {
      json.begin_object().key("name").value(tensor.name);
      const Matrix* matrix = model.weights.find(tensor.name);
      json.key("type").value(find_tensor_format(tensor.type)->name).key("shape").begin_array();
      for (uint32_t i = 0; i < tensor.n_dims; ++i) json.value(tensor.ne[i]);
      json.end_array().key("ternary").value(matrix != nullptr && matrix->type == TensorType::i2_s);
      json.key("offset").value(tensor.offset).key("n_bytes").value(tensor.n_bytes).end_object();
    }
  json.end_array();
}

void write_tokenizer(JsonWriter& json, const Tokenizer& tokenizer) {
  json.key("tokenizer").begin_object();
  json.key("model").value(tokenizer.model()).key("pre").value(tokenizer.pre());
  json.key("bos").value(tokenizer.bos()).key("eos").value(tokenizer.eos());
  json.key("eot").value(tokenizer.eot()).key("pad").value(tokenizer.pad());
  json.key("add_bos").value(tokenizer.adds_bos()).key("add_eos").value(tokenizer.adds_eos());
  json.key("end_ids").begin_array();
  for (const int32_t id : tokenizer.end_ids()) json.value(id);
  json.end_array().end_object();
}

// Matrices that are run with int8 activations.
uint64_t n_bit_linear(const Weights& weights) {
  uint64_t n = 0;
  const auto count = [&](const Matrix& matrix) { n += matrix.type == TensorType::i2_s; };
  for (const Layer& layer : weights.layers)
    for (const Matrix* matrix : layer.matrices()) count(*matrix);
  count(weights.output);
  return n;
}

uint64_t n_params(const Model& model) {
  uint64_t n = 0;
  for (const auto& part : model.parts)
    for (const TensorInfo& tensor : part->tensors()) n += tensor.ne[0] * tensor.n_rows();
  return n;
}

}  // namespace

std::string model_info(const Model& model) {
  const Config& config = model.config;
  const Metadata& metadata = model.metadata();
  const auto size = [](size_t n) { return static_cast<uint64_t>(n); };
  JsonWriter json;
  json.begin_object();
  json.key("architecture").value(config.architecture.name).key("name").value(config.name);
  json.key("kernel").value(model.kernels->name);
  json.key("file_type").value(metadata.integer("general.file_type").value_or(-1));
  json.key("n_bit_linear").value(n_bit_linear(model.weights));
  json.key("n_params").value(n_params(model)).key("n_vocab").value(size(config.n_vocab));
  json.key("n_layers").value(size(config.n_layers)).key("n_embd").value(size(config.n_embd));
  json.key("n_ff").value(size(config.n_ff)).key("n_heads").value(size(config.n_heads));
  json.key("n_kv_heads").value(size(config.n_kv_heads)).key("head_dim").value(size(config.head_dim));
  json.key("n_ctx_train").value(size(config.n_ctx_train));
  json.key("rope_base").value(static_cast<double>(config.rope_base));
  json.key("rms_eps").value(static_cast<double>(config.rms_eps));
  json.key("activation").value(config.architecture.activation == Activation::squared_relu ? "relu2" : "silu");
  json.key("n_ranks").value(size(model.rank.count));
  json.key("weights_bytes").value(model.weights_bytes + model.other_weights_bytes);
  json.key("kv_bytes_per_position").begin_object();
  json.key("f16").value(model.kv_bytes_per_position(KvPrecision::f16));
  json.key("int8").value(model.kv_bytes_per_position(KvPrecision::int8)).end_object();
  json.key("screen_bytes").value(model.screen_bytes());
  json.key("data_offset").value(model.parts.front()->data_start());
  write_tokenizer(json, model.tokenizer);
  json.key("chat_template");
  if (const auto text = metadata.string("tokenizer.chat_template"))
    json.value(*text);
  else
    json.null();
  json.key("warnings").begin_array();
  for (const std::string& warning : model.warnings) json.value(warning);
  json.end_array();
  write_metadata(json, metadata);
  write_tensors(json, model);
  json.end_object();
  return json.take();
}

}  // namespace bitnet
