// special_ids.h: which tokens begin and end a text, a turn and a generation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metadata.h"
#include "status.h"
#include "vocabulary.h"

namespace bitnet {

struct SpecialIds {
  // Vocabulary::none where the model has none.
  int32_t bos = Vocabulary::none;
  int32_t eos = Vocabulary::none;
  int32_t eot = Vocabulary::none;
  int32_t pad = Vocabulary::none;
  int32_t unknown = Vocabulary::none;
  bool adds_bos = false;
  bool adds_eos = false;
  std::vector<int32_t> end_ids;  // ascending
};

// Read tokenizer.ggml.*_token_id and add_*_token into `ids`, which hold what counts where a key is missing. Fails with
// BN_BAD_FILE for an id outside the vocabulary.
// A generation ends at eos, eot and eom, and at any special token whose text is known to end one: published
// files often name only one of the two that their model uses.
Status read_special_ids(const Metadata& metadata, const Vocabulary& vocabulary, SpecialIds& ids,
                        std::vector<std::string>& warnings);

}  // namespace bitnet
