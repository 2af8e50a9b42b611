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
  uint64_t position() const noexcept { return before_part_ + position_; }  // bytes committed so far, of all parts
  uint32_t parts_left() const noexcept { return parts_left_; }

  // Where the next bytes of the file belong: a tensor's own memory, or a place for bytes that are read and
  // dropped. Empty after a failure.
  std::span<uint8_t> window();
  Status commit(size_t n_bytes);  // that many bytes have been written to the window
  Status push(std::span<const uint8_t> bytes);
  Status skip(uint64_t n_bytes);  // they are not kept here, and will not come
  // Bytes of the part that is arriving which a rank keeps.
  struct Run {
    uint64_t begin, end;
  };
  Status kept(uint32_t rank, std::vector<Run>& runs) const;
  // The bytes of this part are complete; those of the next one follow.
  Status next_part(uint64_t file_bytes);
  Status finish();

 private:
  Status take_header_bytes(std::span<const uint8_t> bytes);
  Status read_first_header();
  Status check_part() const;
  Status begin_tensors();
  Status plan_of(uint32_t rank, Planner& sizes, std::vector<Segment>& segments) const;
  Status make_screen();
  Status end_part();
  Status take_tensor_bytes(size_t n_bytes);
  Status check(const Segment& segment, std::span<const uint8_t> bytes);
  Status recode(const Segment& segment, size_t n_arrived);
  Status failed(Status status);

  Model& model_;
  Stage stage_ = Stage::header;
  Status failure_;
  uint64_t before_part_ = 0;  // bytes of the parts before this one
  uint64_t position_ = 0;     // in this part
  uint32_t parts_left_ = 0;
  std::unique_ptr<Inventory> inventory_;
  std::vector<Segment> segments_;
  size_t next_segment_ = 0;
  uint64_t n_checked_ = 0;  // bytes of this segment whose numbers are known to be finite
  // What is not kept as it is: header bytes, padding, ternary blocks. As large as what a page reads at once.
  std::unique_ptr<std::array<uint8_t, 1 << 18>> passing_;
};

}  // namespace bitnet
