// The tokenizer over small vocabularies made here. Files and the reference are compared in tests/unit.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "pre_tokenizer.h"
#include "tokenizer.h"
#include "unicode.h"

using namespace bitnet;
using Ids = std::vector<int32_t>;
using Texts = std::vector<std::string>;

namespace {

std::string utf8(char32_t value) {
  const auto byte = [](char32_t bits) { return static_cast<char>(bits); };
  if (value < 0x80) return {byte(value)};
  if (value < 0x800) return {byte(0xC0 | value >> 6), byte(0x80 | (value & 63))};
  if (value < 0x10000) return {byte(0xE0 | value >> 12), byte(0x80 | (value >> 6 & 63)), byte(0x80 | (value & 63))};
  return {byte(0xF0 | value >> 18), byte(0x80 | (value >> 12 & 63)), byte(0x80 | (value >> 6 & 63)),
          byte(0x80 | (value & 63))};
}

// Bytes in GPT-2's byte alphabet, written down a second time: the 68 bytes that are not printable follow U+0100.
std::string written(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const unsigned byte = static_cast<uint8_t>(c);
    if (byte <= 32)
      text += utf8(0x100 + byte);
    else if (byte >= 127 && byte <= 160)
      text += utf8(0x100 + 33 + (byte - 127));
    else
      text += utf8(byte == 173 ? 0x143 : byte);
  }
  return text;
}

enum Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte_token = 6 };

// A vocabulary in which token i < 256 is byte i.
struct Model {
  Texts tokens;
  Ids types;
  Texts merges;
  Metadata metadata;  // the keys that a test sets besides

  Model() {
    for (int byte = 0; byte < 256; ++byte) add(written(std::string(1, static_cast<char>(byte))));
  }
  int32_t add(std::string text, Type type = normal) {
    tokens.push_back(std::move(text));
    types.push_back(type);
    return static_cast<int32_t>(tokens.size() - 1);
  }
  // The merge of two tokens, given as bytes, and the token that it makes.
  int32_t add_merge(std::string_view left, std::string_view right) {
    merges.push_back(written(left) + " " + written(right));
    return add(written(std::string(left) + std::string(right)));
  }
  Model& text(const char* key, std::string_view value) {
    Value entry;
    entry.type = ValueType::string;
    entry.text = value;
    metadata.append(key, std::move(entry));
    return *this;
  }
  Model& number(const char* key, int64_t value, ValueType type = ValueType::u32) {
    Value entry;
    entry.type = type;
    entry.integer = value;
    metadata.append(key, std::move(entry));
    return *this;
  }
  Model& flag(const char* key, bool value) { return number(key, value, ValueType::boolean); }
  Model& texts(const char* key, const Texts& values) {
    Value entry;
    entry.type = ValueType::array;
    entry.element_type = ValueType::string;
    entry.count = values.size();
    for (const std::string& value : values) entry.strings.append(value);
    metadata.append(key, std::move(entry));
    return *this;
  }
  Model& numbers(const char* key, const Ids& values) {
    Value entry;
    entry.type = ValueType::array;
    entry.element_type = ValueType::i32;
    entry.count = values.size();
    entry.elements.resize(values.size() * sizeof(int32_t));
    std::memcpy(entry.elements.data(), values.data(), entry.elements.size());
    metadata.append(key, std::move(entry));
    return *this;
  }
  Model& vocabulary() {
    return texts("tokenizer.ggml.tokens", tokens)
        .numbers("tokenizer.ggml.token_type", types)
        .texts("tokenizer.ggml.merges", merges);
  }
  Model& real_numbers(const char* key, const std::vector<float>& values) {
    Value entry;
    entry.type = ValueType::array;
    entry.element_type = ValueType::f32;
    entry.count = values.size();
    const auto* first = reinterpret_cast<const uint8_t*>(values.data());
    entry.elements.assign(first, first + values.size() * sizeof(float));
    metadata.append(key, std::move(entry));
    return *this;
  }
  Model& gpt2() { return text("tokenizer.ggml.model", "gpt2"); }
  Model& pre(std::string_view name) { return text("tokenizer.ggml.pre", name); }
};

