// vocabulary.h: what the tokens are: their bytes, their types, and which token a run of bytes is.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "metadata.h"

namespace bitnet {

// Numbers as in tokenizer.ggml.token_type.
enum class TokenType : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

class Vocabulary {
 public:
  static constexpr int32_t none = -1;

  // Texts in GPT-2's byte alphabet. types[i] is the type of texts[i]. A text of normal type with a
  // character outside the alphabet stands for its own UTF-8 bytes, and no text is ever encoded as it.
  Vocabulary(const StringTable& texts, std::vector<TokenType> types);

  size_t size() const noexcept { return types_.size(); }
  TokenType type(int32_t id) const noexcept { return types_[static_cast<size_t>(id)]; }
  std::string_view bytes(int32_t id) const noexcept { return bytes_[static_cast<size_t>(id)]; }

  // The normal, byte or user-defined token of these bytes; `none` if there is none. Never a control token:
  // plain text cannot become one. Of several tokens with the same bytes the last one counts, as in llama.cpp.
  int32_t find(std::string_view bytes) const noexcept;

  size_t n_duplicates() const noexcept { return n_duplicates_; }  // tokens that `find` cannot give

 private:
  // Open addressing with linear probing; the hash is kept so that few texts need to be compared.
  struct Slot {
    uint32_t hash;
    int32_t id;
  };
  size_t slot_of(std::string_view bytes, uint32_t hash) const noexcept;

  StringTable bytes_;
  std::vector<TokenType> types_;
  std::vector<Slot> slots_;  // a power of two, at most half full
  size_t n_duplicates_ = 0;
};

}  // namespace bitnet
