// joiner.h: joining the neighbours in a text, the best pair first, until no pair joins.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace bitnet {

struct Symbol {
  int32_t id;              // the token of these bytes; Vocabulary::none if there is none
  std::string_view bytes;  // of one text for all symbols, never empty
};

struct Join {
  static constexpr uint32_t none = UINT32_MAX;

  uint32_t rank = none;  // the lower, the sooner; `none` if the pair does not join
  int32_t id = 0;        // the token that it makes
};

// Rule has: Join join(const Symbol& left, const Symbol& right) const. Keeps its memory from one text to the next.
template <typename Rule>
class Joiner {
 public:
  explicit Joiner(const Rule& rule) : rule_(rule) {}

  // Join the adjacent pair of lowest rank, the leftmost of equals, until none is left. `symbols` stand next to each
  // other in one text. Takes O(n log n) steps for n symbols.
  void join(std::vector<Symbol>& symbols) {
    links_.clear();
    heap_.clear();
    for (size_t index = 0; index < symbols.size(); ++index)
      links_.push_back({index == 0 ? no_link : index - 1, index + 1 == symbols.size() ? no_link : index + 1});
    for (size_t index = 0; index < symbols.size(); ++index) propose(symbols, index);

    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater());
      const Candidate best = heap_.back();
      heap_.pop_back();
      if (!still_holds(symbols, best)) continue;

      Link& link = links_[best.left];
      symbols[best.left] = {best.id, {symbols[best.left].bytes.data(), best.n_bytes}};
      symbols[link.next].bytes = {};  // gone
      link.next = links_[link.next].next;
      if (link.next != no_link) links_[link.next].previous = best.left;
      propose(symbols, best.left);
      if (link.previous != no_link) propose(symbols, link.previous);
    }
    std::erase_if(symbols, [](const Symbol& symbol) { return symbol.bytes.empty(); });
  }

 private:
  static constexpr size_t no_link = SIZE_MAX;

  struct Link {
    size_t previous, next;
  };
  struct Candidate {
    uint32_t rank;
    int32_t id;
    size_t left;
    size_t n_bytes;  // of both
    bool operator>(const Candidate& other) const noexcept {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };

  void propose(const std::vector<Symbol>& symbols, size_t left) {
    const size_t right = links_[left].next;
    if (right == no_link) return;
    const auto [rank, id] = rule_.join(symbols[left], symbols[right]);
    if (rank == Join::none) return;
    heap_.push_back({rank, id, left, symbols[left].bytes.size() + symbols[right].bytes.size()});
    std::push_heap(heap_.begin(), heap_.end(), std::greater());
  }

  // Whether the two are still there and still neighbours: an earlier join may have taken either. Symbols only grow,
  // so two neighbours that begin and end where the candidate does are the same two.
  bool still_holds(const std::vector<Symbol>& symbols, const Candidate& candidate) const noexcept {
    const size_t n_left = symbols[candidate.left].bytes.size();
    const size_t right = links_[candidate.left].next;
    return n_left > 0 && right != no_link && n_left + symbols[right].bytes.size() == candidate.n_bytes;
  }

  const Rule& rule_;
  std::vector<Link> links_;
  std::vector<Candidate> heap_;
};

}  // namespace bitnet
