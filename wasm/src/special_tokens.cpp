#include "special_tokens.h"

#include <algorithm>

namespace bitnet {

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {
  for (size_t index = 0; index < vocabulary.size(); ++index) {
    const auto id = static_cast<int32_t>(index);
    const TokenType type = vocabulary.type(id);
    const bool special = type == TokenType::control || type == TokenType::unknown || type == TokenType::user_defined;
    if (!special || vocabulary.bytes(id).empty()) continue;
    ids_.push_back(id);
    starts_[static_cast<uint8_t>(vocabulary.bytes(id)[0])] = true;
  }
  std::stable_sort(ids_.begin(), ids_.end(),
                   [&](int32_t a, int32_t b) { return vocabulary.bytes(a) < vocabulary.bytes(b); });
}

// Append every special token whose bytes stand at text[begin], the shortest first.
void SpecialTokens::find_at(std::string_view text, size_t begin, bool parse_special, std::vector<Part>& found) const {
  // The ids that agree with the text so far are neighbours; one more byte narrows them down.
  auto first = ids_.begin(), last = ids_.end();
  for (size_t size = 0; first != last && begin + size < text.size();) {
    const auto byte_of = [&](int32_t id) {
      const std::string_view bytes = vocabulary_.bytes(id);
      return size < bytes.size() ? static_cast<uint8_t>(bytes[size]) : -1;
    };
    const int byte = static_cast<uint8_t>(text[begin + size]);
    first = std::partition_point(first, last, [&](int32_t id) { return byte_of(id) < byte; });
    last = std::partition_point(first, last, [&](int32_t id) { return byte_of(id) == byte; });
    ++size;
    for (auto id = first; id != last && vocabulary_.bytes(*id).size() == size; ++id) {
      if (!parse_special && vocabulary_.type(*id) != TokenType::user_defined) continue;
      found.push_back({text.substr(begin, size), *id});
      break;
    }
  }
}

std::vector<SpecialTokens::Part> SpecialTokens::partition(std::string_view text, bool parse_special) const {
  std::vector<Part> found;
  for (size_t begin = 0; begin < text.size(); ++begin)
    if (starts_[static_cast<uint8_t>(text[begin])]) find_at(text, begin, parse_special, found);

  // Keep what the longest-first search would find. Whatever is taken already is at least as long, so an
  // overlap shows at one of the two ends.
  std::stable_sort(found.begin(), found.end(),
                   [](const Part& a, const Part& b) { return a.text.size() > b.text.size(); });
  std::vector<bool> taken(found.empty() ? 0 : text.size());
  std::erase_if(found, [&](const Part& part) {
    const auto begin = part.text.data() - text.data();
    const auto end = begin + static_cast<std::ptrdiff_t>(part.text.size());
    if (taken[static_cast<size_t>(begin)] || taken[static_cast<size_t>(end - 1)]) return true;
    std::fill(taken.begin() + begin, taken.begin() + end, true);
    return false;
  });
  std::sort(found.begin(), found.end(), [](const Part& a, const Part& b) { return a.text.data() < b.text.data(); });

  std::vector<Part> parts;
  size_t done = 0;
  for (const Part& token : found) {
    const auto begin = static_cast<size_t>(token.text.data() - text.data());
    if (begin > done) parts.push_back({text.substr(done, begin - done), Vocabulary::none});
    parts.push_back(token);
    done = begin + token.text.size();
  }
  if (done < text.size()) parts.push_back({text.substr(done), Vocabulary::none});
  return parts;
}

}  // namespace bitnet
