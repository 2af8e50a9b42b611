// checksum.h: CRC-32, which finds damage; it is no protection against a forger.
#pragma once

#include <cstdint>
#include <span>

namespace bitnet {

// As in zlib and PNG (polynomial 0x04c11db7, reflected). `before` is that of the bytes before these.
uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before = 0) noexcept;

}  // namespace bitnet