struct Built {
  Tokenizer tokenizer;
  Texts warnings;
  Status status;

  explicit Built(const Model& model) { status = tokenizer.build(model.metadata, warnings); }
  Ids encode(std::string_view text, bool add_special = false, bool parse_special = false) const {
    Ids ids;
    tokenizer.encode(text, add_special, parse_special, ids);
    return ids;
  }
  std::string detokenize(const Ids& ids, bool special = false) const {
    std::string bytes;
    for (const int32_t id : ids) tokenizer.piece(id, special, bytes);
    return bytes;
  }
};

// A SentencePiece vocabulary: <unk>, <s>, </s>, the 256 byte tokens, then what a test adds, with scores.
struct ScoredModel : Model {
  static constexpr int32_t first_byte = 3;
  std::vector<float> scores;

  ScoredModel() {
    tokens.clear();
    types.clear();
    add("<unk>", 0, unknown);
    add("<s>", 0, control);
    add("</s>", 0, control);
    for (int byte = 0; byte < 256; ++byte) {
      char text[7];
      std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
      add(text, 0, byte_token);
    }
  }
  int32_t add(std::string text, float score, Type type = normal) {
    scores.push_back(score);
    return Model::add(std::move(text), type);
  }
  ScoredModel& vocabulary() {
    text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", tokens);
    numbers("tokenizer.ggml.token_type", types).real_numbers("tokenizer.ggml.scores", scores);
    return *this;
  }
};

Built build(ScoredModel& model) {
  Built built(model.vocabulary());
  REQUIRE_MESSAGE(built.status.ok(), built.status.message());
  return built;
}

Built build(Model& model, std::string_view pre = "llama-bpe") {
  Built built(model.gpt2().pre(pre).vocabulary());
  REQUIRE_MESSAGE(built.status.ok(), built.status.message());
  return built;
}

Texts pieces(std::string_view pre, std::string_view text) {
  Texts found;
  for (const size_t n_bytes : split(*find_pre_tokenizer(pre), text)) {
    found.emplace_back(text.substr(0, n_bytes));
    text.remove_prefix(n_bytes);
  }
  CHECK(text.empty());
  return found;
}

void check_refused(const Model& model, bn_status code, std::string_view part_of_sentence) {
  const Built built(model);
  CHECK(built.status.code() == code);
  CHECK_MESSAGE(built.status.message().find(part_of_sentence) != std::string::npos, built.status.message());
}

}  // namespace

TEST_CASE("llama-bpe splits words, numbers of three digits, symbols and whitespace") {
  CHECK(pieces("llama-bpe", "I'Ll say it's 12345.67!") ==
        Texts{"I", "'Ll", " say", " it", "'s", " ", "123", "45", ".", "67", "!"});
  CHECK(pieces("llama-bpe", "f(x):\n\n\ty ++\r\nz") == Texts{"f", "(x", "):\n\n", "\ty", " ++\r\n", "z"});
  CHECK(pieces("llama-bpe", "a   b \n \n  c  ") == Texts{"a", "  ", " b", " \n \n", " ", " c", "  "});
  CHECK(pieces("llama-bpe", "naïve привет 你好½٣") == Texts{"naïve", " привет", " 你好", "½٣"});
  CHECK(pieces("llama-bpe", "don'ſx I'Llama I'lx") == Texts{"don", "'ſ", "x", " I", "'Ll", "ama", " I", "'lx"});
  CHECK(pieces("llama-bpe", "x\u0301\u00a0y") == Texts{"x", "\u0301", "\u00a0y"});
}

