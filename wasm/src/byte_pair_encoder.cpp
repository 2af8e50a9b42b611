#include "byte_pair_encoder.h"

#include <algorithm>

#include "byte_alphabet.h"
#include "quoted.h"

namespace bitnet {
namespace {

// LLaMA-3's vocabulary is known by its size: files made by Microsoft's converter name no pre-tokenizer.
constexpr size_t llama3_tokens = 128256;
constexpr size_t llama3_merges = 280147;

Status choose_pre_tokenizer(const Metadata& metadata, size_t n_tokens, size_t n_merges, const PreTokenizer*& chosen,
                            std::vector<std::string>& warnings) {
  constexpr const char* key = "tokenizer.ggml.pre";
  const std::string_view pre = metadata.string(key).value_or("");
  if (!pre.empty()) {
    chosen = find_pre_tokenizer(pre);
    if (chosen != nullptr) return {};
    return fail(BN_UNSUPPORTED,
                "%s is %s, a way of splitting text that this engine does not know: "
                "use a model with one of llama-bpe, qwen2, qwen35, gpt-2, smollm, falcon, default",
                key, quoted(pre).c_str());
  }
  if (n_tokens == llama3_tokens && n_merges == llama3_merges) {
    warnings.push_back(std::string(key) +
                       " is missing: llama-bpe is used, since the vocabulary has the size of LLaMA-3's");
    chosen = find_pre_tokenizer("llama-bpe");
  } else {
    warnings.push_back(std::string(key) +
                       " is missing: text is split by the rule \"default\", which may not be the one of the model's "
                       "training, and its answers are worse then; convert the model again with a converter that "
                       "writes the key");
    chosen = find_pre_tokenizer("default");
  }
  return {};
}

}  // namespace

BytePairEncoder::BytePairEncoder(const Vocabulary& vocabulary, const PreTokenizer& pre_tokenizer, size_t n_merges)
    : vocabulary_(vocabulary), pre_tokenizer_(pre_tokenizer), merges_(n_merges) {
  for (size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    const auto character = static_cast<char>(byte);
    byte_tokens_[byte] = vocabulary.find({&character, 1});
  }
}

Status BytePairEncoder::make(const Metadata& metadata, const Vocabulary& vocabulary,
                             std::unique_ptr<BytePairEncoder>& encoder, std::vector<std::string>& warnings) {
  const StringTable* merges = metadata.string_array("tokenizer.ggml.merges");
  if (merges == nullptr)
    return fail(BN_BAD_FILE, "tokenizer.ggml.merges is missing: use a GGUF that holds its tokenizer");
  const PreTokenizer* pre_tokenizer = nullptr;
  BN_TRY(choose_pre_tokenizer(metadata, vocabulary.size(), merges->size(), pre_tokenizer, warnings));
  encoder.reset(new BytePairEncoder(vocabulary, *pre_tokenizer, merges->size()));
  BN_TRY(encoder->read_merges(*merges, warnings));

  const auto& bytes = encoder->byte_tokens_;
  const auto n_missing = std::count(bytes.begin(), bytes.end(), Vocabulary::none);
  if (n_missing > 0) warnings.push_back(std::to_string(n_missing) + " of the 256 bytes have no token: text loses them");
  return {};
}

Status BytePairEncoder::read_merges(const StringTable& lines, std::vector<std::string>& warnings) {
  size_t n_unknown = 0;
  std::string left, both;
  for (size_t index = 0; index < lines.size(); ++index) {
    const std::string_view line = lines[index];
    const size_t space = line.find(' ', 1);  // never at 0: both parts have at least one character
    if (space == line.npos || space + 1 == line.size())
      return damaged("merge %zu of %zu, %s, is not two parts with a space between", index, lines.size(),
                     quoted(line).c_str());
    left.clear();
    Merge merge{Vocabulary::none, Vocabulary::none, Vocabulary::none};
    if (append_written_bytes(line.substr(0, space), left)) {
      both = left;
      if (append_written_bytes(line.substr(space + 1), both))
        merge = {vocabulary_.find(left), vocabulary_.find(std::string_view(both).substr(left.size())),
                 vocabulary_.find(both)};
    }
    if (std::min({merge.left, merge.right, merge.result}) == Vocabulary::none)
      ++n_unknown;
    else
      merges_.add(merge);
  }
  if (n_unknown > 0)
    warnings.push_back(std::to_string(n_unknown) + " of " + std::to_string(lines.size()) +
                       " merges join or make something that is no token: they are left out");
  return {};
}

void BytePairEncoder::encode(std::string_view text, std::vector<int32_t>& ids) const {
  Joiner joiner(merges_);
  std::vector<Symbol> symbols;
  for (const size_t n_bytes : split(pre_tokenizer_, text)) {
    const std::string_view piece = text.substr(0, n_bytes);
    text.remove_prefix(n_bytes);
    if (pre_tokenizer_.ignore_merges) {
      if (const int32_t id = vocabulary_.find(piece); id != Vocabulary::none) {
        ids.push_back(id);
        continue;
      }
    }
    symbols.clear();
    for (size_t index = 0; index < piece.size(); ++index)
      symbols.push_back({byte_tokens_[static_cast<uint8_t>(piece[index])], piece.substr(index, 1)});
    joiner.join(symbols);
    for (const Symbol& symbol : symbols)
      if (symbol.id != Vocabulary::none) ids.push_back(symbol.id);
  }
}

}  // namespace bitnet
