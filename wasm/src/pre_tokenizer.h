// pre_tokenizer.h: text to the pieces that byte-pair merges may not cross.
//
// GGUF names a pre-tokenizer in tokenizer.ggml.pre; its definition is one or more regular expressions,
// applied one after the other, each to the pieces that the one before left. Here an expression is a
// hand-written function, and a pre-tokenizer is a row in a table of them.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "unicode.h"

namespace bitnet {

struct Character {
  char32_t value;
  Category category;
  uint8_t n_bytes;
};

// How many characters (>= 1) the expression matches at the start of `rest`, which is not empty; 0 if it
// does not match there.
using Expression = size_t (*)(std::span<const Character> rest) noexcept;

struct PreTokenizer {
  std::string_view name;
  Expression expressions[4];  // in order; unused ones are null
  bool ignore_merges;         // a piece that is a token is that token, whatever the merges say
  bool adds_bos;              // where tokenizer.ggml.add_bos_token is missing
};

// The pre-tokenizer of this value of tokenizer.ggml.pre, aliases included; null if it is not known.
const PreTokenizer* find_pre_tokenizer(std::string_view pre) noexcept;

// The pieces of `text` in order, as sizes in bytes. They add up to the size of `text`.
std::vector<size_t> split(const PreTokenizer& pre_tokenizer, std::string_view text);

}  // namespace bitnet
