#include "weights.h"

#include <algorithm>

namespace bitnet {

namespace {

constexpr size_t row_unit = 4;  // kernels run four rows at a time

class Plan {
 public:
  Plan(const GgufHeader& header, Planner& planner, std::vector<Segment>& segments)
      : header_(header), planner_(planner), segments_(segments), known_(header.tensors().size()) {}

  Status matrix(const std::string& name, size_t n_cols, size_t n_rows, Rank::Part part, Matrix& matrix) {
    const TensorInfo* tensor = nullptr;
    BN_TRY(find(name, n_cols, n_rows, tensor));
    matrix.type = static_cast<TensorType>(tensor->type);
    matrix.n_cols = n_cols;
    matrix.first_row = part.begin;
    matrix.n_rows = part.end - part.begin;
    const uint64_t stride = row_bytes(matrix.type, n_cols);
    const bool ternary = matrix.type == TensorType::i2_s;
    const auto data = planner_.take<uint8_t>(stride * matrix.n_rows);
    keep(*tensor, stride * part.begin, data, stride * matrix.n_rows,
         ternary ? Segment::Kind::ternary_codes : Segment::Kind::numbers);
    matrix.data = data.data();
    if (ternary) {
      const auto scale = planner_.take<float>(1);
      keep(*tensor, stride * n_rows, as_bytes(scale), sizeof(float), Segment::Kind::scale);
      matrix.scale = scale.data();
    }
    return {};
  }

  Status vector(const std::string& name, size_t n, Vector& vector) {
    const TensorInfo* tensor = nullptr;
    BN_TRY(find(name, n, 1, tensor));
    if (tensor->type != static_cast<uint32_t>(TensorType::f32))
      return fail(BN_UNSUPPORTED, "tensor %s has type %s; only F32 can be run there", name.c_str(),
                  find_tensor_format(tensor->type)->name);
    const auto data = planner_.take<float>(n);
    keep(*tensor, 0, as_bytes(data), n * sizeof(float), Segment::Kind::numbers);
    vector = data;
    return {};
  }

  Status optional_vector(const std::string& name, size_t n, Vector& vector_out) {
    return header_.find(name) == nullptr ? Status() : vector(name, n, vector_out);
  }

  // The file may hold this tensor; it plays no part.
  void ignore(const std::string& name) {
    if (const TensorInfo* tensor = header_.find(name)) known_[tensor - header_.tensors().data()] = true;
  }

  // A tensor that nothing asked for would change the answers of a network that has it.
  Status check_all_known() const {
    for (size_t i = 0; i < known_.size(); ++i)
      if (!known_[i])
        return fail(BN_UNSUPPORTED,
                    "the file has a tensor %.80s, which this version does not know; its answers would be wrong",
                    header_.tensors()[i].name.c_str());
    return {};
  }

 private:
  static std::span<uint8_t> as_bytes(std::span<float> numbers) {
    return {reinterpret_cast<uint8_t*>(numbers.data()), numbers.size_bytes()};
  }

  Status find(const std::string& name, size_t n_cols, size_t n_rows, const TensorInfo*& tensor) {
    tensor = header_.find(name);
    ignore(name);
    if (tensor == nullptr)
      return fail(BN_BAD_FILE,
                  "the file has no tensor %s, which its architecture needs; it is incomplete, download it again or "
                  "choose another",
                  name.c_str());
    if (tensor->ne[0] != n_cols || tensor->n_rows() != n_rows)
      return damaged("tensor %s has shape [%llu, %llu] instead of [%zu, %zu]", name.c_str(),
                     static_cast<unsigned long long>(tensor->ne[0]), static_cast<unsigned long long>(tensor->n_rows()),
                     n_cols, n_rows);
    return {};
  }

  void keep(const TensorInfo& tensor, uint64_t offset, std::span<uint8_t> destination, uint64_t n_bytes,
            Segment::Kind kind) {
    if (n_bytes == 0) return;
    const uint64_t begin = tensor.offset + offset;
    segments_.push_back({begin, begin + n_bytes, destination.data(), kind, &tensor});
  }

