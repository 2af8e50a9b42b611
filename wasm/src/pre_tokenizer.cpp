#include "pre_tokenizer.h"

#include <algorithm>

namespace bitnet {
namespace {

using Characters = std::span<const Character>;

bool is_letter(const Character& c) noexcept { return c.category == Category::letter; }
bool is_number(const Character& c) noexcept { return c.category == Category::number; }
bool is_space(const Character& c) noexcept { return c.category == Category::whitespace; }
bool is_newline(const Character& c) noexcept { return c.value == '\r' || c.value == '\n'; }
bool is_digit(const Character& c) noexcept { return c.value >= '0' && c.value <= '9'; }
bool is_letter_or_mark(const Character& c) noexcept { return is_letter(c) || c.category == Category::mark; }
bool is_symbol(const Character& c) noexcept { return !is_letter(c) && !is_number(c) && !is_space(c); }
bool is_symbol_but_mark(const Character& c) noexcept { return is_symbol(c) && c.category != Category::mark; }

// One past the last character from `begin` on that `holds`, at most `limit` of them.
template <typename Predicate>
size_t run_end(Characters rest, size_t begin, Predicate holds, size_t limit = SIZE_MAX) noexcept {
  const size_t end = limit < rest.size() - begin ? begin + limit : rest.size();
  while (begin < end && holds(rest[begin])) ++begin;
  return begin;
}

char32_t same(char32_t value) noexcept { return value; }

// What (?i) makes of the letters s, t, r, e, v, m, l and d: U+017F, the long s, is an s as well.
char32_t case_folded(char32_t value) noexcept {
  if (value >= 'A' && value <= 'Z') return value - 'A' + 'a';
  return value == 0x17F ? U's' : value;
}

// 's|'t|'re|'ve|'m|'ll|'d
size_t contraction(Characters rest, char32_t (*fold)(char32_t)) noexcept {
  if (rest[0].value != '\'' || rest.size() < 2) return 0;
  const char32_t first = fold(rest[1].value);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (rest.size() < 3) return 0;
  const char32_t second = fold(rest[2].value);
  const bool matches = ((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l');
  return matches ? 3 : 0;
}

// \s+(?!\S): a run of whitespace, without its last character if something follows.
size_t space_before_space(Characters rest) noexcept {
  const size_t end = run_end(rest, 0, is_space);
  return end == rest.size() || end == 0 ? end : end - 1;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,max_digits}| ?[^\s\p{L}\p{N}]+[\r\n]*
// |\s*[\r\n]+|\s+(?!\S)|\s+
// With another notion of words and symbols: qwen35 has [\p{L}\p{M}]+ for \p{L}+, and [^\s\p{L}\p{M}\p{N}]+.
template <size_t max_digits, auto is_word = is_letter, auto is_other = is_symbol>
size_t llama3(Characters rest) noexcept {
  if (const size_t n = contraction(rest, case_folded)) return n;

  const size_t lead = is_letter(rest[0]) || is_number(rest[0]) || is_newline(rest[0]) ? 0 : 1;
  if (const size_t end = run_end(rest, lead, is_word); end > lead) return end;

  if (const size_t end = run_end(rest, 0, is_number, max_digits)) return end;

  const size_t blank = rest[0].value == ' ' ? 1 : 0;
  if (const size_t end = run_end(rest, blank, is_other); end > blank) return run_end(rest, end, is_newline);

  const size_t spaces = run_end(rest, 0, is_space);
  for (size_t end = spaces; end > 0; --end)
    if (is_newline(rest[end - 1])) return end;
  return std::max(space_before_space(rest), size_t{1});
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)
size_t gpt2(Characters rest) noexcept {
  if (const size_t n = contraction(rest, same)) return n;
  const size_t blank = rest[0].value == ' ' ? 1 : 0;
  if (const size_t end = run_end(rest, blank, is_letter); end > blank) return end;
  if (const size_t end = run_end(rest, blank, is_number); end > blank) return end;
  if (const size_t end = run_end(rest, blank, is_symbol); end > blank) return end;
  return space_before_space(rest);
}

// \p{N}
size_t one_number(Characters rest) noexcept { return is_number(rest[0]) ? 1 : 0; }

// \p{N}+
size_t numbers(Characters rest) noexcept { return run_end(rest, 0, is_number); }

// [0-9]
size_t one_digit(Characters rest) noexcept { return is_digit(rest[0]) ? 1 : 0; }

// [0-9][0-9][0-9]
size_t three_digits(Characters rest) noexcept { return run_end(rest, 0, is_digit, 3) == 3 ? 3 : 0; }

// [\p{P}\$\+<=>\^~\|]+
bool is_punctuation(const Character& c) noexcept {
  constexpr std::u32string_view listed = U"$+<=>^~|";
  return c.category == Category::punctuation || listed.find(c.value) != listed.npos;
}
size_t punctuation(Characters rest) noexcept { return run_end(rest, 0, is_punctuation); }

// [\p{P}\$\+<=>\^~\|`]+
size_t punctuation_or_backtick(Characters rest) noexcept {
  return run_end(rest, 0, [](const Character& c) { return is_punctuation(c) || c.value == '`'; });
}

// As in llama.cpp's src/llama-vocab.cpp, falcon_e as in bitnet.cpp's.
constexpr PreTokenizer pre_tokenizers[] = {
    {"llama-bpe", {llama3<3>}, true, true},
    {"qwen2", {llama3<1>}, false, false},
    {"qwen35", {llama3<1, is_letter_or_mark, is_symbol_but_mark>}, true, false},
    {"gpt-2", {gpt2}, false, false},
    {"smollm", {one_number, gpt2}, false, false},
    {"falcon", {punctuation_or_backtick, gpt2, three_digits}, false, false},
    {"falcon_e", {punctuation_or_backtick, gpt2, one_digit}, false, false},
    {"default", {punctuation, gpt2, numbers, three_digits}, false, false},
};

// Other names of the same rules. falcon3 is here what llama.cpp makes of it; bitnet.cpp means its falcon_e.
struct Alias {
  std::string_view pre;
  std::string_view name;
};
constexpr Alias aliases[] = {
    {"llama3", "llama-bpe"},
    {"llama-v3", "llama-bpe"},
    {"falcon3", "llama-bpe"},
    {"falcon-h1", "llama-bpe"},
    {"pixtral", "llama-bpe"},
    {"midm-2.0", "llama-bpe"},
    {"lfm2", "llama-bpe"},
    {"jina-v5-nano", "llama-bpe"},
    {"deepseek-r1-qwen", "qwen2"},
    {"kormo", "qwen2"},
    {"f2llmv2", "qwen2"},
    {"megrez", "qwen2"},
    {"phi-2", "gpt-2"},
    {"jina-es", "gpt-2"},
    {"jina-de", "gpt-2"},
    {"jina-v1-en", "gpt-2"},
    {"jina-v2-es", "gpt-2"},
    {"jina-v2-de", "gpt-2"},
    {"jina-v2-code", "gpt-2"},
    {"olmo", "gpt-2"},
    {"mpt", "gpt-2"},
    {"starcoder", "smollm"},
    {"refact", "smollm"},
    {"command-r", "smollm"},
};

std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> characters;
  characters.reserve(text.size());
  while (!text.empty()) {
    const auto [value, n_bytes] = first_code_point(text);
    characters.push_back({value, category(value), n_bytes});
    text.remove_prefix(n_bytes);
  }
  return characters;
}

// Cut a piece, given as its characters, into what `expression` matches and the gaps between the matches.
void split_piece(Expression expression, Characters piece, std::vector<size_t>& sizes) {
  size_t gap = 0;
  while (gap < piece.size()) {
    const size_t match = expression(piece.subspan(gap));
    if (match == 0) {
      ++gap;
      continue;
    }
    if (gap > 0) sizes.push_back(gap);
    sizes.push_back(match);
    piece = piece.subspan(gap + match);
    gap = 0;
  }
  if (gap > 0) sizes.push_back(gap);
}

}  // namespace

const PreTokenizer* find_pre_tokenizer(std::string_view pre) noexcept {
  for (const Alias& alias : aliases)
    if (alias.pre == pre) pre = alias.name;
  for (const PreTokenizer& pre_tokenizer : pre_tokenizers)
    if (pre_tokenizer.name == pre) return &pre_tokenizer;
  return nullptr;
}

std::vector<size_t> split(const PreTokenizer& pre_tokenizer, std::string_view text) {
  if (text.empty()) return {};
  const std::vector<Character> characters = characters_of(text);

  std::vector<size_t> sizes{characters.size()};  // in characters, until the end
  for (const Expression expression : pre_tokenizer.expressions) {
    if (expression == nullptr) break;
    Characters rest = characters;
    std::vector<size_t> finer;
    for (const size_t size : sizes) {
      split_piece(expression, rest.first(size), finer);
      rest = rest.subspan(size);
    }
    sizes = std::move(finer);
  }

  auto character = characters.begin();
  for (size_t& size : sizes) {
    size_t n_bytes = 0;
    for (const auto end = character + static_cast<std::ptrdiff_t>(size); character != end; ++character)
      n_bytes += character->n_bytes;
    size = n_bytes;
  }
  return sizes;
}

}  // namespace bitnet
