// memory.h: big blocks of memory, planned before they are allocated.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace bitnet {

struct FreeMemory {
  void operator()(uint8_t* bytes) const noexcept { std::free(bytes); }
};

// Bytes that whoever takes the last big block leaves: what Python allocates from there to the first answer.
constexpr size_t room_for_small_things = 4 << 20;

// Aligned for any vector; not initialised.
class Block {
 public:
  static constexpr size_t alignment = 64;

  // False when there is not that much memory. `room_after` is asked for too and given back at once: a wasm memory
  // that has to grow for a few bytes more grows by a fifth, so whoever takes the last big block leaves some room.
  bool allocate(uint64_t n_bytes, size_t room_after = 0) noexcept {
    if (n_bytes > SIZE_MAX - alignment - room_after) return false;
    const size_t size = static_cast<size_t>(n_bytes) + alignment;
    bytes_.reset(static_cast<uint8_t*>(std::malloc(size + room_after)));
    if (bytes_ == nullptr)
      bytes_.reset(static_cast<uint8_t*>(std::malloc(size)));
    else if (room_after > 0)
      if (void* shrunk = std::realloc(bytes_.get(), size)) {
        static_cast<void>(bytes_.release());
        bytes_.reset(static_cast<uint8_t*>(shrunk));
      }
    return bytes_ != nullptr;
  }
  uint8_t* data() const noexcept {
    const auto address = reinterpret_cast<uintptr_t>(bytes_.get());
    return bytes_.get() + (alignment - address % alignment) % alignment;
  }

 private:
  std::unique_ptr<uint8_t, FreeMemory> bytes_;
};

// About how many bytes, below `wanted`, could be allocated at once: what to tell a person when `wanted` could not.
inline uint64_t available_bytes(uint64_t wanted) noexcept {
  uint64_t enough = 0, too_many = std::min<uint64_t>(wanted, SIZE_MAX);
  while (too_many - enough > (16u << 20)) {
    const uint64_t middle = enough + (too_many - enough) / 2;
    (Block().allocate(middle) ? enough : too_many) = middle;
  }
  return enough;
}

// Hands out spans of one block. Run the same calls twice: without a block to learn the size, then with it.
class Planner {
 public:
  Planner() = default;
  explicit Planner(uint8_t* block) : block_(block) {}

  template <class T>
  std::span<T> take(uint64_t n) noexcept {
    const uint64_t begin = n_bytes_;
    n_bytes_ += (n * sizeof(T) + Block::alignment - 1) / Block::alignment * Block::alignment;
    if (block_ == nullptr) return {};
    return {reinterpret_cast<T*>(block_ + begin), static_cast<size_t>(n)};
  }
  uint64_t n_bytes() const noexcept { return n_bytes_; }

 private:
  uint8_t* block_ = nullptr;
  uint64_t n_bytes_ = 0;
};

}  // namespace bitnet
