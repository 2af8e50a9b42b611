#include "vocabulary.h"

#include <algorithm>
#include <bit>
#include <string>

#include "byte_alphabet.h"

namespace bitnet {
namespace {

// FNV-1a, folded once more because linear probing looks at the low bits.
uint32_t hash_of(std::string_view bytes) noexcept {
  uint32_t hash = 2166136261u;
  for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 16777619u;
  return hash ^ hash >> 15;
}

void append_with_spaces(std::string_view text, std::string& bytes) {
  constexpr std::string_view written_space = "\u2581";
  while (!text.empty()) {
    const size_t n_bytes = std::min(text.find(written_space), text.size());
    bytes.append(text.substr(0, n_bytes));
    text.remove_prefix(n_bytes);
    if (text.empty()) return;
    bytes.push_back(' ');
    text.remove_prefix(written_space.size());
  }
}

// "<0x0A>" is the byte 10.
void append_byte(std::string_view text, std::string& bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return;
  const size_t high = digits.find(text[3]), low = digits.find(text[4]);
  if (high != digits.npos && low != digits.npos) bytes.push_back(static_cast<char>(16 * high + low));
}

// Append what a text stands for, nothing if that is the text itself. True if text can be encoded as this token.
bool append_bytes(std::string_view text, TokenType type, Writing writing, std::string& bytes) {
  const bool ordinary = type == TokenType::normal || type == TokenType::byte;
  if (!ordinary) return type == TokenType::user_defined;
  if (writing == Writing::byte_alphabet) return append_written_bytes(text, bytes);
  if (type == TokenType::byte) {
    append_byte(text, bytes);
    return false;
  }
  append_with_spaces(text, bytes);
  return true;
}

}  // namespace

Vocabulary::Vocabulary(const StringTable& texts, std::vector<TokenType> types, Writing writing)
    : types_(std::move(types)), slots_(std::bit_ceil(2 * texts.size() + 1), Slot{0, none}) {
  std::string bytes;
  for (size_t id = 0; id < texts.size(); ++id) {
    bytes.clear();
    const bool findable = append_bytes(texts[id], types_[id], writing, bytes);
    if (bytes.empty()) bytes = texts[id];
    bytes_.append(bytes);
    if (!findable || bytes.empty()) continue;

    const uint32_t hash = hash_of(bytes);
    Slot& slot = slots_[slot_of(bytes, hash)];
    if (slot.id != none) ++n_duplicates_;
    slot = {hash, static_cast<int32_t>(id)};
  }
}

int32_t Vocabulary::find(std::string_view bytes) const noexcept { return slots_[slot_of(bytes, hash_of(bytes))].id; }

// The slot that holds these bytes, or the free one where they would go.
size_t Vocabulary::slot_of(std::string_view bytes, uint32_t hash) const noexcept {
  const size_t mask = slots_.size() - 1;
  size_t index = hash & mask;
  while (slots_[index].id != none && (slots_[index].hash != hash || this->bytes(slots_[index].id) != bytes))
    index = (index + 1) & mask;
  return index;
}

}  // namespace bitnet
