#include "gguf.h"

#include <algorithm>
#include <cstring>

namespace bitnet {

namespace {

// Bounds far above any real file; they keep a hostile one from asking for absurd amounts of memory.
constexpr uint64_t max_keys = 1 << 16;
constexpr uint64_t max_tensors = 1 << 16;
constexpr uint64_t max_key_bytes = 1 << 16;
constexpr uint64_t max_string_bytes = 1 << 20;
constexpr uint64_t max_array_elements = 1 << 22;
constexpr uint64_t max_header_bytes = 64 << 20;
constexpr uint64_t max_alignment = 1 << 20;

unsigned long long printable(uint64_t number) { return number; }

}  // namespace

// Little-endian reads that never pass the end: a read that does not fit sets `short_of_bytes`.
class GgufHeader::Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  size_t position() const noexcept { return position_; }
  size_t left() const noexcept { return bytes_.size() - position_; }
  bool short_of_bytes() const noexcept { return short_; }
  void go_back_to(size_t position) noexcept {
    position_ = position;
    short_ = false;
  }

  template <class T>
  T number() noexcept {
    T value{};
    if (const uint8_t* from = take(sizeof(T))) std::memcpy(&value, from, sizeof(T));
    return value;
  }
  std::string_view text(uint64_t n_bytes) noexcept {
    const uint8_t* from = n_bytes <= left() ? take(static_cast<size_t>(n_bytes)) : nullptr;
    if (from == nullptr) short_ = true;
    return from == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(from), n_bytes);
  }
  const uint8_t* take(size_t n_bytes) noexcept {
    if (short_ || n_bytes > left()) {
      short_ = true;
      return nullptr;
    }
    const uint8_t* from = bytes_.data() + position_;
    position_ += n_bytes;
    return from;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  bool short_ = false;
};

Status GgufHeader::feed(std::span<const uint8_t> bytes, size_t& used) {
  const size_t pending_before = pending_.size();
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  Cursor cursor(pending_);
  bool complete = true;
  while (complete && step_ != Step::done) {
    const size_t begin = cursor.position();
    switch (step_) {
      case Step::start: BN_TRY(read_start(cursor, complete)); break;
      case Step::key: BN_TRY(read_key(cursor, complete)); break;
      case Step::elements: BN_TRY(read_elements(cursor, complete)); break;
      case Step::tensor: BN_TRY(read_tensor(cursor, complete)); break;
      case Step::done: break;
    }
    if (!complete && step_ != Step::elements) cursor.go_back_to(begin);  // an array keeps what it has read
    consumed_ += cursor.position() - begin;
    if (consumed_ > max_header_bytes)
      return damaged("the GGUF header is longer than %llu bytes", printable(max_header_bytes));
  }
  if (step_ == Step::done) {
    used = cursor.position() - pending_before;
    pending_ = {};
    return finish();
  }
  used = bytes.size();
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(cursor.position()));
  return {};
}

uint64_t GgufHeader::n_bytes() const noexcept {
  uint64_t n = metadata_.n_bytes() + tensors_.capacity() * sizeof(TensorInfo) + by_name_.capacity() * sizeof(uint32_t);
  for (const TensorInfo& tensor : tensors_) n += tensor.name.capacity();
  return n;
}

const TensorInfo* GgufHeader::find(std::string_view name) const noexcept {
  const auto found =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [&](uint32_t index, std::string_view wanted) { return tensors_[index].name < wanted; });
  if (found == by_name_.end() || tensors_[*found].name != name) return nullptr;
  return &tensors_[*found];
}

Status GgufHeader::check_count(const char* what, uint64_t count, uint64_t least_bytes, uint64_t most) const {
  const bool beyond_file = file_bytes_ != 0 && count > file_bytes_ / least_bytes;
  if (count <= most && !beyond_file) return {};
  return damaged("the header announces %llu %s, more than %s", printable(count), what,
                 beyond_file ? "the whole file has room for" : "any model has");
}

Status GgufHeader::read_start(Cursor& cursor, bool& complete) {
  const uint8_t* magic = cursor.take(4);
  if (magic != nullptr && std::memcmp(magic, "GGUF", 4) != 0)
    return fail(BN_BAD_FILE,
                "this is not a GGUF file: it starts with the bytes %02x %02x %02x %02x instead of \"GGUF\"; choose a "
                "file whose name ends in .gguf",
                magic[0], magic[1], magic[2], magic[3]);
  const auto version = cursor.number<uint32_t>();
  if (!cursor.short_of_bytes() && version != 2 && version != 3) {
    if (version == 0x03000000 || version == 0x02000000)
      return fail(BN_UNSUPPORTED, "this GGUF file is big-endian; convert it to little-endian first");
    return fail(BN_UNSUPPORTED, "this GGUF file has version %u; versions 2 and 3 can be read", version);
  }
  const auto n_tensors = cursor.number<uint64_t>();
  const auto n_keys = cursor.number<uint64_t>();
  complete = !cursor.short_of_bytes();
  if (!complete) return {};
  // An entry takes at least: tensor 8 + 4 + 8 + 4 + 8 bytes, key 8 + 4 + 1.
  BN_TRY(check_count("tensors", n_tensors, 32, max_tensors));
  BN_TRY(check_count("metadata keys", n_keys, 13, max_keys));
  n_tensors_ = n_tensors;
  n_keys_left_ = n_keys + 1;
  begin_next_key();
  return {};
}