TEST_CASE("the other pre-tokenizers split as their expressions say") {
  CHECK(pieces("qwen2", "it's 123 x") == Texts{"it", "'s", " ", "1", "2", "3", " x"});
  CHECK(pieces("gpt-2", "It'S it's (x)  1234\n y") ==
        Texts{"It", "'", "S", " it", "'s", " (", "x", ")", " ", " 1234", "\n", " y"});
  CHECK(pieces("smollm", "a 12 b") == Texts{"a", " ", "1", "2", " b"});
  CHECK(pieces("falcon", "a (b+c) 12345") == Texts{"a", " ", "(", "b", "+", "c", ")", " ", "123", "45"});
  CHECK(pieces("falcon", "`1234`") == Texts{"`", "123", "4", "`"});
  CHECK(pieces("falcon_e", "a (b+c) 12") == Texts{"a", " ", "(", "b", "+", "c", ")", " ", "1", "2"});
  CHECK(pieces("default", "a (b) 12345½ `x") == Texts{"a", " ", "(", "b", ")", " ", "123", "45½", " `", "x"});
  CHECK(pieces("qwen35", "x\u0301y \u0301 12") == Texts{"x\u0301y", " \u0301", " ", "1", "2"});
  CHECK(pieces("qwen35", "!\u0301a+\n") == Texts{"!\u0301a", "+\n"});
}

TEST_CASE("names of one pre-tokenizer lead to the same rule") {
  for (const char* name : {"llama3", "llama-v3", "falcon3"}) CHECK(find_pre_tokenizer(name)->name == "llama-bpe");
  CHECK(find_pre_tokenizer("command-r")->name == "smollm");
  CHECK(find_pre_tokenizer("") == nullptr);
}

TEST_CASE("each byte of ill-formed UTF-8 is a character on its own") {
  for (const std::string_view text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF8\x88\x80\x80", "\xFF", "\xE2\x82", "\xC3(", "\xE2\x28\xA1"}) {
    const auto [value, n_bytes] = first_code_point(text);
    CHECK(value == ill_formed);
    CHECK(n_bytes == 1);
  }
  CHECK(category(ill_formed) == Category::other);
  CHECK(pieces("llama-bpe", "a\xE2\x82z") == Texts{"a", "\xE2\x82", "z"});
}

TEST_CASE("well-formed UTF-8 is read at the edges of every length") {
  for (const char32_t value : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xD7FFu, 0xE000u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    const std::string text = utf8(value);
    const CodePoint read = first_code_point(text + "x");
    CHECK(read.value == value);
    CHECK(read.n_bytes == text.size());
  }
}

TEST_CASE("code points have their category, the controls of White_Space included") {
  CHECK(category(U'\t') == Category::whitespace);
  CHECK(category(0x85) == Category::whitespace);
  CHECK(category(0x1C) == Category::other);
  CHECK(category(0x301) == Category::mark);
  CHECK(category(U'€') == Category::symbol);
  CHECK(category(U'Ⅷ') == Category::number);
  CHECK(category(0x1C89) == Category::letter);  // new in Unicode 16.0
  CHECK(category(0x10FFFF) == Category::other);
}

TEST_CASE("the merge of lowest rank goes first, the leftmost of equals") {
  Model model;
  const int32_t bc = model.add_merge("b", "c");
  const int32_t ab = model.add_merge("a", "b");
  const int32_t aa = model.add_merge("a", "a");
  const Built built = build(model);
  CHECK(built.encode("abc") == Ids{'a', bc});
  CHECK(built.encode("abab") == Ids{ab, ab});
  CHECK(built.encode("aaa") == Ids{aa, 'a'});
  CHECK(built.encode("aab") == Ids{'a', ab});
}

TEST_CASE("what a merge makes merges on, to its left and to its right") {
  Model model;
  model.add_merge("b", "c");
  const int32_t bcd = model.add_merge("bc", "d");
  const int32_t abcd = model.add_merge("a", "bcd");
  const Built built = build(model, "gpt-2");
  CHECK(built.encode("bcd") == Ids{bcd});
  CHECK(built.encode("xabcdx") == Ids{'x', abcd, 'x'});
}

TEST_CASE("a piece that is a token needs no merges under llama-bpe, but does under gpt-2") {
  Model llama;
  const int32_t word = llama.add(written(" word"));
  CHECK(build(llama).encode("a word") == Ids{'a', word});
  Model gpt;
  gpt.add(written(" word"));
  CHECK(build(gpt, "gpt-2").encode("a word") == Ids{'a', ' ', 'w', 'o', 'r', 'd'});
}

TEST_CASE("any bytes come back from their ids") {
  Model model;
  for (const char* pair : {"\xE2\x82", "\xFF\xFE", "  ", "\n\n", "th", " t"})
    model.add_merge(std::string_view(pair, 1), std::string_view(pair + 1, 1));
  const Built built = build(model);
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t n = random() % 40; n > 0; --n) {
      // A byte, or a character of any length; surrogates are ill-formed and must survive too.
      if (random() % 2 == 0)
        text += static_cast<char>(random() % 256);
      else
        text += utf8(static_cast<char32_t>(random() % (size_t{1} << (7 + random() % 14)) % 0x110000));
    }
    CHECK(built.detokenize(built.encode(text)) == text);
    CHECK(built.detokenize(built.encode(text, true, true)) == text);
  }
}

