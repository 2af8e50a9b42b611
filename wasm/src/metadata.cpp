#include "metadata.h"

#include <cstring>

namespace bitnet {

size_t scalar_bytes(ValueType type) noexcept {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean: return 1;
    case ValueType::u16:
    case ValueType::i16: return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32: return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64: return 8;
    default: return 0;
  }
}

const char* value_type_name(ValueType type) noexcept {
  static constexpr const char* names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                          "bool", "string", "array", "u64", "i64", "f64"};
  const auto index = static_cast<uint32_t>(type);
  return index < std::size(names) ? names[index] : "unknown";
}

void Metadata::drop_arrays() noexcept {
  for (Entry& entry : entries_) {
    StringTable().swap(entry.value.strings);  // an assignment would keep the capacity
    std::vector<uint8_t>().swap(entry.value.elements);
  }
}

uint64_t Metadata::n_bytes() const noexcept {
  uint64_t n = entries_.capacity() * sizeof(Entry);
  for (const auto& [key, value] : entries_)
    n += key.capacity() + value.text.capacity() + value.strings.n_bytes() + value.elements.capacity();
  return n;
}

const Value* Metadata::find(std::string_view key) const noexcept {
  for (const Entry& entry : entries_)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

std::optional<int64_t> Metadata::integer(std::string_view key) const noexcept {
  const Value* value = find(key);
  if (value == nullptr || scalar_bytes(value->type) == 0) return {};
  if (value->type == ValueType::f32 || value->type == ValueType::f64) return {};
  return value->integer;
}

std::optional<double> Metadata::real(std::string_view key) const noexcept {
  const Value* value = find(key);
  if (value == nullptr || scalar_bytes(value->type) == 0) return {};
  if (value->type == ValueType::f32 || value->type == ValueType::f64) return value->real;
  return static_cast<double>(value->integer);
}

std::optional<bool> Metadata::boolean(std::string_view key) const noexcept {
  const auto number = integer(key);
  if (!number) return {};
  return *number != 0;
}

std::optional<std::string_view> Metadata::string(std::string_view key) const noexcept {
  const Value* value = find(key);
  if (value == nullptr || value->type != ValueType::string) return {};
  return value->text;
}

const StringTable* Metadata::string_array(std::string_view key) const noexcept {
  const Value* value = find(key);
  if (value == nullptr || value->type != ValueType::array || value->element_type != ValueType::string) return nullptr;
  return &value->strings;
}

std::vector<int32_t> Metadata::integer_array(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr || value->type != ValueType::array) return {};
  if (value->element_type != ValueType::i32 && value->element_type != ValueType::u32) return {};
  std::vector<int32_t> numbers(value->count);
  if (!numbers.empty()) std::memcpy(numbers.data(), value->elements.data(), numbers.size() * sizeof(int32_t));
  return numbers;
}

std::vector<float> Metadata::real_array(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr || value->type != ValueType::array || value->element_type != ValueType::f32) return {};
  std::vector<float> numbers(value->count);
  if (!numbers.empty()) std::memcpy(numbers.data(), value->elements.data(), numbers.size() * sizeof(float));
  return numbers;
}

}  // namespace bitnet