  const GgufHeader& header_;
  Planner& planner_;
  std::vector<Segment>& segments_;
  std::vector<bool> known_;  // by index in the tensor table
};

}  // namespace

Status plan_weights(const GgufHeader& header, const Config& config, Rank rank, Planner& planner, Weights& weights,
                    std::vector<Segment>& segments) {
  Plan plan(header, planner, segments);
  const size_t n_embd = config.n_embd;
  const size_t group = config.n_heads / config.n_kv_heads;
  // Attention is cut between key-value heads, everything else between groups of rows.
  const Rank::Part kv_heads = rank.part(config.n_kv_heads, 1);
  const Rank::Part kv_rows = {kv_heads.begin * config.head_dim, kv_heads.end * config.head_dim};
  const Rank::Part q_rows = {kv_rows.begin * group, kv_rows.end * group};
  const Rank::Part embd_rows = rank.part(n_embd, row_unit);
  const Rank::Part ff_rows = rank.part(config.n_ff, row_unit);
  const Rank::Part vocab_rows = rank.part(config.n_vocab, row_unit);

  BN_TRY(plan.matrix("token_embd.weight", n_embd, config.n_vocab, vocab_rows, weights.token_embd));
  weights.output = weights.token_embd;
  if (!config.architecture.tied && header.find("output.weight") != nullptr)
    BN_TRY(plan.matrix("output.weight", n_embd, config.n_vocab, vocab_rows, weights.output));
  plan.ignore("output.weight");  // early uploads of tied models carry a copy of token_embd
  BN_TRY(plan.vector("output_norm.weight", n_embd, weights.output_norm));
  BN_TRY(plan.optional_vector("rope_freqs.weight", config.n_rot / 2, weights.rope_freqs));

  weights.layers.resize(config.n_layers);
  for (size_t i = 0; i < config.n_layers; ++i) {
    Layer& layer = weights.layers[i];
    const std::string block = "blk." + std::to_string(i) + ".";
    BN_TRY(plan.vector(block + "attn_norm.weight", n_embd, layer.attn_norm));
    BN_TRY(plan.matrix(block + "attn_q.weight", n_embd, config.q_dim(), q_rows, layer.q));
    BN_TRY(plan.matrix(block + "attn_k.weight", n_embd, config.kv_dim(), kv_rows, layer.k));
    BN_TRY(plan.matrix(block + "attn_v.weight", n_embd, config.kv_dim(), kv_rows, layer.v));
    BN_TRY(plan.optional_vector(block + "attn_q.bias", config.q_dim(), layer.q_bias));
    BN_TRY(plan.optional_vector(block + "attn_k.bias", config.kv_dim(), layer.k_bias));
    BN_TRY(plan.optional_vector(block + "attn_v.bias", config.kv_dim(), layer.v_bias));
    BN_TRY(plan.optional_vector(block + "attn_q_norm.weight", config.head_dim, layer.q_norm));
    BN_TRY(plan.optional_vector(block + "attn_k_norm.weight", config.head_dim, layer.k_norm));
    if (config.architecture.sub_norms)
      BN_TRY(plan.vector(block + "attn_sub_norm.weight", config.q_dim(), layer.attn_sub_norm));
    BN_TRY(plan.matrix(block + "attn_output.weight", config.q_dim(), n_embd, embd_rows, layer.output));
    BN_TRY(plan.optional_vector(block + "attn_output.bias", n_embd, layer.output_bias));
    BN_TRY(plan.vector(block + "ffn_norm.weight", n_embd, layer.ffn_norm));
    BN_TRY(plan.matrix(block + "ffn_gate.weight", n_embd, config.n_ff, ff_rows, layer.gate));
    BN_TRY(plan.matrix(block + "ffn_up.weight", n_embd, config.n_ff, ff_rows, layer.up));
    if (config.architecture.sub_norms)
      BN_TRY(plan.vector(block + "ffn_sub_norm.weight", config.n_ff, layer.ffn_sub_norm));
    BN_TRY(plan.matrix(block + "ffn_down.weight", config.n_ff, n_embd, embd_rows, layer.down));
  }
  BN_TRY(plan.check_all_known());
  std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) { return a.begin < b.begin; });
  return {};
}

}  // namespace bitnet