TEST_CASE("a megabyte without a break is merged in time n log n") {
  Model model;
  std::string text = "a";
  int32_t last = 'a';
  for (; text.size() < 1024; text += text) last = model.add_merge(text, text);
  const Built built = build(model, "gpt-2");
  CHECK(built.encode(std::string(1 << 20, 'a')) == Ids(1024, last));
  CHECK(built.encode(std::string(1 << 20, '\n')) == Ids(1 << 20, '\n'));
}

TEST_CASE("control tokens are parsed only when asked for, user-defined ones always") {
  Model model;
  const int32_t end = model.add("<|end_of_text|>", control);
  const int32_t tool = model.add("<tool>", user_defined);
  const int32_t hello = model.add("hello", control);
  const Built built = build(model);
  CHECK(built.encode("a<|end_of_text|><tool>b", false, true) == Ids{'a', end, tool, 'b'});
  CHECK(built.encode("<tool>b") == Ids{tool, 'b'});
  CHECK(built.encode("<|end").size() == 5);
  CHECK(built.encode("<|end_of_text|>") == [] {
    Ids ids;
    for (const char c : std::string_view("<|end_of_text|>")) ids.push_back(c);
    return ids;
  }());
  CHECK(built.encode("hello") == Ids{'h', 'e', 'l', 'l', 'o'});
  CHECK(built.encode("hello", false, true) == Ids{hello});
}

TEST_CASE("the longest special token is cut out first, wherever it stands") {
  Model model;
  const int32_t abc = model.add("abc", control);
  const int32_t cdefg = model.add("cdefg", control);
  const int32_t ab = model.add("ab", control);
  const Built built = build(model);
  CHECK(built.encode("abcdefg", false, true) == Ids{ab, cdefg});
  CHECK(built.encode("abcab", false, true) == Ids{abc, ab});
  CHECK(built.encode("xabcdabc", false, true) == Ids{'x', abc, 'd', abc});
}

TEST_CASE("control tokens print their name only when asked for, and ids outside the vocabulary nothing") {
  Model model;
  const int32_t end = model.add("<|eot_id|>", control);
  const int32_t filler = model.add("[PAD]", unused);
  const int32_t foreign = model.add("\u2581the");  // not in the byte alphabet
  const Built built = build(model);
  CHECK(built.detokenize({'a', end, filler, 'b'}) == "ab");
  CHECK(built.detokenize({'a', end}, true) == "a<|eot_id|>");
  CHECK(built.detokenize({foreign}) == "\u2581the");
  CHECK(built.detokenize(built.encode("\u2581the")) == "\u2581the");
  CHECK(built.encode("\u2581the").size() == 6);
  CHECK(built.detokenize({-1, static_cast<int32_t>(model.tokens.size()), INT32_MAX, INT32_MIN}).empty());
}

