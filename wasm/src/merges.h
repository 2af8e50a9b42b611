// merges.h: byte-pair merges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "joiner.h"

namespace bitnet {

struct Merge {
  int32_t left;
  int32_t right;
  int32_t result;  // the token of left's bytes followed by right's
};

// Merges by rank: the earlier one was added, the sooner it is applied.
class Merges {
 public:
  explicit Merges(size_t n_merges);  // how many `add` may be called with

  void add(const Merge& merge);  // a pair that is there already keeps its rank
  Join join(const Symbol& left, const Symbol& right) const noexcept;
  uint64_t n_bytes() const noexcept {  // that they take in memory
    return merges_.capacity() * sizeof(Merge) + slots_.capacity() * sizeof(uint32_t);
  }

 private:
  size_t slot_of(int32_t left, int32_t right) const noexcept;

  std::vector<Merge> merges_;
  std::vector<uint32_t> slots_;  // ranks by pair; open addressing, a power of two, at most half full
};

}  // namespace bitnet
