#include "tokenizer.h"

#include <algorithm>
#include <array>

#include "byte_alphabet.h"
#include "merges.h"
#include "pre_tokenizer.h"
#include "special_ids.h"
#include "special_tokens.h"
#include "vocabulary.h"

namespace bitnet {
namespace {

// LLaMA-3's vocabulary is known by its size: files made by Microsoft's converter name no pre-tokenizer.
constexpr size_t llama3_tokens = 128256;
constexpr size_t llama3_merges = 280147;

// Text of a file, made fit to stand in a sentence: the first bytes, and only printable ASCII.
std::string quoted(std::string_view text) {
  constexpr size_t most_bytes = 40;
  std::string shown = "\"";
  for (const char c : text.substr(0, most_bytes)) shown += c >= ' ' && c <= '~' ? c : '?';
  return shown + (text.size() > most_bytes ? "...\"" : "\"");
}

Status read_types(const Metadata& metadata, size_t n_tokens, std::vector<TokenType>& types,
                  std::vector<std::string>& warnings) {
  constexpr const char* key = "tokenizer.ggml.token_type";
  types.assign(n_tokens, TokenType::normal);
  if (!metadata.contains(key)) {
    warnings.push_back(std::string(key) + " is missing: no token is taken as special");
    return {};
  }
  const std::vector<int32_t> numbers = metadata.integer_array(key);
  if (numbers.size() != n_tokens) return damaged("%s has %zu numbers for %zu tokens", key, numbers.size(), n_tokens);
  for (size_t id = 0; id < n_tokens; ++id) {
    if (numbers[id] < 1 || numbers[id] > 6) return damaged("%s of token %zu is %d, not 1 to 6", key, id, numbers[id]);
    types[id] = static_cast<TokenType>(numbers[id]);
  }
  return {};
}

Status read_merges(const StringTable& lines, const Vocabulary& vocabulary, Merges& merges,
                   std::vector<std::string>& warnings) {
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
        merge = {vocabulary.find(left), vocabulary.find(std::string_view(both).substr(left.size())),
                 vocabulary.find(both)};
    }
    if (std::min({merge.left, merge.right, merge.result}) == Vocabulary::none)
      ++n_unknown;
    else
      merges.add(merge);
  }
  if (n_unknown > 0)
    warnings.push_back(std::to_string(n_unknown) + " of " + std::to_string(lines.size()) +
                       " merges join or make something that is no token: they are left out");
  return {};
}

Status choose_pre_tokenizer(const Metadata& metadata, size_t n_tokens, size_t n_merges, const PreTokenizer*& chosen,
                            std::vector<std::string>& warnings) {
  constexpr const char* key = "tokenizer.ggml.pre";
  if (metadata.contains(key)) {
    const std::string_view pre = metadata.string(key).value_or("");
    chosen = find_pre_tokenizer(pre);
    if (chosen != nullptr) return {};
    return fail(BN_UNSUPPORTED,
                "%s is %s, a way of splitting text that this engine does not know: "
                "use a model with one of llama-bpe, qwen2, gpt-2, smollm, falcon",
                key, quoted(pre).c_str());
  }
  if (n_tokens != llama3_tokens || n_merges != llama3_merges)
    return fail(BN_UNSUPPORTED,
                "%s is missing, and a vocabulary of %zu tokens and %zu merges does not tell how "
                "to split text: convert the model again with a converter that writes the key",
                key, n_tokens, n_merges);
  warnings.push_back(std::string(key) +
                     " is missing: llama-bpe is used, since the vocabulary has the size of LLaMA-3's");
  chosen = find_pre_tokenizer("llama-bpe");
  return {};
}

}  // namespace

struct Tokenizer::Parts {
  Parts(const StringTable& texts, std::vector<TokenType> types, size_t n_merges)
      : vocabulary(texts, std::move(types)), special_tokens(vocabulary), merges(n_merges) {
    for (size_t byte = 0; byte < byte_tokens.size(); ++byte) {
      const auto character = static_cast<char>(byte);
      byte_tokens[byte] = vocabulary.find({&character, 1});
    }
  }
  Parts(const Parts&) = delete;  // special_tokens points into this object

  void encode_piece(std::string_view piece, Joiner& joiner, std::vector<int32_t>& tokens,
                    std::vector<int32_t>& ids) const;

  Vocabulary vocabulary;
  SpecialTokens special_tokens;
  Merges merges;
  std::array<int32_t, 256> byte_tokens;  // Vocabulary::none for a byte without a token
  const PreTokenizer* pre_tokenizer = nullptr;
  SpecialIds special_ids;
};