TEST_CASE("BOS is added once, by default for llama-bpe only, and as the key says") {
  Model llama;
  const int32_t bos = llama.add("<s>", control);
  llama.number("tokenizer.ggml.bos_token_id", bos);
  Model qwen = llama, silent = llama;
  silent.flag("tokenizer.ggml.add_bos_token", false);
  const Built built = build(llama);
  CHECK(built.encode("a", true, true) == Ids{bos, 'a'});
  CHECK(built.encode("<s>a", true, true) == Ids{bos, 'a'});
  CHECK(built.encode("", true, true) == Ids{bos});
  CHECK(built.encode("a", false, true) == Ids{'a'});
  CHECK(build(qwen, "qwen2").encode("a", true, true) == Ids{'a'});
  CHECK(build(silent).encode("a", true, true) == Ids{'a'});
}

TEST_CASE("ids are appended, and BOS and EOS stand around the text that is new") {
  Model model;
  const int32_t bos = model.add("<s>", control);
  const int32_t eos = model.add("</s>", control);
  model.number("tokenizer.ggml.bos_token_id", bos).number("tokenizer.ggml.eos_token_id", eos);
  model.flag("tokenizer.ggml.add_eos_token", true);
  const Built built = build(model);
  Ids ids{bos, eos};
  built.tokenizer.encode("a", true, true, ids);
  built.tokenizer.encode("", true, true, ids);
  CHECK(ids == Ids{bos, eos, bos, 'a', eos, bos, eos});
}

TEST_CASE("a wish for BOS without a BOS token is a warning") {
  Model model;
  const Built built = build(model);
  CHECK(built.encode("a", true, true) == Ids{'a'});
  REQUIRE(built.warnings.size() == 1);
  CHECK(built.warnings[0].find("bos_token_id") != std::string::npos);
}

TEST_CASE("a generation ends at the named tokens and at those whose text says so") {
  Model model;
  const int32_t bos = model.add("<|begin_of_text|>", control);
  const int32_t eos = model.add("<|end_of_text|>", control);
  const int32_t eot = model.add("<|eot_id|>", control);
  const int32_t eom = model.add("<message end>", control);
  const int32_t prose = model.add(written("<EOT>"));  // an ordinary token
  model.number("tokenizer.ggml.bos_token_id", bos);
  model.number("tokenizer.ggml.eom_token_id", eom);
  Model named = model, turn_is_eos = Model(model).number("tokenizer.ggml.eos_token_id", eot);
  model.number("tokenizer.ggml.eos_token_id", eos);

  const Built by_text = build(model);
  CHECK(by_text.tokenizer.end_ids() == Ids{eos, eot, eom});
  CHECK(by_text.tokenizer.eot() == eot);
  CHECK(by_text.tokenizer.is_end(eom));
  CHECK_FALSE(by_text.tokenizer.is_end(bos));
  CHECK_FALSE(by_text.tokenizer.is_end(prose));
  REQUIRE(by_text.warnings.size() == 1);
  CHECK(by_text.warnings[0].find("<|eot_id|>") != std::string::npos);

  named.number("tokenizer.ggml.eos_token_id", eos).number("tokenizer.ggml.eot_token_id", eot);
  CHECK(build(named).warnings.empty());
  CHECK(build(turn_is_eos).warnings.empty());
}

TEST_CASE("merges that make no token are left out with a warning, and so are second tokens of a text") {
  Model model;
  model.merges.push_back("x y");
  model.merges.push_back("\u2581 t");
  const int32_t first = model.add("th"), second = model.add("th");
  model.flag("tokenizer.ggml.add_bos_token", false);
  const Built built = build(model);
  CHECK(built.encode("xy") == Ids{'x', 'y'});
  CHECK(built.encode("th") == Ids{second});
  CHECK(built.detokenize({first}) == "th");
  REQUIRE(built.warnings.size() == 2);
  CHECK(built.warnings[0].find("2 of 2 merges") != std::string::npos);
  CHECK(built.warnings[1].find("1 tokens") != std::string::npos);
}

