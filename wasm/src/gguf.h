// gguf.h: the GGUF container, versions 2 and 3. It parses the header while bytes arrive and knows no model.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metadata.h"
#include "status.h"
#include "tensor_type.h"

namespace bitnet {

struct TensorInfo {
  std::string name;
  uint32_t type = 0;
  uint32_t n_dims = 0;
  std::array<uint64_t, 4> ne = {1, 1, 1, 1};  // ne[0] is the length of a row
  uint64_t offset = 0;                        // from the start of the file
  uint64_t n_bytes = 0;

  uint64_t n_rows() const noexcept { return ne[1] * ne[2] * ne[3]; }
};

class GgufHeader {
 public:
  // file_bytes: size of the whole file, 0 if unknown.
  explicit GgufHeader(uint64_t file_bytes) : file_bytes_(file_bytes) {}

  // Take the next bytes of the file. `used` is how many belonged to the header: all of them until it is done.
  Status feed(std::span<const uint8_t> bytes, size_t& used);
  bool done() const noexcept { return step_ == Step::done; }

  uint64_t file_bytes() const noexcept { return file_bytes_; }  // 0 if unknown
  uint64_t data_start() const noexcept { return data_start_; }
  uint64_t data_end() const noexcept { return data_end_; }  // end of the last tensor
  const Metadata& metadata() const noexcept { return metadata_; }
  void drop_arrays() noexcept { metadata_.drop_arrays(); }
  uint64_t n_bytes() const noexcept;                                            // that it takes in memory
  const std::vector<TensorInfo>& tensors() const noexcept { return tensors_; }  // in file order of the table
  const TensorInfo* find(std::string_view name) const noexcept;

 private:
  enum class Step { start, key, elements, tensor, done };
  class Cursor;

  // Each takes one item from the cursor; false in `complete` when more bytes are needed first.
  Status read_start(Cursor& cursor, bool& complete);
  Status read_key(Cursor& cursor, bool& complete);
  Status read_elements(Cursor& cursor, bool& complete);
  Status read_tensor(Cursor& cursor, bool& complete);
  void begin_next_key();
  Status check_count(const char* what, uint64_t count, uint64_t least_bytes, uint64_t most) const;
  Status finish();

  uint64_t file_bytes_;
  std::vector<uint8_t> pending_;  // bytes of an item that is not complete yet
  uint64_t consumed_ = 0;         // header bytes taken so far
  Step step_ = Step::start;
  uint64_t n_tensors_ = 0;
  uint64_t n_keys_left_ = 0;
  std::string key_;  // of the array whose elements are being read
  Value array_;
  uint64_t data_start_ = 0;
  uint64_t data_end_ = 0;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> by_name_;  // tensor indices sorted by name
};

}  // namespace bitnet