void GgufHeader::begin_next_key() {
  n_keys_left_ -= 1;
  step_ = n_keys_left_ > 0 ? Step::key : n_tensors_ > 0 ? Step::tensor : Step::done;
}

Status GgufHeader::read_key(Cursor& cursor, bool& complete) {
  const auto key_bytes = cursor.number<uint64_t>();
  if (key_bytes > max_key_bytes)
    return damaged("metadata key %zu is said to be %llu bytes long", metadata_.entries().size(), printable(key_bytes));
  std::string key(cursor.text(key_bytes));
  const auto type = cursor.number<uint32_t>();
  if (!cursor.short_of_bytes() && type > static_cast<uint32_t>(ValueType::f64))
    return damaged("metadata key \"%.80s\" has value type %u, which does not exist", key.c_str(), type);
  Value value;
  value.type = static_cast<ValueType>(type);
  switch (value.type) {
    case ValueType::u8:
    case ValueType::boolean: value.integer = cursor.number<uint8_t>(); break;
    case ValueType::i8: value.integer = cursor.number<int8_t>(); break;
    case ValueType::u16: value.integer = cursor.number<uint16_t>(); break;
    case ValueType::i16: value.integer = cursor.number<int16_t>(); break;
    case ValueType::u32: value.integer = cursor.number<uint32_t>(); break;
    case ValueType::i32: value.integer = cursor.number<int32_t>(); break;
    case ValueType::u64:
    case ValueType::i64: value.integer = cursor.number<int64_t>(); break;
    case ValueType::f32: value.real = static_cast<double>(cursor.number<float>()); break;
    case ValueType::f64: value.real = cursor.number<double>(); break;
    case ValueType::string: {
      const auto n_bytes = cursor.number<uint64_t>();
      if (n_bytes > max_string_bytes)
        return damaged("metadata key \"%.80s\" holds a string of %llu bytes", key.c_str(), printable(n_bytes));
      value.text = cursor.text(n_bytes);
      break;
    }
    case ValueType::array: {
      const auto element_type = cursor.number<uint32_t>();
      value.count = cursor.number<uint64_t>();
      complete = !cursor.short_of_bytes();
      if (!complete) return {};
      value.element_type = static_cast<ValueType>(element_type);
      const bool strings = value.element_type == ValueType::string;
      const size_t element_bytes = strings ? 8 : scalar_bytes(value.element_type);
      if (element_bytes == 0)
        return damaged("metadata key \"%.80s\" is an array of type %u, which is not allowed", key.c_str(),
                       element_type);
      BN_TRY(check_count("array elements", value.count, element_bytes, max_array_elements));
      key_ = std::move(key);
      array_ = std::move(value);
      step_ = Step::elements;
      return {};
    }
  }
  complete = !cursor.short_of_bytes();
  if (!complete) return {};
  metadata_.append(std::move(key), std::move(value));
  begin_next_key();
  return {};
}

Status GgufHeader::read_elements(Cursor& cursor, bool& complete) {
  if (array_.element_type == ValueType::string) {
    while (array_.strings.size() < array_.count) {
      const size_t begin = cursor.position();
      const auto n_bytes = cursor.number<uint64_t>();
      if (n_bytes > max_string_bytes)
        return damaged("element %zu of \"%.80s\" is a string of %llu bytes", array_.strings.size(), key_.c_str(),
                       printable(n_bytes));
      const std::string_view text = cursor.text(n_bytes);
      if (cursor.short_of_bytes()) {
        cursor.go_back_to(begin);
        break;
      }
      array_.strings.append(text);
    }
    complete = array_.strings.size() == array_.count;
  } else {
    const size_t wanted =
        static_cast<size_t>(array_.count) * scalar_bytes(array_.element_type) - array_.elements.size();
    const size_t n_bytes = std::min(wanted, cursor.left());
    if (n_bytes > 0) {
      const uint8_t* from = cursor.take(n_bytes);
      array_.elements.insert(array_.elements.end(), from, from + n_bytes);
    }
    complete = n_bytes == wanted;
  }
  if (complete) {
    metadata_.append(std::move(key_), std::move(array_));
    array_ = {};
    begin_next_key();
  }
  return {};
}