TEST_CASE("bytes without a token are lost with a warning") {
  Model model;
  model.tokens['b'] = "bb";
  model.flag("tokenizer.ggml.add_bos_token", false);
  model.merges.push_back("a c");
  model.add("ac");
  const Built built = build(model, "gpt-2");
  CHECK(built.encode("abc") == Ids{'a', 'c'});  // what stood on both sides is not joined
  REQUIRE(built.warnings.size() == 1);
  CHECK(built.warnings[0].find("1 of the 256 bytes") != std::string::npos);
}

TEST_CASE("a missing pre-tokenizer is guessed for a vocabulary of LLaMA-3's size, else it is the default one") {
  Model model;
  const Built other(Model(model).gpt2().vocabulary());
  REQUIRE_MESSAGE(other.status.ok(), other.status.message());
  CHECK(other.tokenizer.pre() == "default");
  REQUIRE(other.warnings.size() == 1);
  CHECK(other.warnings[0].find("tokenizer.ggml.pre is missing") != std::string::npos);
  while (model.tokens.size() < 128256) model.add("t" + std::to_string(model.tokens.size()));
  model.merges.assign(280147, "t 256");
  const Built built(model.gpt2().vocabulary());
  REQUIRE_MESSAGE(built.status.ok(), built.status.message());
  CHECK(built.tokenizer.pre() == "llama-bpe");
  CHECK(built.warnings.at(0).find("tokenizer.ggml.pre is missing") != std::string::npos);
  CHECK(built.encode("t256x") == Ids{'t', '2', '5', '6', 'x'});  // a letter and digits: two pieces
}

TEST_CASE("what the tokenizer does not know is refused by name") {
  const Model model;
  check_refused(Model(model).text("tokenizer.ggml.model", "bert").vocabulary(), BN_UNSUPPORTED, "\"bert\"");
  check_refused(Model(model).gpt2().pre("tekken").vocabulary(), BN_UNSUPPORTED, "\"tekken\"");
  check_refused(Model(model).gpt2().pre("\xFF\n").vocabulary(), BN_UNSUPPORTED, "\"\?\?\"");
  check_refused(Model(model).pre("llama-bpe").vocabulary(), BN_BAD_FILE, "tokenizer.ggml.model");
}

TEST_CASE("a damaged tokenizer is refused") {
  const Model model = Model().gpt2().pre("llama-bpe");
  check_refused(model, BN_BAD_FILE, "tokenizer.ggml.tokens");
  check_refused(Model(model).texts("tokenizer.ggml.tokens", {}), BN_BAD_FILE, "tokenizer.ggml.tokens");
  check_refused(Model(model).texts("tokenizer.ggml.tokens", {"a"}), BN_BAD_FILE, "tokenizer.ggml.merges");

  for (const char* merge : {"", " ", "ab", " b", "a ", "  "}) {
    Model damaged = model;
    damaged.merges.push_back(merge);
    CAPTURE(merge);
    check_refused(damaged.vocabulary(), BN_BAD_FILE, "merge 0 of 1");
  }
  Model short_types = model;
  short_types.types.pop_back();
  check_refused(short_types.vocabulary(), BN_BAD_FILE, "255 numbers for 256 tokens");
  for (const int32_t type : {0, 7, -1}) {
    Model wrong_type = model;
    wrong_type.types[9] = type;
    check_refused(wrong_type.vocabulary(), BN_BAD_FILE, "token 9 is " + std::to_string(type));
  }
}

