// ranks.cpp: all-gather between threads. The one file that knows threads, and only how they wait for each other.
#include <atomic>
#include <cstring>
#include <new>
#include <vector>

#include "bitnet_ranks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// Waiting threads look so often before they sleep: about 20 us, more than ranks of even work are apart. On a busy
// machine a thread that only looked would keep the one that it waits for from running.
constexpr int spins = 1000;
constexpr size_t cache_line = 64;

void breathe() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

struct bn_ranks {
  struct Seat {
    bn_ranks* ranks;
    uint32_t rank;
    uint8_t* data;  // of the exchange that is going on
    size_t begin, end;
  };

  explicit bn_ranks(uint32_t n_ranks) : seats(n_ranks) {
    for (uint32_t rank = 0; rank < n_ranks; ++rank) seats[rank] = {this, rank, nullptr, 0, 0};
  }

  // Returns when all have come here, or false when one has failed.
  bool meet() noexcept {
    const uint32_t now = round.load();
    if (aborted.load()) return false;
    if (n_waiting.fetch_add(1) + 1 == seats.size()) {
      n_waiting.store(0);
      round.fetch_add(1);
      round.notify_all();
      return !aborted.load();
    }
    for (int i = 0; i < spins && round.load() == now; ++i) breathe();
    while (round.load() == now) round.wait(now);
    return !aborted.load();
  }

  std::vector<Seat> seats;
  alignas(cache_line) std::atomic<uint32_t> n_waiting = 0;
  alignas(cache_line) std::atomic<uint32_t> round = 0;
  std::atomic<bool> aborted = false;
};

extern "C" {

bn_ranks* bn_ranks_new(uint32_t n_ranks) noexcept { return new (std::nothrow) bn_ranks(n_ranks); }

void bn_ranks_free(bn_ranks* ranks) noexcept { delete ranks; }

void* bn_ranks_seat(bn_ranks* ranks, uint32_t rank) noexcept {
  return ranks == nullptr || rank >= ranks->seats.size() ? nullptr : &ranks->seats[rank];
}

int32_t bn_ranks_exchange(void* seat, void* data, size_t n_rows, size_t row_bytes, size_t begin, size_t end) noexcept {
  auto& mine = *static_cast<bn_ranks::Seat*>(seat);
  bn_ranks& ranks = *mine.ranks;
  mine.data = static_cast<uint8_t*>(data);
  mine.begin = begin;
  mine.end = end;
  if (!ranks.meet()) return 1;
  for (const bn_ranks::Seat& other : ranks.seats)
    for (size_t row = 0; row < n_rows && other.rank != mine.rank; ++row)
      std::memcpy(mine.data + row * row_bytes + other.begin, other.data + row * row_bytes + other.begin,
                  other.end - other.begin);
  return ranks.meet() ? 0 : 1;  // nobody goes on while another still reads
}

void bn_ranks_abort(bn_ranks* ranks) noexcept {
  ranks->aborted.store(true);
  ranks->round.fetch_add(1);
  ranks->round.notify_all();
}

void bn_ranks_reset(bn_ranks* ranks) noexcept {
  ranks->n_waiting.store(0);
  ranks->aborted.store(false);
}

}  // extern "C"
