// tokenizer.h: text to token ids and back, as the GGUF's tokenizer.ggml.* metadata defines it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metadata.h"
#include "status.h"

namespace bitnet {

class Tokenizer {
 public:
  Tokenizer();
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Read tokenizer.ggml.*; every id and count is checked. A repaired or guessed detail (a missing `pre`, an
  // end-of-turn token that only its text gives away) is one sentence in `warnings`.
  Status build(const Metadata& metadata, std::vector<std::string>& warnings);

  // Append the ids of `text` (any bytes) to `ids`. add_special: BOS/EOS as the model asks; never BOS twice.
  void encode(std::string_view text, bool add_special, bool parse_special, std::vector<int32_t>& ids) const;

  // Append the bytes of a token to `bytes`; control tokens give their name if `special`, else nothing.
  void piece(int32_t id, bool special, std::string& bytes) const;

  bool is_end(int32_t id) const noexcept;  // ends a generation: by key and by text
  const std::vector<int32_t>& end_ids() const noexcept;
  size_t size() const noexcept;       // n_vocab
  uint64_t n_bytes() const noexcept;  // that it takes in memory

  // -1 where the model has none.
  int32_t bos() const noexcept;
  int32_t eos() const noexcept;
  int32_t eot() const noexcept;
  int32_t pad() const noexcept;
  bool adds_bos() const noexcept;
  bool adds_eos() const noexcept;
  std::string_view model() const noexcept;  // "gpt2" or "llama"
  std::string_view pre() const noexcept;    // the rule in use, "llama-bpe"; "" for "llama", which splits nothing

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bitnet