TEST_CASE("a special id outside the vocabulary is refused") {
  for (const char* key :
       {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
        "tokenizer.ggml.eom_token_id", "tokenizer.ggml.padding_token_id", "tokenizer.ggml.unknown_token_id"}) {
    CAPTURE(key);
    check_refused(Model().gpt2().pre("gpt-2").vocabulary().number(key, 256), BN_BAD_FILE, "is 256, but");
    check_refused(Model().gpt2().pre("gpt-2").vocabulary().number(key, -1, ValueType::i32), BN_BAD_FILE, key);
    check_refused(Model().gpt2().pre("gpt-2").vocabulary().text(key, "1"), BN_BAD_FILE, "not an integer");
    CHECK(Built(Model().gpt2().pre("gpt-2").vocabulary().number(key, 255)).status.ok());
  }
}

TEST_CASE("SentencePiece joins the neighbours of the highest score first, the leftmost of equals") {
  ScoredModel model;
  for (const char* character : {"a", "b", "c", "\u2581"}) model.add(character, -9);
  const int32_t ab = model.add("ab", -2), bc = model.add("bc", -1), abc = model.add("abc", -5);
  const int32_t cb = model.add("cb", -3), ac = model.add("ac", -3), a = 259, b = 260, c = 261;
  model.flag("tokenizer.ggml.add_space_prefix", false);
  const Built built = build(model);
  CHECK(built.encode("abc") == Ids{abc});  // bc, then a with it
  CHECK(built.encode("abbc") == Ids{ab, bc});
  CHECK(built.encode("acb") == Ids{ac, b});
  CHECK(built.encode("cbac") == Ids{cb, ac});
  CHECK(built.encode("aacb") == Ids{a, ac, b});
  CHECK(built.encode("ca") == Ids{c, a});
}

TEST_CASE("a space stands before SentencePiece's text and after special tokens, unless the file says otherwise") {
  ScoredModel model;
  const int32_t space = model.add("\u2581", -9), a = model.add("a", -9), word = model.add("\u2581a", -1);
  const int32_t tool = model.add("<tool>", 0, user_defined);
  ScoredModel plain = model;
  plain.flag("tokenizer.ggml.add_space_prefix", false);
  const Built built = build(model);
  CHECK(built.encode("a") == Ids{word});
  CHECK(built.encode(" a a") == Ids{space, word, word});
  CHECK(built.encode("\u2581a") == Ids{space, word});  // the written space cannot be told from a space
  CHECK(built.encode("a<tool>a</s>a", false, true) == Ids{word, tool, word, 2, word});
  CHECK(built.encode("<tool></s>", false, true) == Ids{tool, 2});
  CHECK(built.encode("").empty());
  CHECK(built.detokenize(built.encode("a a")) == " a a");
  CHECK(build(plain).encode("a a") == Ids{a, word});
}

TEST_CASE("SentencePiece writes characters without a token as bytes, else as the unknown token") {
  ScoredModel model;
  model.add("\u2581", -9);
  ScoredModel few = model, none = model;
  const auto byte = [](uint8_t value) { return ScoredModel::first_byte + value; };
  const Built built = build(model);
  CHECK(built.encode("€\xFF") == Ids{259, byte(0xE2), byte(0x82), byte(0xAC), byte(0xFF)});
  CHECK(built.encode("<0x41>") == Ids{259, byte('<'), byte('0'), byte('x'), byte('4'), byte('1'), byte('>')});
  CHECK(built.detokenize({byte(0xE2), byte(0x82)}) == "\xE2\x82");
  CHECK(built.warnings.empty());

  few.types[static_cast<size_t>(byte(0x82))] = unused;
  const Built unknown_used = build(few);
  CHECK(unknown_used.encode("€A") == Ids{259, 0, byte('A')});
  REQUIRE(unknown_used.warnings.size() == 1);
  CHECK(unknown_used.warnings[0].find("1 of the 256 bytes") != std::string::npos);

  none.number("tokenizer.ggml.unknown_token_id", 259);
  none.types[static_cast<size_t>(byte(0x82))] = unused;
  CHECK(build(none).encode("€") == Ids{259, 259});
}

