#include "weights.h"

#include <charconv>

#include "ternary_blocks.h"

namespace bitnet {

namespace {

std::span<uint8_t> as_bytes(std::span<float> numbers) {
  return {reinterpret_cast<uint8_t*>(numbers.data()), numbers.size_bytes()};
}

void keep(const TensorInfo& tensor, uint64_t offset, std::span<uint8_t> destination, uint64_t n_bytes,
          Segment::Kind kind, std::vector<Segment>& segments) {
  if (n_bytes == 0) return;
  const uint64_t begin = tensor.offset + offset;
  segments.push_back({begin, begin + n_bytes, destination.data(), kind, &tensor});
}

}  // namespace

const Matrix* Weights::find(std::string_view tensor) const noexcept {
  constexpr std::string_view block = "blk.", end = ".weight";
  if (tensor == "token_embd.weight") return &token_embd;
  if (tensor == "output.weight") return output.data == token_embd.data ? nullptr : &output;
  if (!tensor.starts_with(block) || !tensor.ends_with(end)) return nullptr;
  tensor.remove_prefix(block.size());
  tensor.remove_suffix(end.size());
  size_t layer = 0;
  const char* const last = tensor.data() + tensor.size();
  const auto [dot, error] = std::from_chars(tensor.data(), last, layer);
  if (error != std::errc() || dot == last || layer >= layers.size()) return nullptr;
  const std::string_view name(dot + 1, static_cast<size_t>(last - dot - 1));
  for (const Matrix* matrix : layers[layer].matrices())
    if (name == matrix->name) return matrix;
  return nullptr;
}

Inventory::Inventory(const Config& config, Rank rank, Weights& weights) : weights_(weights) {
  const size_t n_embd = config.n_embd;
  const size_t group = config.n_heads / config.n_kv_heads;
  // Attention is cut between key-value heads, everything else between groups of rows.
  const Rank::Part kv_heads = rank.part(config.n_kv_heads, 1);
  const Rank::Part kv_rows = {kv_heads.begin * config.head_dim, kv_heads.end * config.head_dim};
  const Rank::Part q_rows = {kv_rows.begin * group, kv_rows.end * group};
  const Rank::Part embd_rows = rank.part(n_embd, Rank::row_unit);
  const Rank::Part ff_rows = rank.part(config.n_ff, Rank::row_unit);
  const Rank::Part vocab_rows = rank.part(config.n_vocab, Rank::row_unit);
  const bool sub_norms = config.architecture.sub_norms;

  add_matrix("", "token_embd", n_embd, config.n_vocab, vocab_rows, weights.token_embd);
  add_matrix("", "output", n_embd, config.n_vocab, vocab_rows, weights.output);
  Slot& output =
      *std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.name == "output.weight"; });
  output.required = false;
  if (config.architecture.tied) output.matrix = nullptr;  // early uploads of tied models carry a copy of token_embd
  add_vector("output_norm.weight", n_embd, true, weights.output_norm);
  add_vector("rope_freqs.weight", config.n_rot / 2, false, weights.rope_freqs);

  weights.layers.resize(config.n_layers);
  for (size_t i = 0; i < config.n_layers; ++i) {
    Layer& layer = weights.layers[i];
    const std::string block = "blk." + std::to_string(i) + ".";
    add_vector(block + "attn_norm.weight", n_embd, true, layer.attn_norm);
    add_matrix(block, "attn_q", n_embd, config.q_dim(), q_rows, layer.q);
    add_matrix(block, "attn_k", n_embd, config.kv_dim(), kv_rows, layer.k);
    add_matrix(block, "attn_v", n_embd, config.kv_dim(), kv_rows, layer.v);
    add_vector(block + "attn_q_norm.weight", config.head_dim, config.architecture.head_norms, layer.q_norm);
    add_vector(block + "attn_k_norm.weight", config.head_dim, config.architecture.head_norms, layer.k_norm);
    if (sub_norms) add_vector(block + "attn_sub_norm.weight", config.q_dim(), true, layer.attn_sub_norm);
    add_matrix(block, "attn_output", config.q_dim(), n_embd, embd_rows, layer.output);
    add_vector(block + "ffn_norm.weight", n_embd, true, layer.ffn_norm);
    add_matrix(block, "ffn_gate", n_embd, config.n_ff, ff_rows, layer.gate);
    add_matrix(block, "ffn_up", n_embd, config.n_ff, ff_rows, layer.up);
    if (sub_norms) add_vector(block + "ffn_sub_norm.weight", config.n_ff, true, layer.ffn_sub_norm);
    add_matrix(block, "ffn_down", config.n_ff, n_embd, embd_rows, layer.down);
  }
  std::sort(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) { return a.name < b.name; });
}

// A matrix, and the bias and the scale of its product that a file may have beside it.
void Inventory::add_matrix(const std::string& block, const char* name, size_t n_cols, size_t n_rows, Rank::Part part,
                           Matrix& matrix) {
  matrix.name = name;
  slots_.push_back({block + name + ".weight", n_cols, n_rows, true, &matrix, nullptr, part, nullptr});
  if (block.empty()) return;
  add_vector(block + name + ".bias", n_rows, false, matrix.bias);
  add_vector(block + name + ".scale", 1, false, matrix.output_scale);
}

