// encoder.h: ordinary text to token ids, by one of the ways that GGUF's tokenizer.ggml.model names.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace bitnet {

class Encoder {
 public:
  virtual ~Encoder() = default;

  // Append the ids of `text`: all that stands between two special tokens or an end of the prompt.
  virtual void encode(std::string_view text, std::vector<int32_t>& ids) const = 0;

  virtual uint64_t n_bytes() const noexcept = 0;      // that it takes in memory
  virtual std::string_view pre() const noexcept = 0;  // the name of the rule that splits text, "" if none does
};

}  // namespace bitnet
