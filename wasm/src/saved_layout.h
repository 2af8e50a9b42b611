// saved_layout.h: in which chunks the KV cache of a session is saved; docs/decisions/0062-saved-sessions.md has the
// format.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitnet {

// All numbers are little-endian, as the machines are that this core is built for.
struct SavedHeader {
  static constexpr uint32_t expected_magic = 0x564b4e42;  // "BNKV"
  static constexpr uint32_t known_version = 1;

  uint32_t magic, version;
  uint32_t model;  // CRC-32 of the headers of its files
  uint32_t precision, n_layers, n_kv_heads, head_dim;
  uint32_t n_positions;
};

// Chunk 0 is the header, chunk 1 the token ids. The others hold keys and values, [n_kv_heads][positions] of one layer,
// as many positions as fit into most_bytes and at least one. A CRC-32 ends each of them.
class SavedLayout {
 public:
  static constexpr size_t checksum_bytes = sizeof(uint32_t);
  static constexpr size_t most_bytes = 1 << 20;

  struct Rows {
    size_t layer, begin, end;  // positions
  };

  // position_bytes: of a layer's keys and values, of all heads.
  SavedLayout(size_t n_layers, size_t position_bytes, size_t n_positions) noexcept
      : n_layers_(n_layers),
        position_bytes_(position_bytes),
        n_positions_(n_positions),
        chunk_positions_(position_bytes < most_bytes ? most_bytes / position_bytes : 1) {}

  size_t n_chunks() const noexcept { return first_rows + n_layers_ * chunks_per_layer(); }

  // With the checksum. 0 past the last one.
  size_t chunk_bytes(size_t index) const noexcept {
    if (index >= n_chunks()) return 0;
    if (index == header) return sizeof(SavedHeader) + checksum_bytes;
    if (index == tokens) return n_positions_ * sizeof(int32_t) + checksum_bytes;
    const Rows found = rows(index);
    return (found.end - found.begin) * position_bytes_ + checksum_bytes;
  }

  Rows rows(size_t index) const noexcept {
    const size_t layer = (index - first_rows) / chunks_per_layer();
    const size_t begin = (index - first_rows) % chunks_per_layer() * chunk_positions_;
    const size_t left = n_positions_ - begin;
    return {layer, begin, begin + (left < chunk_positions_ ? left : chunk_positions_)};
  }

  static constexpr size_t header = 0, tokens = 1, first_rows = 2;

 private:
  size_t chunks_per_layer() const noexcept { return (n_positions_ + chunk_positions_ - 1) / chunk_positions_; }

  size_t n_layers_, position_bytes_, n_positions_, chunk_positions_;
};

}  // namespace bitnet
