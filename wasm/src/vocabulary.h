// vocabulary.h: what the tokens are: their bytes, their types, and which token a run of bytes is.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "metadata.h"

namespace bitnet {

// Numbers as in tokenizer.ggml.token_type.
enum class TokenType : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

// How the text of a token gives its bytes. Control, unknown and user-defined tokens are their own UTF-8 bytes always.
enum class Writing {
  // In GPT-2's byte alphabet. A text with a character outside of it stands for itself, and nothing is encoded as it.
  byte_alphabet,
  // A space is U+2581, and byte tokens are "<0x00>" to "<0xFF>"; these only stand in for characters without a token.
  sentence_piece,
};

class Vocabulary {
 public:
  static constexpr int32_t none = -1;

  // types[i] is the type of texts[i], which are written as `writing` says.
  Vocabulary(const StringTable& texts, std::vector<TokenType> types, Writing writing);

  size_t size() const noexcept { return types_.size(); }
  TokenType type(int32_t id) const noexcept { return types_[static_cast<size_t>(id)]; }
  std::string_view bytes(int32_t id) const noexcept { return bytes_[static_cast<size_t>(id)]; }

  // The normal, user-defined or (in the byte alphabet) byte token of these bytes; `none` if there is none. Never a
  // control token: plain text cannot become one. Of several tokens with the same bytes the last one counts, as in
  // llama.cpp.
  int32_t find(std::string_view bytes) const noexcept;

  uint64_t n_bytes() const noexcept {  // that it takes in memory
    return bytes_.n_bytes() + types_.capacity() * sizeof(TokenType) + slots_.capacity() * sizeof(Slot);
  }
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