Status GgufHeader::read_tensor(Cursor& cursor, bool& complete) {
  const auto name_bytes = cursor.number<uint64_t>();
  if (name_bytes > max_key_bytes)
    return damaged("the name of tensor %zu is said to be %llu bytes long", tensors_.size(), printable(name_bytes));
  TensorInfo tensor;
  tensor.name = cursor.text(name_bytes);
  tensor.n_dims = cursor.number<uint32_t>();
  if (!cursor.short_of_bytes() && (tensor.n_dims < 1 || tensor.n_dims > 4))
    return damaged("tensor %.80s has %u dimensions instead of 1 to 4", tensor.name.c_str(), tensor.n_dims);
  uint64_t n_elements = 1;
  bool sane = true;
  for (uint32_t i = 0; i < tensor.n_dims && !cursor.short_of_bytes(); ++i) {
    tensor.ne[i] = cursor.number<uint64_t>();
    sane = sane && tensor.ne[i] > 0 && !__builtin_mul_overflow(n_elements, tensor.ne[i], &n_elements);
  }
  tensor.type = cursor.number<uint32_t>();
  tensor.offset = cursor.number<uint64_t>();
  complete = !cursor.short_of_bytes();
  if (!complete) return {};
  if (!sane)
    return damaged("tensor %.80s has the impossible shape %llu x %llu x %llu x %llu", tensor.name.c_str(),
                   printable(tensor.ne[0]), printable(tensor.ne[1]), printable(tensor.ne[2]), printable(tensor.ne[3]));
  BN_TRY(tensor_bytes(tensor.type, tensor.ne[0], n_elements, tensor.name.c_str(), tensor.n_bytes));
  tensors_.push_back(std::move(tensor));
  if (tensors_.size() == n_tensors_) step_ = Step::done;
  return {};
}

// Everything is read: where the data starts, and whether keys and tensors contradict each other.
Status GgufHeader::finish() {
  std::vector<std::string_view> keys;
  for (const Metadata::Entry& entry : metadata_.entries()) keys.push_back(entry.key);
  std::sort(keys.begin(), keys.end());
  if (const auto twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end())
    return damaged("metadata key \"%.80s\" appears twice", std::string(*twice).c_str());

  const int64_t alignment = metadata_.integer("general.alignment").value_or(32);
  if (alignment < 8 || alignment > static_cast<int64_t>(max_alignment) || (alignment & (alignment - 1)) != 0)
    return damaged("general.alignment is %lld instead of a power of two from 8 to %llu",
                   static_cast<long long>(alignment), printable(max_alignment));
  const auto mask = static_cast<uint64_t>(alignment) - 1;
  data_start_ = (consumed_ + mask) & ~mask;

  by_name_.resize(tensors_.size());
  for (uint32_t i = 0; i < by_name_.size(); ++i) by_name_[i] = i;
  std::vector<uint32_t> by_offset = by_name_;
  for (TensorInfo& tensor : tensors_) {
    uint64_t end = 0;
    if ((tensor.offset & mask) != 0)
      return damaged("tensor %.80s starts at offset %llu, which is no multiple of %lld", tensor.name.c_str(),
                     printable(tensor.offset), static_cast<long long>(alignment));
    if (__builtin_add_overflow(tensor.offset, data_start_, &tensor.offset) ||
        __builtin_add_overflow(tensor.offset, tensor.n_bytes, &end))
      return damaged("tensor %.80s lies beyond any file", tensor.name.c_str());
    if (file_bytes_ != 0 && end > file_bytes_)
      return fail(
          BN_BAD_FILE,
          "tensor %.80s ends at byte %llu, but the file has only %llu bytes: it is truncated; download it again",
          tensor.name.c_str(), printable(end), printable(file_bytes_));
    data_end_ = std::max(data_end_, end);
  }
  std::sort(by_name_.begin(), by_name_.end(),
            [&](uint32_t a, uint32_t b) { return tensors_[a].name < tensors_[b].name; });
  std::sort(by_offset.begin(), by_offset.end(),
            [&](uint32_t a, uint32_t b) { return tensors_[a].offset < tensors_[b].offset; });
  for (size_t i = 1; i < tensors_.size(); ++i) {
    const TensorInfo& before = tensors_[by_offset[i - 1]];
    const TensorInfo& after = tensors_[by_offset[i]];
    if (before.offset + before.n_bytes > after.offset)
      return damaged("tensors %.80s and %.80s overlap", before.name.c_str(), after.name.c_str());
    if (tensors_[by_name_[i - 1]].name == tensors_[by_name_[i]].name)
      return damaged("tensor %.80s appears twice", tensors_[by_name_[i]].name.c_str());
  }
  return {};
}

}  // namespace bitnet
