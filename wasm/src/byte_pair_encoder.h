// byte_pair_encoder.h: byte-level byte-pair encoding, tokenizer.ggml.model "gpt2".
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "encoder.h"
#include "merges.h"
#include "metadata.h"
#include "pre_tokenizer.h"
#include "status.h"
#include "vocabulary.h"

namespace bitnet {

// Text is split into pieces by a pre-tokenizer, and the bytes of each piece are joined by merges.
class BytePairEncoder final : public Encoder {
 public:
  // Read tokenizer.ggml.merges and tokenizer.ggml.pre. `vocabulary` must outlive the encoder.
  static Status make(const Metadata& metadata, const Vocabulary& vocabulary, std::unique_ptr<BytePairEncoder>& encoder,
                     std::vector<std::string>& warnings);

  void encode(std::string_view text, std::vector<int32_t>& ids) const override;
  uint64_t n_bytes() const noexcept override { return merges_.n_bytes(); }
  std::string_view pre() const noexcept override { return pre_tokenizer_.name; }
  bool adds_bos() const noexcept { return pre_tokenizer_.adds_bos; }  // where the file does not say

 private:
  BytePairEncoder(const Vocabulary& vocabulary, const PreTokenizer& pre_tokenizer, size_t n_merges);
  Status read_merges(const StringTable& lines, std::vector<std::string>& warnings);

  const Vocabulary& vocabulary_;
  const PreTokenizer& pre_tokenizer_;
  Merges merges_;
  std::array<int32_t, 256> byte_tokens_;  // Vocabulary::none for a byte without a token
};

}  // namespace bitnet
