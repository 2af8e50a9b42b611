// sentence_piece_encoder.h: SentencePiece's byte-pair encoding by scores, tokenizer.ggml.model "llama".
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "encoder.h"
#include "joiner.h"
#include "metadata.h"
#include "status.h"
#include "vocabulary.h"

namespace bitnet {

// The characters of the text, a space before them, are joined into tokens: of all neighbours that make one, those
// of the highest score first. A character that is no token becomes byte tokens, or the unknown token.
class SentencePieceEncoder final : public Encoder {
 public:
  // Read tokenizer.ggml.scores and add_space_prefix. `unknown` may be Vocabulary::none. `vocabulary` must outlive
  // the encoder.
  static Status make(const Metadata& metadata, const Vocabulary& vocabulary, int32_t unknown,
                     std::unique_ptr<Encoder>& encoder, std::vector<std::string>& warnings);

  void encode(std::string_view text, std::vector<int32_t>& ids) const override;
  uint64_t n_bytes() const noexcept override { return ranks_.capacity() * sizeof(uint32_t); }
  std::string_view pre() const noexcept override { return ""; }

  Join join(const Symbol& left, const Symbol& right) const noexcept;  // a Joiner's rule

 private:
  SentencePieceEncoder(const Vocabulary& vocabulary, const std::vector<float>& scores, int32_t unknown,
                       bool adds_space);
  std::string normalised(std::string_view text) const;
  void append_unjoined(std::string_view character, std::vector<int32_t>& ids) const;

  const Vocabulary& vocabulary_;
  std::vector<uint32_t> ranks_;  // by token: how many scores are higher
  size_t longest_ = 0;           // bytes of the longest token
  std::array<int32_t, 256> byte_tokens_;
  int32_t unknown_;
  bool adds_space_;
};

}  // namespace bitnet
