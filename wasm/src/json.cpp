#include "json.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "unicode.h"

namespace bitnet {

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  char digits[32];  // not printf, whose decimal point follows the locale
  const auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::general, 9).ptr;
  return raw(std::string_view(digits, static_cast<size_t>(end - digits)));
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  text_ += '"';
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    const std::string_view bytes = text.substr(0, next.n_bytes);
    text.remove_prefix(next.n_bytes);
    if (next.value == ill_formed) {
      text_ += "\\ufffd";
    } else if (next.value == '"' || next.value == '\\') {
      text_ += '\\';
      text_ += bytes;
    } else if (next.value < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(next.value));
      text_ += escape;
    } else {
      text_ += bytes;
    }
  }
  text_ += '"';
  return *this;
}

}  // namespace bitnet