Tokenizer::Tokenizer() = default;
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Status Tokenizer::build(const Metadata& metadata, std::vector<std::string>& warnings) {
  const auto model = metadata.string("tokenizer.ggml.model");
  const StringTable* tokens = metadata.string_array("tokenizer.ggml.tokens");
  const StringTable* merges = metadata.string_array("tokenizer.ggml.merges");
  if (!model) return fail(BN_BAD_FILE, "tokenizer.ggml.model is missing: use a GGUF that holds its tokenizer");
  if (*model != "gpt2")
    return fail(BN_UNSUPPORTED,
                "tokenizer.ggml.model is %s, but this engine reads only \"gpt2\" (byte-level BPE): "
                "use a model with such a tokenizer",
                quoted(*model).c_str());
  if (tokens == nullptr || tokens->size() == 0)
    return fail(BN_BAD_FILE, "tokenizer.ggml.tokens is missing or empty: use a GGUF that holds its tokenizer");
  if (tokens->size() > INT32_MAX)
    return fail(BN_UNSUPPORTED, "tokenizer.ggml.tokens has %zu tokens, but ids end at %d", tokens->size(), INT32_MAX);
  if (merges == nullptr)
    return fail(BN_BAD_FILE, "tokenizer.ggml.merges is missing: use a GGUF that holds its tokenizer");

  const PreTokenizer* pre_tokenizer = nullptr;
  BN_TRY(choose_pre_tokenizer(metadata, tokens->size(), merges->size(), pre_tokenizer, warnings));
  std::vector<TokenType> types;
  BN_TRY(read_types(metadata, tokens->size(), types, warnings));

  auto parts = std::make_unique<Parts>(*tokens, std::move(types), merges->size());
  parts->pre_tokenizer = pre_tokenizer;
  BN_TRY(read_merges(*merges, parts->vocabulary, parts->merges, warnings));
  BN_TRY(read_special_ids(metadata, parts->vocabulary, pre_tokenizer->adds_bos, parts->special_ids, warnings));

  const auto n_missing = std::count(parts->byte_tokens.begin(), parts->byte_tokens.end(), Vocabulary::none);
  if (n_missing > 0) warnings.push_back(std::to_string(n_missing) + " of the 256 bytes have no token: text loses them");
  if (const size_t n_duplicates = parts->vocabulary.n_duplicates(); n_duplicates > 0)
    warnings.push_back(std::to_string(n_duplicates) + " tokens have the text of a later one, which is used instead");
  parts_ = std::move(parts);
  return {};
}

void Tokenizer::Parts::encode_piece(std::string_view piece, Joiner& joiner, std::vector<int32_t>& tokens,
                                    std::vector<int32_t>& ids) const {
  if (pre_tokenizer->ignore_merges) {
    if (const int32_t id = vocabulary.find(piece); id != Vocabulary::none) {
      ids.push_back(id);
      return;
    }
  }
  tokens.clear();
  for (const char byte : piece) tokens.push_back(byte_tokens[static_cast<uint8_t>(byte)]);
  joiner.join(tokens, ids);
}

void Tokenizer::encode(std::string_view text, bool add_special, bool parse_special, std::vector<int32_t>& ids) const {
  const SpecialIds& special = parts_->special_ids;
  const size_t n_before = ids.size();
  Joiner joiner(parts_->merges);
  std::vector<int32_t> tokens;
  for (const SpecialTokens::Part& part : parts_->special_tokens.partition(text, parse_special)) {
    if (part.id != Vocabulary::none) {
      ids.push_back(part.id);
      continue;
    }
    std::string_view rest = part.text;
    for (const size_t n_bytes : split(*parts_->pre_tokenizer, rest)) {
      parts_->encode_piece(rest.substr(0, n_bytes), joiner, tokens, ids);
      rest.remove_prefix(n_bytes);
    }
  }
  if (!add_special) return;
  const bool empty = ids.size() == n_before;
  if (special.adds_eos && (empty || ids.back() != special.eos)) ids.push_back(special.eos);
  if (special.adds_bos && (empty || ids[n_before] != special.bos))
    ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(n_before), special.bos);
}

void Tokenizer::piece(int32_t id, bool special, std::string& bytes) const {
  if (static_cast<size_t>(id) >= size()) return;  // negative ones become very large
  const TokenType type = parts_->vocabulary.type(id);
  const bool prints = type == TokenType::normal || type == TokenType::user_defined || type == TokenType::byte;
  if (prints || special) bytes.append(parts_->vocabulary.bytes(id));
}

bool Tokenizer::is_end(int32_t id) const noexcept { return std::binary_search(end_ids().begin(), end_ids().end(), id); }
const std::vector<int32_t>& Tokenizer::end_ids() const noexcept { return parts_->special_ids.end_ids; }
size_t Tokenizer::size() const noexcept { return parts_->vocabulary.size(); }
int32_t Tokenizer::bos() const noexcept { return parts_->special_ids.bos; }
int32_t Tokenizer::eos() const noexcept { return parts_->special_ids.eos; }
int32_t Tokenizer::eot() const noexcept { return parts_->special_ids.eot; }
int32_t Tokenizer::pad() const noexcept { return parts_->special_ids.pad; }
bool Tokenizer::adds_bos() const noexcept { return parts_->special_ids.adds_bos; }
bool Tokenizer::adds_eos() const noexcept { return parts_->special_ids.adds_eos; }
std::string_view Tokenizer::model() const noexcept { return "gpt2"; }
std::string_view Tokenizer::pre() const noexcept { return parts_->pre_tokenizer->name; }

}  // namespace bitnet
