// merges.h: byte-pair merges, and joining a piece of text by them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitnet {

struct Merge {
  int32_t left;
  int32_t right;
  int32_t result;  // the token of left's bytes followed by right's
};

// Merges by rank: the earlier one was added, the sooner it is applied.
class Merges {
 public:
  static constexpr uint32_t none = UINT32_MAX;

  explicit Merges(size_t n_merges);  // how many `add` may be called with

  void add(const Merge& merge);                               // a pair that is there already keeps its rank
  uint32_t rank(int32_t left, int32_t right) const noexcept;  // `none` if the pair does not merge
  const Merge& operator[](uint32_t rank) const noexcept { return merges_[rank]; }

 private:
  size_t slot_of(int32_t left, int32_t right) const noexcept;

  std::vector<Merge> merges_;
  std::vector<uint32_t> slots_;  // ranks by pair; open addressing, a power of two, at most half full
};

// Joins adjacent tokens. Keeps its memory from one piece to the next.
class Joiner {
 public:
  explicit Joiner(const Merges& merges) : merges_(merges) {}

  // Merge the adjacent pair of lowest rank, the leftmost of equals, until none is left; append what remains
  // to `ids`. Takes O(n log n) time for n tokens.
  void join(std::span<const int32_t> tokens, std::vector<int32_t>& ids);

 private:
  struct Link {
    int32_t id;  // `gone` once it has been merged into the one before it
    size_t previous, next;
  };
  struct Candidate {
    uint32_t rank;
    size_t left;
    bool operator>(const Candidate& other) const noexcept {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  bool still_holds(const Candidate& candidate) const noexcept;
  void propose(size_t left);

  const Merges& merges_;
  std::vector<Link> links_;
  std::vector<Candidate> heap_;
};

}  // namespace bitnet
