// unicode.h: UTF-8 to code points, and what kind of character a code point is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bitnet {

// First letter of the Unicode general category, with one change: the controls that have the property
// White_Space (tab, line feed, ...) are whitespace too, so that `whitespace` is \s and `letter` is \p{L}.
enum class Category : uint8_t { other, letter, mark, number, punctuation, symbol, whitespace };

Category category(char32_t code_point) noexcept;

// What stands for a byte that is not part of well-formed UTF-8: no code point, category `other`.
inline constexpr char32_t ill_formed = 0xFFFFFFFF;

struct CodePoint {
  char32_t value;
  uint8_t n_bytes;  // 1 to 4
};

// The first code point of `text`, which is not empty. Truncated and overlong sequences, surrogates and
// values above U+10FFFF are ill-formed: their first byte counts as one character on its own.
CodePoint first_code_point(std::string_view text) noexcept;

}  // namespace bitnet
