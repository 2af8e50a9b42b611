#include "merges.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace bitnet {
namespace {

constexpr size_t no_link = SIZE_MAX;
constexpr int32_t gone = -1;

}  // namespace

Merges::Merges(size_t n_merges) : slots_(std::bit_ceil(2 * n_merges + 1), none) { merges_.reserve(n_merges); }

void Merges::add(const Merge& merge) {
  uint32_t& slot = slots_[slot_of(merge.left, merge.right)];
  if (slot != none) return;
  slot = static_cast<uint32_t>(merges_.size());
  merges_.push_back(merge);
}

uint32_t Merges::rank(int32_t left, int32_t right) const noexcept { return slots_[slot_of(left, right)]; }

// The slot that holds this pair's rank, or the free one where it would go.
size_t Merges::slot_of(int32_t left, int32_t right) const noexcept {
  // Multiplicative hashing by the golden ratio (Knuth): the high bits are the mixed ones.
  const uint64_t pair = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  const size_t mask = slots_.size() - 1;
  size_t index = static_cast<size_t>(((pair ^ pair >> 29) * 0x9E3779B97F4A7C15u) >> 32) & mask;
  while (slots_[index] != none && (merges_[slots_[index]].left != left || merges_[slots_[index]].right != right))
    index = (index + 1) & mask;
  return index;
}

void Joiner::join(std::span<const int32_t> tokens, std::vector<int32_t>& ids) {
  links_.clear();
  heap_.clear();
  for (size_t index = 0; index < tokens.size(); ++index)
    links_.push_back(
        {tokens[index], index == 0 ? no_link : index - 1, index + 1 == tokens.size() ? no_link : index + 1});
  for (size_t index = 0; index < links_.size(); ++index) propose(index);

  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater());
    const Candidate best = heap_.back();
    heap_.pop_back();
    if (!still_holds(best)) continue;

    Link& left = links_[best.left];
    Link& right = links_[left.next];
    left.id = merges_[best.rank].result;
    right.id = gone;
    left.next = right.next;
    if (left.next != no_link) links_[left.next].previous = best.left;
    propose(best.left);
    if (left.previous != no_link) propose(left.previous);
  }

  for (const Link& link : links_)
    if (link.id != gone) ids.push_back(link.id);
}

// Whether the two tokens are still there and still neighbours: an earlier merge may have taken either.
bool Joiner::still_holds(const Candidate& candidate) const noexcept {
  const Merge& merge = merges_[candidate.rank];
  const Link& left = links_[candidate.left];
  return left.id == merge.left && left.next != no_link && links_[left.next].id == merge.right;
}

void Joiner::propose(size_t left) {
  if (links_[left].next == no_link) return;
  const uint32_t rank = merges_.rank(links_[left].id, links_[links_[left].next].id);
  if (rank == Merges::none) return;
  heap_.push_back({rank, left});
  std::push_heap(heap_.begin(), heap_.end(), std::greater());
}

}  // namespace bitnet
