#include "unicode.h"

#include <algorithm>

#include "unicode_tables.h"

namespace bitnet {

Category category(char32_t code_point) noexcept {
  if (code_point > 0x10FFFF) return Category::other;
  const CategoryRange* const end = category_ranges + n_category_ranges;
  const CategoryRange* const after = std::upper_bound(
      category_ranges, end, code_point, [](char32_t value, const CategoryRange& range) { return value < range.first; });
  return (after - 1)->category;
}

CodePoint first_code_point(std::string_view text) noexcept {
  const auto byte = [&](size_t index) { return static_cast<uint8_t>(text[index]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};

  // The smallest value that needs so many bytes: anything below is overlong.
  static constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const uint8_t n_bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC0 || lead >= 0xF8 || text.size() < n_bytes) return {ill_formed, 1};
  char32_t value = lead & (0xFFu >> (n_bytes + 1));
  for (size_t index = 1; index < n_bytes; ++index) {
    if ((byte(index) & 0xC0) != 0x80) return {ill_formed, 1};
    value = value << 6 | (byte(index) & 0x3Fu);
  }
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (value < smallest[n_bytes] || surrogate || value > 0x10FFFF) return {ill_formed, 1};
  return {value, n_bytes};
}

}  // namespace bitnet