void Inventory::add_vector(const std::string& name, size_t n, bool required, Vector& vector) {
  slots_.push_back({name, n, 1, required, nullptr, &vector, {0, 0}, nullptr});
}

Status Inventory::plan(const GgufHeader& header, Planner& planner, std::vector<Segment>& segments) {
  for (const TensorInfo& tensor : header.tensors()) {
    const char* name = tensor.name.c_str();
    const auto slot = std::lower_bound(slots_.begin(), slots_.end(), tensor.name,
                                       [](const Slot& slot, const std::string& wanted) { return slot.name < wanted; });
    // A tensor that nothing asks for would change the answers of a network that has it.
    if (slot == slots_.end() || slot->name != tensor.name)
      return fail(BN_UNSUPPORTED,
                  "the file has a tensor %.80s, which this version does not know: its answers would be wrong", name);
    if (slot->found != nullptr && slot->found != &tensor)
      return damaged("tensor %.80s is in two parts of the model", name);
    slot->found = &tensor;
    if (tensor.ne[0] != slot->n_cols || tensor.n_rows() != slot->n_rows)
      return damaged("tensor %s has shape [%llu, %llu] instead of [%zu, %zu]", name,
                     static_cast<unsigned long long>(tensor.ne[0]), static_cast<unsigned long long>(tensor.n_rows()),
                     slot->n_cols, slot->n_rows);
    if (slot->matrix != nullptr) BN_TRY(place_matrix(tensor, *slot, planner, segments));
    if (slot->vector != nullptr) {
      if (tensor.type != static_cast<uint32_t>(TensorType::f32))
        return fail(BN_UNSUPPORTED, "tensor %s has type %s; only F32 can be run there", name,
                    find_tensor_format(tensor.type)->name);
      const auto numbers = planner.take<float>(slot->n_cols);
      keep(tensor, 0, as_bytes(numbers), slot->n_cols * sizeof(float), Segment::Kind::numbers, segments);
      *slot->vector = numbers;
    }
  }
  std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) { return a.begin < b.begin; });
  return {};
}

Status Inventory::place_matrix(const TensorInfo& tensor, const Slot& slot, Planner& planner,
                               std::vector<Segment>& segments) {
  Matrix& matrix = *slot.matrix;
  matrix.type = static_cast<TensorType>(tensor.type);
  matrix.n_cols = slot.n_cols;
  matrix.first_row = slot.part.begin;
  matrix.n_rows = slot.part.end - slot.part.begin;
  // Those of a layer are BitLinear; the table and the head are never trained so.
  const bool of_a_layer = &matrix != &weights_.token_embd && &matrix != &weights_.output;
  if (of_a_layer && has_ternary_blocks(matrix.type)) {
    place_ternary_blocks(tensor, matrix, planner, segments);
    return {};
  }
  const uint64_t stride = row_bytes(matrix.type, slot.n_cols);
  const bool ternary = matrix.type == TensorType::i2_s;
  const auto data = planner.take<uint8_t>(stride * matrix.n_rows);
  keep(tensor, stride * slot.part.begin, data, stride * matrix.n_rows,
       ternary ? Segment::Kind::ternary_codes : Segment::Kind::numbers, segments);
  matrix.data = data.data();
  if (ternary) {
    const auto scale = planner.take<float>(1);
    keep(tensor, stride * slot.n_rows, as_bytes(scale), sizeof(float), Segment::Kind::scale, segments);
    matrix.scale = scale;
  }
  return {};
}

// Room for I2_S codes, which the matrix has from here on, and for scales.
void Inventory::place_ternary_blocks(const TensorInfo& tensor, Matrix& matrix, Planner& planner,
                                     std::vector<Segment>& segments) {
  const uint64_t file_stride = row_bytes(matrix.type, matrix.n_cols);
  matrix.type = TensorType::i2_s;
  const auto codes = planner.take<uint8_t>(row_bytes(matrix.type, matrix.n_cols) * matrix.n_rows);
  const auto block_scales = planner.take<uint16_t>(uint64_t{matrix.n_rows} * (matrix.n_cols / TernaryBlock::n_weights));
  const auto row_scales = planner.take<float>(matrix.n_rows);
  matrix.data = codes.data();
  matrix.scale = row_scales;
  matrix.block_scales = block_scales;
  if (matrix.n_rows == 0) return;  // on this rank
  keep(tensor, file_stride * matrix.first_row, codes, file_stride * matrix.n_rows, Segment::Kind::ternary_blocks,
       segments);
  segments.back().matrix = &matrix;
  segments.back().block_scales = block_scales;
  segments.back().row_scales = row_scales;
}

Status Inventory::complete() {
  for (const Slot& slot : slots_)
    if (slot.required && slot.found == nullptr)
      return fail(
          BN_BAD_FILE,
          "the file has no tensor %s, which its architecture needs; it is incomplete, download it again or choose "
          "another",
          slot.name.c_str());
  if (weights_.output.data == nullptr) {
    weights_.output = weights_.token_embd;
    weights_.output.name = "output";
  }
  return {};
}

}  // namespace bitnet
