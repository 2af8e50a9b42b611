#include "tokenizer.h"

#include <algorithm>

#include "byte_pair_encoder.h"
#include "quoted.h"
#include "sentence_piece_encoder.h"
#include "special_ids.h"
#include "special_tokens.h"
#include "vocabulary.h"

namespace bitnet {
namespace {

// Values of tokenizer.ggml.model.
constexpr std::string_view byte_pair = "gpt2";
constexpr std::string_view sentence_piece = "llama";

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

// SentencePiece's ids where a file does not name them.
SpecialIds sentence_piece_ids(size_t n_tokens) {
  const auto known = [&](int32_t id) { return static_cast<size_t>(id) < n_tokens ? id : Vocabulary::none; };
  SpecialIds ids;
  ids.unknown = 0;
  ids.bos = known(1);
  ids.eos = known(2);
  ids.adds_bos = true;
  return ids;
}

}  // namespace

struct Tokenizer::Parts {
  Parts(std::string_view model_name, const StringTable& texts, std::vector<TokenType> types, Writing writing)
      : model(model_name), vocabulary(texts, std::move(types), writing), special_tokens(vocabulary) {}
  Parts(const Parts&) = delete;  // special_tokens and the encoder point into this object

  std::string_view model;
  Vocabulary vocabulary;
  SpecialTokens special_tokens;
  SpecialIds special_ids;
  std::unique_ptr<Encoder> encoder;
};

Tokenizer::Tokenizer() = default;
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Status Tokenizer::build(const Metadata& metadata, std::vector<std::string>& warnings) {
  const auto model = metadata.string("tokenizer.ggml.model");
  const StringTable* tokens = metadata.string_array("tokenizer.ggml.tokens");
  if (!model) return fail(BN_BAD_FILE, "tokenizer.ggml.model is missing: use a GGUF that holds its tokenizer");
  if (*model != byte_pair && *model != sentence_piece)
    return fail(BN_UNSUPPORTED,
                "tokenizer.ggml.model is %s, but this engine reads only \"gpt2\" (byte-level BPE) and \"llama\" "
                "(SentencePiece): use a model with such a tokenizer",
                quoted(*model).c_str());
  if (tokens == nullptr || tokens->size() == 0)
    return fail(BN_BAD_FILE, "tokenizer.ggml.tokens is missing or empty: use a GGUF that holds its tokenizer");
  if (tokens->size() > INT32_MAX)
    return fail(BN_UNSUPPORTED, "tokenizer.ggml.tokens has %zu tokens, but ids end at %d", tokens->size(), INT32_MAX);
  std::vector<TokenType> types;
  BN_TRY(read_types(metadata, tokens->size(), types, warnings));

  std::unique_ptr<Parts> parts;
  if (*model == byte_pair) {
    parts = std::make_unique<Parts>(byte_pair, *tokens, std::move(types), Writing::byte_alphabet);
    std::unique_ptr<BytePairEncoder> encoder;
    BN_TRY(BytePairEncoder::make(metadata, parts->vocabulary, encoder, warnings));
    parts->special_ids.adds_bos = encoder->adds_bos();
    parts->encoder = std::move(encoder);
    BN_TRY(read_special_ids(metadata, parts->vocabulary, parts->special_ids, warnings));
  } else {
    parts = std::make_unique<Parts>(sentence_piece, *tokens, std::move(types), Writing::sentence_piece);
    parts->special_ids = sentence_piece_ids(tokens->size());
    BN_TRY(read_special_ids(metadata, parts->vocabulary, parts->special_ids, warnings));
    BN_TRY(
        SentencePieceEncoder::make(metadata, parts->vocabulary, parts->special_ids.unknown, parts->encoder, warnings));
  }
  if (const size_t n_duplicates = parts->vocabulary.n_duplicates(); n_duplicates > 0)
    warnings.push_back(std::to_string(n_duplicates) + " tokens have the text of a later one, which is used instead");
  parts_ = std::move(parts);
  return {};
}

void Tokenizer::encode(std::string_view text, bool add_special, bool parse_special, std::vector<int32_t>& ids) const {
  const SpecialIds& special = parts_->special_ids;
  const size_t n_before = ids.size();
  for (const SpecialTokens::Part& part : parts_->special_tokens.partition(text, parse_special)) {
    if (part.id != Vocabulary::none)
      ids.push_back(part.id);
    else
      parts_->encoder->encode(part.text, ids);
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
uint64_t Tokenizer::n_bytes() const noexcept {
  return parts_ == nullptr ? 0 : parts_->vocabulary.n_bytes() + parts_->encoder->n_bytes();
}

size_t Tokenizer::size() const noexcept { return parts_->vocabulary.size(); }
int32_t Tokenizer::bos() const noexcept { return parts_->special_ids.bos; }
int32_t Tokenizer::eos() const noexcept { return parts_->special_ids.eos; }
int32_t Tokenizer::eot() const noexcept { return parts_->special_ids.eot; }
int32_t Tokenizer::pad() const noexcept { return parts_->special_ids.pad; }
bool Tokenizer::adds_bos() const noexcept { return parts_->special_ids.adds_bos; }
bool Tokenizer::adds_eos() const noexcept { return parts_->special_ids.adds_eos; }
std::string_view Tokenizer::model() const noexcept { return parts_->model; }
std::string_view Tokenizer::pre() const noexcept { return parts_->encoder->pre(); }

}  // namespace bitnet
