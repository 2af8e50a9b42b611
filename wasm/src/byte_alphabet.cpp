#include "byte_alphabet.h"

#include <array>

#include "unicode.h"

namespace bitnet {
namespace {

constexpr bool writes_itself(unsigned byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

// Code point -> byte, -1 where none: 256 and the 68 bytes that do not write themselves.
constexpr std::array<int16_t, 256 + 68> byte_of_code_point = [] {
  std::array<int16_t, 256 + 68> table{};
  size_t next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    table[byte] = writes_itself(byte) ? static_cast<int16_t>(byte) : int16_t{-1};
    if (!writes_itself(byte)) table[next++] = static_cast<int16_t>(byte);
  }
  return table;
}();

}  // namespace

bool append_written_bytes(std::string_view written, std::string& bytes) {
  const size_t size_before = bytes.size();
  while (!written.empty()) {
    const auto [value, n_bytes] = first_code_point(written);
    const int byte = value < byte_of_code_point.size() ? byte_of_code_point[value] : -1;
    if (byte < 0) {
      bytes.resize(size_before);
      return false;
    }
    bytes.push_back(static_cast<char>(byte));
    written.remove_prefix(n_bytes);
  }
  return true;
}

}  // namespace bitnet
