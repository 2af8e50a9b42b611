#include "weight_counts.h"

#include <bit>
#include <cstring>
#include <vector>

namespace bitnet {

namespace {

const TensorInfo* tensor_at(const Model& model, size_t index) noexcept {
  for (const auto& part : model.parts) {
    if (index < part->tensors().size()) return &part->tensors()[index];
    index -= part->tensors().size();
  }
  return nullptr;
}

}  // namespace

WeightCounts count_weights(const Matrix& matrix) noexcept {
  constexpr uint64_t low_bits = 0x5555555555555555;  // of each code: 0 is -1, 1 is 0 and 2 is +1
  const uint64_t n_bytes = row_bytes(TensorType::i2_s, matrix.n_cols) * matrix.n_rows;
  uint64_t zero = 0, plus = 0;
  for (uint64_t at = 0; at < n_bytes; at += sizeof(uint64_t)) {
    uint64_t codes;
    std::memcpy(&codes, matrix.data + at, sizeof codes);
    zero += static_cast<uint64_t>(std::popcount(codes & low_bits));
    plus += static_cast<uint64_t>(std::popcount(codes >> 1 & low_bits));
  }
  return {4 * n_bytes - zero - plus, zero, plus};
}

Status count_weights(const Model& model, size_t tensor, WeightCounts& counts) {
  if (!model.ready) return fail(BN_NOT_READY, "the weights have not arrived completely yet");
  const TensorInfo* const info = tensor_at(model, tensor);
  if (info == nullptr) return fail(BN_BAD_ARGUMENT, "the model has no tensor %zu", tensor);
  const Matrix* const matrix = model.weights.find(info->name);
  if (matrix == nullptr || matrix->type != TensorType::i2_s)
    return fail(BN_UNSUPPORTED, "tensor %.80s is not ternary", info->name.c_str());
  std::vector<WeightCounts> of_ranks(model.rank.count);
  of_ranks[model.rank.index] = count_weights(*matrix);
  constexpr size_t size = sizeof(WeightCounts);
  BN_TRY(model.gather_bytes(of_ranks.data(), 1, size * of_ranks.size(), size * model.rank.index,
                            size * (model.rank.index + 1)));
  counts = {};
  for (const WeightCounts& each : of_ranks)
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += each[i];
  return {};
}

}  // namespace bitnet
