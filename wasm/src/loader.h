// loader.h: bytes of a GGUF file, pushed in as they arrive, become a Model.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "model.h"

namespace bitnet {

class Loader {
 public:
  enum class Stage : int32_t { header = 0, tensors = 1, ready = 2, failed = 3 };

  explicit Loader(Model& model);

  Stage stage() const noexcept { return stage_; }
  uint64_t position() const noexcept { return position_; }  // bytes committed so far

  // Where the next bytes of the file belong: a tensor's own memory, or a place for bytes that are read and
  // dropped. Empty after a failure.
  std::span<uint8_t> window();
  Status commit(size_t n_bytes);  // that many bytes have been written to the window
  Status push(std::span<const uint8_t> bytes);
  Status finish();

 private:
  Status take_header_bytes(std::span<const uint8_t> bytes);
  Status begin_tensors();
  Status take_tensor_bytes(size_t n_bytes);
  Status check(const Segment& segment, std::span<const uint8_t> bytes) const;
  Status failed(Status status);

  Model& model_;
  Stage stage_ = Stage::header;
  Status failure_;
  uint64_t position_ = 0;
  std::vector<Segment> segments_;
  size_t next_segment_ = 0;
  std::unique_ptr<std::array<uint8_t, 65536>> passing_;  // header bytes, padding and what is not kept
};

}  // namespace bitnet
