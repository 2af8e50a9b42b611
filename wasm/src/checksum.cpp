#include "checksum.h"

#include <array>
#include <cstring>

namespace bitnet {

namespace {

// tables[n][byte]: what a byte leaves behind after n more bytes of zeros.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables make_tables() noexcept {
  Tables tables = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ ((rest & 1) != 0 ? 0xedb88320u : 0);
    tables[0][byte] = rest;
  }
  for (size_t n = 1; n < tables.size(); ++n)
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t rest = tables[n - 1][byte];
      tables[n][byte] = rest >> 8 ^ tables[0][rest & 0xff];
    }
  return tables;
}

constexpr Tables tables = make_tables();

}  // namespace

// Eight bytes at a time: their eight parts do not wait for each other.
uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before) noexcept {
  uint32_t rest = ~before;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    uint32_t low, high;
    std::memcpy(&low, bytes.data(), 4);
    std::memcpy(&high, bytes.data() + 4, 4);
    low ^= rest;
    rest = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
           tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^ tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
  }
  for (const uint8_t byte : bytes) rest = rest >> 8 ^ tables[0][(rest ^ byte) & 0xff];
  return ~rest;
}

}  // namespace bitnet
