#include "sentence_piece_encoder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "unicode.h"

namespace bitnet {
namespace {

constexpr const char* scores_key = "tokenizer.ggml.scores";
constexpr char32_t written_space = 0x2581;  // how vocabularies write a space; here both are the space

}  // namespace

SentencePieceEncoder::SentencePieceEncoder(const Vocabulary& vocabulary, const std::vector<float>& scores,
                                           int32_t unknown, bool adds_space)
    : vocabulary_(vocabulary), ranks_(scores.size()), unknown_(unknown), adds_space_(adds_space) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  for (uint32_t place = 0; place < order.size(); ++place) {
    const bool equals_last = place > 0 && scores[order[place]] == scores[order[place - 1]];
    ranks_[order[place]] = equals_last ? ranks_[order[place - 1]] : place;
  }

  byte_tokens_.fill(Vocabulary::none);
  for (size_t index = 0; index < vocabulary.size(); ++index) {
    const auto id = static_cast<int32_t>(index);
    const std::string_view bytes = vocabulary.bytes(id);
    longest_ = std::max(longest_, bytes.size());
    if (vocabulary.type(id) == TokenType::byte && bytes.size() == 1) byte_tokens_[static_cast<uint8_t>(bytes[0])] = id;
  }
}

Status SentencePieceEncoder::make(const Metadata& metadata, const Vocabulary& vocabulary, int32_t unknown,
                                  std::unique_ptr<Encoder>& encoder, std::vector<std::string>& warnings) {
  const std::vector<float> scores = metadata.real_array(scores_key);
  if (!metadata.contains(scores_key))
    return fail(BN_BAD_FILE, "%s is missing: use a GGUF that holds its tokenizer", scores_key);
  if (scores.size() != vocabulary.size())
    return damaged("%s has %zu numbers for %zu tokens", scores_key, scores.size(), vocabulary.size());
  const auto not_a_number = std::find_if(scores.begin(), scores.end(), [](float score) { return std::isnan(score); });
  if (not_a_number != scores.end())
    return damaged("%s of token %zu is not a number", scores_key, static_cast<size_t>(not_a_number - scores.begin()));

  const bool adds_space = metadata.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  std::unique_ptr<SentencePieceEncoder> made(new SentencePieceEncoder(vocabulary, scores, unknown, adds_space));
  const auto& bytes = made->byte_tokens_;
  const auto n_missing = std::count(bytes.begin(), bytes.end(), Vocabulary::none);
  if (n_missing > 0)
    warnings.push_back(std::to_string(n_missing) + " of the 256 bytes have no token: characters outside of the " +
                       "vocabulary " + (unknown == Vocabulary::none ? "are lost" : "become the unknown token"));
  encoder = std::move(made);
  return {};
}

// The text in which symbols are looked for: a space before it, and every written space is one.
std::string SentencePieceEncoder::normalised(std::string_view text) const {
  std::string plain;
  plain.reserve(text.size() + 1);
  if (adds_space_) plain.push_back(' ');
  while (!text.empty()) {
    const auto [value, n_bytes] = first_code_point(text);
    if (value == written_space)
      plain.push_back(' ');
    else
      plain.append(text.substr(0, n_bytes));
    text.remove_prefix(n_bytes);
  }
  return plain;
}

void SentencePieceEncoder::encode(std::string_view text, std::vector<int32_t>& ids) const {
  const std::string plain = normalised(text);
  std::vector<Symbol> symbols;
  for (std::string_view rest = plain; !rest.empty();) {
    const std::string_view character = rest.substr(0, first_code_point(rest).n_bytes);
    symbols.push_back({vocabulary_.find(character), character});
    rest.remove_prefix(character.size());
  }
  Joiner(*this).join(symbols);
  for (const Symbol& symbol : symbols) {
    if (symbol.id != Vocabulary::none)
      ids.push_back(symbol.id);
    else
      append_unjoined(symbol.bytes, ids);
  }
}

Join SentencePieceEncoder::join(const Symbol& left, const Symbol& right) const noexcept {
  const size_t n_bytes = left.bytes.size() + right.bytes.size();
  if (n_bytes > longest_) return {};  // without this, looking up long runs would cost the square of their length
  const int32_t id = vocabulary_.find({left.bytes.data(), n_bytes});
  if (id == Vocabulary::none) return {};
  return {ranks_[static_cast<size_t>(id)], id};
}

void SentencePieceEncoder::append_unjoined(std::string_view character, std::vector<int32_t>& ids) const {
  const auto token_of = [&](char byte) { return byte_tokens_[static_cast<uint8_t>(byte)]; };
  if (std::all_of(character.begin(), character.end(), [&](char byte) { return token_of(byte) != Vocabulary::none; }))
    for (const char byte : character) ids.push_back(token_of(byte));
  else if (unknown_ != Vocabulary::none)
    ids.push_back(unknown_);
}

}  // namespace bitnet
