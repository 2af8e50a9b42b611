#include "merges.h"

#include <bit>

namespace bitnet {

Merges::Merges(size_t n_merges) : slots_(std::bit_ceil(2 * n_merges + 1), Join::none) { merges_.reserve(n_merges); }

void Merges::add(const Merge& merge) {
  uint32_t& slot = slots_[slot_of(merge.left, merge.right)];
  if (slot != Join::none) return;
  slot = static_cast<uint32_t>(merges_.size());
  merges_.push_back(merge);
}

Join Merges::join(const Symbol& left, const Symbol& right) const noexcept {
  const uint32_t rank = slots_[slot_of(left.id, right.id)];
  if (rank == Join::none) return {};
  return {rank, merges_[rank].result};
}

// The slot that holds this pair's rank, or the free one where it would go.
size_t Merges::slot_of(int32_t left, int32_t right) const noexcept {
  // Multiplicative hashing by the golden ratio (Knuth): the high bits are the mixed ones.
  const uint64_t pair = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  const size_t mask = slots_.size() - 1;
  size_t index = static_cast<size_t>(((pair ^ pair >> 29) * 0x9E3779B97F4A7C15u) >> 32) & mask;
  while (slots_[index] != Join::none && (merges_[slots_[index]].left != left || merges_[slots_[index]].right != right))
    index = (index + 1) & mask;
  return index;
}

}  // namespace bitnet
