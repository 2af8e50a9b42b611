#include "vocabulary.h"

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

bool is_written_in_alphabet(TokenType type) noexcept { return type == TokenType::normal || type == TokenType::byte; }

}  // namespace

Vocabulary::Vocabulary(const StringTable& texts, std::vector<TokenType> types)
    : types_(std::move(types)), slots_(std::bit_ceil(2 * texts.size() + 1), Slot{0, none}) {
  std::string bytes;
  for (size_t id = 0; id < texts.size(); ++id) {
    bytes.clear();
    bool findable = types_[id] == TokenType::user_defined;
    if (is_written_in_alphabet(types_[id])) findable = append_written_bytes(texts[id], bytes);
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
