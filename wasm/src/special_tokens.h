// special_tokens.h: cutting the texts of special tokens out of a prompt.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "vocabulary.h"

namespace bitnet {

class SpecialTokens {
 public:
  struct Part {
    std::string_view text;
    int32_t id;  // Vocabulary::none: ordinary text, never empty
  };

  explicit SpecialTokens(const Vocabulary& vocabulary);  // which must outlive this

  // The parts of `text` in order. User-defined tokens are always cut out, control and unknown ones only if
  // `parse_special`. The longest token's text is looked for first, everywhere, from the left; then the next.
  std::vector<Part> partition(std::string_view text, bool parse_special) const;

 private:
  void find_at(std::string_view text, size_t begin, bool parse_special, std::vector<Part>& found) const;

  const Vocabulary& vocabulary_;
  std::vector<int32_t> ids_;  // ordered by bytes, then id
  bool starts_[256] = {};     // whether a token starts with this byte
};

}  // namespace bitnet
