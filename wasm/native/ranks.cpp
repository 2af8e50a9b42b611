// ranks.cpp: all-gather between threads. The one file that knows threads, and only how they wait for each other.
#include <algorithm>
#include <atomic>
#include <new>
#include <vector>

#include "bitnet_ranks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// A waiting thread looks so often before it sleeps. Where the others come in time it looks longer the next time, up to
// about 80 us: waking up costs more. Where it had to sleep it looks half as long: on a busy machine a thread that only
// looks may keep the very one that it waits for from running.
constexpr uint32_t least_looks = 50, most_looks = 2000;
constexpr size_t cache_line = 64;
constexpr uint32_t most_ranks = 256;  // as bn_model_new

void breathe() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

struct bn_ranks {
  // What a rank gives to an exchange. Two take turns, so one meeting per exchange is enough: who writes into one again
  // has met the others since, and they had finished reading it by then.
  struct Part {
    std::vector<uint8_t> rows;
    size_t begin = 0, end = 0;
  };
  struct Seat {
    bn_ranks* ranks = nullptr;
    uint32_t rank = 0;
    uint32_t n_exchanges = 0;
    uint32_t looks = most_looks;
    Part parts[2];
  };

  explicit bn_ranks(uint32_t n_ranks) : seats(n_ranks) {
    for (uint32_t rank = 0; rank < n_ranks; ++rank) {
      seats[rank].ranks = this;
      seats[rank].rank = rank;
    }
  }

  // Returns when all have come here, or false when one has failed.
  bool meet(uint32_t& looks) noexcept {
    const uint32_t now = round.load();
    if (aborted.load()) return false;
    if (n_waiting.fetch_add(1) + 1 == seats.size()) {
      n_waiting.store(0);
      round.fetch_add(1);
      round.notify_all();
      return !aborted.load();
    }
    for (uint32_t look = 0; look < looks && round.load() == now; ++look) breathe();
    looks = round.load() == now ? std::max(least_looks, looks / 2) : std::min(most_looks, looks * 2);
    while (round.load() == now) round.wait(now);
    return !aborted.load();
  }

  std::vector<Seat> seats;
  alignas(cache_line) std::atomic<uint32_t> n_waiting = 0;
  alignas(cache_line) std::atomic<uint32_t> round = 0;
  std::atomic<bool> aborted = false;
};

extern "C" {

bn_ranks* bn_ranks_new(uint32_t n_ranks) noexcept {
  return n_ranks < 1 || n_ranks > most_ranks ? nullptr : new (std::nothrow) bn_ranks(n_ranks);
}

void bn_ranks_free(bn_ranks* ranks) noexcept { delete ranks; }

void* bn_ranks_seat(bn_ranks* ranks, uint32_t rank) noexcept {
  return ranks == nullptr || rank >= ranks->seats.size() ? nullptr : &ranks->seats[rank];
}

int32_t bn_ranks_exchange(void* seat, void* data, size_t n_rows, size_t row_bytes, size_t begin, size_t end) noexcept {
  auto& mine = *static_cast<bn_ranks::Seat*>(seat);
  if (mine.ranks->aborted.load()) return 1;  // others may still read what this rank gave before
  auto* rows = static_cast<uint8_t*>(data);
  const uint32_t turn = mine.n_exchanges++ % 2;
  bn_ranks::Part& given = mine.parts[turn];
  given.begin = begin;
  given.end = end;
  if (given.rows.size() < n_rows * (end - begin)) given.rows.resize(n_rows * (end - begin));
  for (size_t row = 0; row < n_rows; ++row)
    std::copy_n(rows + row * row_bytes + begin, end - begin, given.rows.data() + row * (end - begin));
  if (!mine.ranks->meet(mine.looks)) return 1;
  for (const bn_ranks::Seat& other : mine.ranks->seats) {
    if (other.rank == mine.rank) continue;
    const bn_ranks::Part& taken = other.parts[turn];
    const size_t n_bytes = taken.end - taken.begin;
    for (size_t row = 0; row < n_rows; ++row)
      std::copy_n(taken.rows.data() + row * n_bytes, n_bytes, rows + row * row_bytes + taken.begin);
  }
  return 0;
}

void bn_ranks_abort(bn_ranks* ranks) noexcept {
  ranks->aborted.store(true);
  ranks->round.fetch_add(1);
  ranks->round.notify_all();
}

void bn_ranks_reset(bn_ranks* ranks) noexcept {
  ranks->n_waiting.store(0);
  ranks->aborted.store(false);
  for (bn_ranks::Seat& seat : ranks->seats) seat.n_exchanges = 0;
}

}  // extern "C"
