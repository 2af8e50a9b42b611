#include "quoted.h"

namespace bitnet {

std::string quoted(std::string_view text) {
  constexpr size_t most_bytes = 40;
  std::string shown = "\"";
  for (const char c : text.substr(0, most_bytes)) shown += c >= ' ' && c <= '~' ? c : '?';
  return shown + (text.size() > most_bytes ? "...\"" : "\"");
}

}  // namespace bitnet
