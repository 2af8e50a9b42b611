#include "special_ids.h"

#include <algorithm>
#include <string_view>

namespace bitnet {
namespace {

// Texts that end a turn, in order of preference, then texts that end a message or a document. All names that
// model families published; the sets of llama.cpp's src/llama-vocab.cpp.
constexpr std::string_view turn_ends[] = {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<EOT>"};
constexpr std::string_view other_ends[] = {"<|endoftext|>", "<|eom_id|>", "<|end_of_text|>"};

Status read_id(const Metadata& metadata, const Vocabulary& vocabulary, const char* key, int32_t& id) {
  if (!metadata.contains(key)) return {};
  const auto value = metadata.integer(key);
  if (!value) return damaged("%s is not an integer", key);
  if (*value < 0 || static_cast<uint64_t>(*value) >= vocabulary.size())
    return damaged("%s is %lld, but the vocabulary has %zu tokens", key, static_cast<long long>(*value),
                   vocabulary.size());
  id = static_cast<int32_t>(*value);
  return {};
}

// The special token of this text; a vocabulary may list it as control or as user-defined.
int32_t find_special(const Vocabulary& vocabulary, std::string_view text) {
  for (size_t index = 0; index < vocabulary.size(); ++index) {
    const auto id = static_cast<int32_t>(index);
    const TokenType type = vocabulary.type(id);
    if ((type == TokenType::control || type == TokenType::user_defined) && vocabulary.bytes(id) == text) return id;
  }
  return Vocabulary::none;
}

}  // namespace

Status read_special_ids(const Metadata& metadata, const Vocabulary& vocabulary, SpecialIds& ids,
                        std::vector<std::string>& warnings) {
  int32_t eom = Vocabulary::none;
  BN_TRY(read_id(metadata, vocabulary, "tokenizer.ggml.bos_token_id", ids.bos));
  BN_TRY(read_id(metadata, vocabulary, "tokenizer.ggml.eos_token_id", ids.eos));
  BN_TRY(read_id(metadata, vocabulary, "tokenizer.ggml.eot_token_id", ids.eot));
  BN_TRY(read_id(metadata, vocabulary, "tokenizer.ggml.eom_token_id", eom));
  BN_TRY(read_id(metadata, vocabulary, "tokenizer.ggml.padding_token_id", ids.pad));
  BN_TRY(read_id(metadata, vocabulary, "tokenizer.ggml.unknown_token_id", ids.unknown));

  std::vector<int32_t> ends{ids.eos, ids.eot, eom};
  const auto named = [&](int32_t id) { return id == ids.eos || id == ids.eot || id == eom; };
  for (const std::string_view text : turn_ends) {
    const int32_t id = find_special(vocabulary, text);
    if (id == Vocabulary::none) continue;
    ends.push_back(id);
    if (ids.eot != Vocabulary::none) continue;
    if (!named(id))
      warnings.push_back("the file names no end of turn: token " + std::to_string(id) + ", \"" + std::string(text) +
                         "\", is taken as one because of its text");
    ids.eot = id;
  }
  for (const std::string_view text : other_ends) ends.push_back(find_special(vocabulary, text));
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::erase(ends, Vocabulary::none);
  ids.end_ids = std::move(ends);

  ids.adds_bos = metadata.boolean("tokenizer.ggml.add_bos_token").value_or(ids.adds_bos);
  ids.adds_eos = metadata.boolean("tokenizer.ggml.add_eos_token").value_or(ids.adds_eos);
  if (ids.adds_bos && ids.bos == Vocabulary::none)
    warnings.push_back("prompts should begin with BOS, but tokenizer.ggml.bos_token_id is missing: none is added");
  if (ids.adds_eos && ids.eos == Vocabulary::none)
    warnings.push_back("prompts should end with EOS, but tokenizer.ggml.eos_token_id is missing: none is added");
  ids.adds_bos = ids.adds_bos && ids.bos != Vocabulary::none;
  ids.adds_eos = ids.adds_eos && ids.eos != Vocabulary::none;
  return {};
}

}  // namespace bitnet