TEST_CASE("any bytes come back from SentencePiece's ids, a space before them") {
  ScoredModel model;
  for (const char* character : {"a", "b", "\u2581", "€", "你"}) model.add(character, -9);
  for (const char* token : {"ab", "\u2581a", "\u2581\u2581", "a€", "你你", "bab"}) model.add(token, -1);
  const Built built = build(model);
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t n = random() % 40; n > 0; --n) {
      if (random() % 2 == 0)
        text += static_cast<char>(random() % 256);
      else
        text += Texts{"a", "b", " ", "€", "你"}[random() % 5];
    }
    CHECK(built.detokenize(built.encode(text)) == (text.empty() ? "" : " " + text));
  }
}

TEST_CASE("text does not become one of SentencePiece's control, byte or unused tokens") {
  ScoredModel model;
  for (const char* text : {"<", "s", ">", "<s", "\u2581"}) model.add(text, -9);
  model.add("ss", -1, unused);
  const Built built = build(model);
  const int32_t s = 260, close = 261, opened = 262, space = 263;
  CHECK(built.encode("<s>ss") == Ids{space, opened, close, s, s});
  CHECK(built.encode("<s>", false, true) == Ids{1});
}

TEST_CASE("SentencePiece's BOS, EOS and unknown token have their usual ids where the file names none") {
  ScoredModel model;
  const int32_t space = model.add("\u2581", -9);
  ScoredModel silent = model, named = model;
  silent.flag("tokenizer.ggml.add_bos_token", false);
  named.number("tokenizer.ggml.bos_token_id", 2).number("tokenizer.ggml.eos_token_id", 1);
  const Built built = build(model);
  CHECK(built.tokenizer.model() == "llama");
  CHECK(built.tokenizer.pre().empty());
  CHECK(built.encode(" ", true) == Ids{1, space, space});
  CHECK(built.encode("<s> ", true, true) == Ids{1, space, space});
  CHECK(built.tokenizer.end_ids() == Ids{2});
  CHECK(build(silent).encode(" ", true) == Ids{space, space});
  CHECK(build(named).encode("", true) == Ids{2});

  Model two;
  two.tokens = {"<unk>", "a"};
  two.types = {unknown, normal};
  two.text("tokenizer.ggml.model", "llama").vocabulary().real_numbers("tokenizer.ggml.scores", {0, 0});
  const Built small(two);
  REQUIRE_MESSAGE(small.status.ok(), small.status.message());
  CHECK(small.tokenizer.eos() == -1);
  CHECK(small.encode("a€") == Ids{0, 1, 0});
}

TEST_CASE("a megabyte is joined by scores in time n log n") {
  ScoredModel model;
  const int32_t letter = model.add("a", -100);
  std::string text = "aa";
  int32_t last = 0;
  for (float score = -1; text.size() <= 1024; text += text, score -= 1) last = model.add(text, score);
  const int32_t space = model.add("\u2581", -100);
  const Built built = build(model);
  Ids expected(1025, last);
  expected[0] = space;
  CHECK(built.encode(std::string(1 << 20, 'a')) == expected);
  CHECK(built.encode("a") == Ids{space, letter});
  CHECK(built.encode(std::string(1 << 20, '\n')).size() == (1 << 20) + 1);
}

TEST_CASE("damaged scores are refused") {
  ScoredModel model;
  check_refused(Model(model).text("tokenizer.ggml.model", "llama").vocabulary(), BN_BAD_FILE, "scores is missing");
  ScoredModel few = model, odd = model, texts = model;
  few.scores.pop_back();
  check_refused(few.vocabulary(), BN_BAD_FILE, "258 numbers for 259 tokens");
  odd.scores[7] = std::numeric_limits<float>::quiet_NaN();
  check_refused(odd.vocabulary(), BN_BAD_FILE, "token 7 is not a number");
  texts.scores.clear();
  check_refused(texts.vocabulary(), BN_BAD_FILE, "0 numbers for 259 tokens");
  ScoredModel endless = model;
  endless.scores[7] = std::numeric_limits<float>::infinity();
  CHECK(Built(endless.vocabulary()).status.ok());
}
