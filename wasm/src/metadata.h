// metadata.h: the key-value section of a GGUF file, as typed values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet {

// Numbers as in the GGUF specification.
enum class ValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

// Bytes of one scalar in the file; 0 for string, array and numbers that are no type.
size_t scalar_bytes(ValueType type) noexcept;
const char* value_type_name(ValueType type) noexcept;

// Many strings in one block of memory: a vocabulary has hundreds of thousands.
class StringTable {
 public:
  size_t size() const noexcept { return ends_.size(); }
  std::string_view operator[](size_t index) const noexcept {
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(bytes_).substr(begin, ends_[index] - begin);
  }
  void swap(StringTable& other) noexcept {
    bytes_.swap(other.bytes_);
    ends_.swap(other.ends_);
  }
  uint64_t n_bytes() const noexcept { return bytes_.capacity() + ends_.capacity() * sizeof(size_t); }
  void append(std::string_view text) {
    bytes_.append(text);
    ends_.push_back(bytes_.size());
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
};

struct Value {
  ValueType type = ValueType::u8;
  int64_t integer = 0;  // every integer type and boolean (u64 above 2^63 keeps its bits)
  double real = 0;      // f32, f64
  std::string text;     // string: any bytes
  // array
  ValueType element_type = ValueType::u8;
  uint64_t count = 0;
  StringTable strings;            // elements, if they are strings
  std::vector<uint8_t> elements;  // else: raw little-endian, count * scalar_bytes(element_type)
};

class Metadata {
 public:
  struct Entry {
    std::string key;
    Value value;
  };

  // Entries in file order.
  std::span<const Entry> entries() const noexcept { return entries_; }
  void append(std::string key, Value value) { entries_.push_back({std::move(key), std::move(value)}); }
  // Give back the memory of array elements; their types and counts stay.
  void drop_arrays() noexcept;
  uint64_t n_bytes() const noexcept;  // that it takes in memory
  bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }

  // Null or empty when the key is missing or holds another kind of value.
  const Value* find(std::string_view key) const noexcept;
  std::optional<int64_t> integer(std::string_view key) const noexcept;
  std::optional<double> real(std::string_view key) const noexcept;  // integers too
  std::optional<bool> boolean(std::string_view key) const noexcept;
  std::optional<std::string_view> string(std::string_view key) const noexcept;
  const StringTable* string_array(std::string_view key) const noexcept;
  // i32/u32 arrays and f32 arrays as numbers; empty when missing or of another type.
  std::vector<int32_t> integer_array(std::string_view key) const;
  std::vector<float> real_array(std::string_view key) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace bitnet
