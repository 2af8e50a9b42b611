#include "loader.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "checksum.h"
#include "ternary_blocks.h"

namespace bitnet {

namespace {

Status check_codes(const char* name, std::span<const uint8_t> codes) {
  uint8_t found = 0;
  for (const uint8_t byte : codes) found |= static_cast<uint8_t>(byte & (byte >> 1) & 0x55);
  if (found == 0) return {};
  return fail(BN_BAD_FILE,
              "tensor %s contains the code 3, which no ternary weight has; the file is damaged or has another layout",
              name);
}

template <class Bits>
bool is_finite(const uint8_t* from, Bits exponent) noexcept {  // all exponent bits set: infinity or NaN
  Bits bits;
  std::memcpy(&bits, from, sizeof bits);
  return (bits & exponent) != exponent;
}

// Are all floats in these whole blocks finite?
Status check_finite(const TensorInfo& tensor, std::span<const uint8_t> blocks) {
  const TensorFormat& format = *find_tensor_format(tensor.type);
  bool finite = true;
  for (size_t at = 0; at < blocks.size(); at += format.block_bytes) {
    const uint8_t* block = blocks.data() + at;
    switch (static_cast<TensorType>(format.id)) {
      case TensorType::f32: finite &= is_finite<uint32_t>(block, 0x7f800000); break;
      case TensorType::bf16: finite &= is_finite<uint16_t>(block, 0x7f80); break;
      default:
        for (const int16_t half : format.halves)
          if (half >= 0) finite &= is_finite<uint16_t>(block + half, 0x7c00);
    }
  }
  if (finite) return {};
  return damaged("tensor %s contains a number that is not finite", tensor.name.c_str());
}

// How many of the first n_bytes of a segment are of a block that they do not complete.
size_t incomplete_bytes(const Segment& segment, uint64_t n_bytes) noexcept {
  return static_cast<size_t>(n_bytes % find_tensor_format(segment.tensor->type)->block_bytes);
}

// Files of the model. llama.cpp's merge of a split model leaves 0 behind.
int64_t split_count(const Metadata& metadata) noexcept {
  return std::max<int64_t>(1, metadata.integer("split.count").value_or(1));
}

}  // namespace

Loader::Loader(Model& model) : model_(model), passing_(std::make_unique<std::array<uint8_t, 1 << 18>>()) {}

Status Loader::failed(Status status) {
  if (!status.ok()) {
    stage_ = Stage::failed;
    failure_ = status;
    model_.weights = {};
    model_.screen = {};
    model_.memory.clear();
    inventory_ = {};
    segments_ = {};
    passing_ = {};
    model_.log(Log::error, status.message());
  }
  return status;
}

std::span<uint8_t> Loader::window() {
  if (stage_ == Stage::header) return *passing_;
  if (stage_ != Stage::tensors) return {};
  if (next_segment_ == segments_.size()) return *passing_;
  const Segment& segment = segments_[next_segment_];
  if (position_ < segment.begin)
    return std::span(*passing_).first(
        static_cast<size_t>(std::min<uint64_t>(passing_->size(), segment.begin - position_)));
  if (segment.kind == Segment::Kind::ternary_blocks) {  // behind the bytes of an incomplete one
    const std::span<uint8_t> room = std::span(*passing_).subspan(incomplete_bytes(segment, position_ - segment.begin));
    return room.first(static_cast<size_t>(std::min<uint64_t>(room.size(), segment.end - position_)));
  }
  return {segment.destination + (position_ - segment.begin), static_cast<size_t>(segment.end - position_)};
}

Status Loader::commit(size_t n_bytes) {
  if (stage_ == Stage::failed) return failure_;
  const std::span<uint8_t> place = window();
  if (n_bytes > place.size())
    return fail(stage_ == Stage::ready ? BN_NOT_READY : BN_BAD_ARGUMENT, "%zu bytes committed to a window of %zu",
                n_bytes, place.size());
  const uint64_t file_bytes = model_.parts.back()->file_bytes();
  if (file_bytes != 0 && position_ + n_bytes > file_bytes)
    return failed(fail(BN_BAD_FILE, "more bytes arrived than the %llu that the file was said to have",
                       static_cast<unsigned long long>(file_bytes)));
  return failed(stage_ == Stage::header ? take_header_bytes(place.first(n_bytes)) : take_tensor_bytes(n_bytes));
}

Status Loader::push(std::span<const uint8_t> bytes) {
  if (stage_ == Stage::ready) return fail(BN_NOT_READY, "the model is complete already");
  while (!bytes.empty()) {
    const std::span<uint8_t> place = window();
    const size_t n_bytes = std::min(place.size(), bytes.size());
    if (n_bytes > 0) std::memcpy(place.data(), bytes.data(), n_bytes);
    BN_TRY(commit(n_bytes));
    bytes = bytes.subspan(n_bytes);
  }
  return stage_ == Stage::failed ? failure_ : Status();
}

Status Loader::skip(uint64_t n_bytes) {
  if (stage_ == Stage::failed) return failure_;
  if (stage_ != Stage::tensors) return fail(BN_NOT_READY, "only between the tensors of a file bytes can be skipped");
  const uint64_t end = next_segment_ < segments_.size() ? segments_[next_segment_].begin : UINT64_MAX;
  if (position_ > end || n_bytes > end - position_)
    return fail(BN_BAD_ARGUMENT, "%llu bytes are to be skipped at byte %llu, but this rank needs some of them",
                static_cast<unsigned long long>(n_bytes), static_cast<unsigned long long>(position_));
  position_ += n_bytes;
  return {};
}

Status Loader::plan_of(uint32_t rank, Planner& sizes, std::vector<Segment>& segments) const {
  Weights weights;
  return Inventory(model_.config, {rank, model_.rank.count}, weights).plan(*model_.parts.back(), sizes, segments);
}

Status Loader::kept(uint32_t rank, std::vector<Run>& runs) const {
  if (stage_ == Stage::failed) return failure_;
  if (stage_ != Stage::tensors) return fail(BN_NOT_READY, "what a rank keeps is known while the tensors arrive");
  Planner sizes;
  std::vector<Segment> segments;
  BN_TRY(plan_of(rank, sizes, segments));
  for (const Segment& segment : segments)
    if (!runs.empty() && runs.back().end == segment.begin)
      runs.back().end = segment.end;
    else
      runs.push_back({segment.begin, segment.end});
  return {};
}

Status Loader::take_header_bytes(std::span<const uint8_t> bytes) {
  size_t used = 0;
  BN_TRY(model_.parts.back()->feed(bytes, used));
  model_.header_checksum = crc32(bytes.first(used), model_.header_checksum);
  position_ += used;
  if (!model_.parts.back()->done()) return {};
  if (model_.parts.size() == 1) BN_TRY(read_first_header());
  BN_TRY(check_part());
  BN_TRY(begin_tensors());
  // The window held the first bytes of the data section too.
  for (std::span<const uint8_t> rest = bytes.subspan(used); !rest.empty();) {
    const std::span<uint8_t> place = window();
    const size_t n_bytes = std::min(place.size(), rest.size());
    std::memmove(place.data(), rest.data(), n_bytes);
    BN_TRY(take_tensor_bytes(n_bytes));
    rest = rest.subspan(n_bytes);
  }
  return {};
}

Status Loader::read_first_header() {
  const Metadata& metadata = model_.metadata();
  const int64_t n_parts = split_count(metadata);
  if (n_parts > 1 << 16) return damaged("split.count is %lld", static_cast<long long>(n_parts));
  parts_left_ = n_parts > 1 ? static_cast<uint32_t>(n_parts) - 1 : 0;
  const StringTable* tokens = metadata.string_array("tokenizer.ggml.tokens");
  // A later part alone has no metadata that a model could be read from.
  if (const int64_t index = metadata.integer("split.no").value_or(0); index != 0)
    return fail(BN_BAD_FILE,
                "this file is part %lld of a model in %lld parts; open the first one, whose name ends in "
                "-00001-of-%05lld.gguf",
                static_cast<long long>(index + 1), static_cast<long long>(n_parts), static_cast<long long>(n_parts));
  BN_TRY(read_config(metadata, tokens == nullptr ? 0 : tokens->size(), model_.config, model_.warnings));
  BN_TRY(model_.tokenizer.build(metadata, model_.warnings));
  for (const std::string& warning : model_.warnings) model_.log(Log::warning, warning);
  model_.parts.front()->drop_arrays();  // the tokenizer holds what it needs of a large vocabulary
  inventory_ = std::make_unique<Inventory>(model_.config, model_.rank, model_.weights);
  return {};
}

// Does this part belong at this place?
Status Loader::check_part() const {
  const Metadata& metadata = model_.parts.back()->metadata();
  const auto n_before = static_cast<int64_t>(model_.parts.size() - 1);
  const int64_t index = metadata.integer("split.no").value_or(0);
  const int64_t n_parts = split_count(metadata);
  const int64_t expected = n_before + 1 + parts_left_;
  if (index == n_before && n_parts == expected) return {};
  return fail(BN_BAD_FILE,
              "part %lld of %lld arrived where part %lld of %lld belongs; give all parts of one model in order",
              static_cast<long long>(index + 1), static_cast<long long>(n_parts), static_cast<long long>(n_before + 1),
              static_cast<long long>(expected));
}

Status Loader::begin_tensors() {
  const GgufHeader& header = *model_.parts.back();
  Planner sizes;
  BN_TRY(inventory_->plan(header, sizes, segments_));
  const uint64_t n_bytes = sizes.n_bytes();
  const uint64_t limit = model_.memory_limit_bytes;
  model_.weights_bytes += n_bytes;
  for (uint32_t rank = 0; rank < model_.rank.count; ++rank)
    if (rank != model_.rank.index) {
      Planner of_another;
      std::vector<Segment> unused;
      BN_TRY(plan_of(rank, of_another, unused));
      model_.other_weights_bytes += of_another.n_bytes();
    }
  const uint64_t total = model_.weights_bytes + model_.sessions_bytes;
  if (limit != 0 && total > limit)
    return fail(BN_OUT_OF_MEMORY, "the weights need %llu bytes, %llu more than allowed; choose a smaller model",
                static_cast<unsigned long long>(model_.weights_bytes), static_cast<unsigned long long>(total - limit));
  Block& block = model_.memory.emplace_back();
  if (!block.allocate(n_bytes))
    return fail(
        BN_OUT_OF_MEMORY,
        "the weights need %llu bytes, %llu more than can be had here; close other tabs or choose a smaller model",
        static_cast<unsigned long long>(n_bytes), static_cast<unsigned long long>(n_bytes - available_bytes(n_bytes)));
  segments_.clear();
  next_segment_ = 0;
  Planner places(block.data());
  BN_TRY(inventory_->plan(header, places, segments_));
  stage_ = Stage::tensors;
  return {};
}

Status Loader::take_tensor_bytes(size_t n_bytes) {
  const std::span<const uint8_t> bytes = window().first(n_bytes);
  position_ += n_bytes;
  if (next_segment_ == segments_.size()) return {};
  const Segment& segment = segments_[next_segment_];
  if (position_ <= segment.begin) return {};
  if (position_ == segment.end) next_segment_ += 1;
  return check(segment, bytes);
}

// The bytes that have just arrived in a segment: what no model contains is refused before it can spoil an answer.
Status Loader::check(const Segment& segment, std::span<const uint8_t> bytes) {
  const char* name = segment.tensor->name.c_str();
  const bool complete = position_ == segment.end;
  switch (segment.kind) {
    case Segment::Kind::ternary_codes: return check_codes(name, bytes);
    case Segment::Kind::ternary_blocks: return recode(segment, bytes.size());
    case Segment::Kind::scale: {
      if (!complete) return {};
      float scale = 0;
      std::memcpy(&scale, segment.destination, sizeof scale);
      if (std::isfinite(scale) && scale > 0) return {};
      return damaged("tensor %s has the scale %g instead of a positive number", name, static_cast<double>(scale));
    }
    case Segment::Kind::numbers: {
      const TensorFormat& format = *find_tensor_format(segment.tensor->type);
      const uint64_t n_arrived = position_ - segment.begin;
      const uint64_t n_whole = n_arrived - n_arrived % format.block_bytes;
      const std::span<const uint8_t> blocks(segment.destination + n_checked_,
                                            static_cast<size_t>(n_whole - n_checked_));
      n_checked_ = complete ? 0 : n_whole;
      return check_finite(*segment.tensor, blocks);
    }
  }
  return {};
}

// The last n_arrived bytes of ternary blocks lie in passing_, behind those of an incomplete one: what is complete now
// becomes codes and scales, and what is not moves to the front.
Status Loader::recode(const Segment& segment, size_t n_arrived) {
  const TensorFormat& format = *find_tensor_format(segment.tensor->type);
  const uint64_t n_before = position_ - segment.begin - n_arrived;
  const size_t n_incomplete = incomplete_bytes(segment, n_before);
  const auto first = static_cast<size_t>(n_before / format.block_bytes);
  const size_t n_blocks = (n_incomplete + n_arrived) / format.block_bytes;
  const size_t n_whole = n_blocks * format.block_bytes;
  const std::span<uint8_t> bytes = std::span(*passing_).first(n_incomplete + n_arrived);
  uint8_t* codes = segment.destination + first * TernaryBlock::code_bytes;
  BN_TRY(check_finite(*segment.tensor, bytes.first(n_whole)));
  for (size_t i = 0; i < n_blocks; ++i)
    segment.block_scales[first + i] =
        recode_block(static_cast<TensorType>(format.id), bytes.data() + i * format.block_bytes,
                     codes + i * TernaryBlock::code_bytes);
  BN_TRY(check_codes(segment.tensor->name.c_str(), {codes, n_blocks * TernaryBlock::code_bytes}));
  std::memmove(bytes.data(), bytes.data() + n_whole, bytes.size() - n_whole);
  if (position_ == segment.end && !find_row_scales(segment.block_scales, segment.row_scales))
    segment.matrix->block_scales = {};
  return {};
}

Status Loader::end_part() {
  if (stage_ == Stage::header) {
    if (position_ == 0) return fail(BN_BAD_FILE, "the file is empty; download it again or choose another one");
    return fail(BN_BAD_FILE, "the file ends inside its header; it is truncated, download it again");
  }
  if (next_segment_ < segments_.size())
    return fail(BN_BAD_FILE, "the file ends after %llu of %llu bytes; it is truncated, download it again",
                static_cast<unsigned long long>(position_),
                static_cast<unsigned long long>(model_.parts.back()->data_end()));
  return {};
}

Status Loader::next_part(uint64_t file_bytes) {
  if (stage_ == Stage::failed) return failure_;
  BN_TRY(failed(end_part()));
  if (parts_left_ == 0) return fail(BN_NOT_READY, "the model has no further parts");
  parts_left_ -= 1;
  before_part_ += position_;
  position_ = 0;
  model_.parts.push_back(std::make_unique<GgufHeader>(file_bytes));
  stage_ = Stage::header;
  return {};
}

Status Loader::finish() {
  if (stage_ == Stage::failed) return failure_;
  if (stage_ == Stage::ready) return {};
  BN_TRY(failed(end_part()));
  if (parts_left_ > 0)
    return failed(fail(BN_BAD_FILE, "%u of the model's %zu parts are missing; give all of them", parts_left_,
                       model_.parts.size() + parts_left_));
  BN_TRY(failed(inventory_->complete()));
  for (const float divisor : model_.weights.rope_freqs)
    if (!(divisor > 0)) return failed(damaged("rope_freqs.weight contains %g", static_cast<double>(divisor)));
  BN_TRY(failed(make_screen()));
  inventory_ = {};
  segments_ = {};
  passing_ = {};
  stage_ = Stage::ready;
  model_.ready = true;
  model_.log(Log::info, "loaded " + (model_.config.name.empty() ? "a model" : model_.config.name) + ": " +
                            std::to_string(model_.weights_bytes) + " bytes of weights, kernels " +
                            model_.kernels->name);
  return {};
}

// A help, not a need: it comes last, after sessions made early, and where one rank has no room all run without.
Status Loader::make_screen() {
  const Matrix& head = model_.weights.output;
  if (!model_.wants_screen || !OutputScreen::suits(head)) return {};
  Planner sizes;
  OutputScreen().plan(sizes, head);
  const uint64_t limit = model_.memory_limit_bytes;
  const uint64_t total = model_.weights_bytes + model_.sessions_bytes + sizes.n_bytes();
  Block block;
  const Rank rank = model_.rank;
  std::vector<float> taken(rank.count);  // megabytes, 0 where there is no room
  const bool has_room = Block().allocate(sizes.n_bytes() + room_for_small_things);  // given back at once
  if ((limit == 0 || total <= limit) && has_room && block.allocate(sizes.n_bytes()))
    taken[rank.index] = static_cast<float>(sizes.n_bytes()) * 0x1p-20f;
  BN_TRY(model_.gather(taken.data(), 1, rank.count, {rank.index, rank.index + 1}));
  if (std::find(taken.begin(), taken.end(), 0.0f) != taken.end()) {
    model_.log(Log::info, "the output head runs as it is: there is no room for the " + std::to_string(sizes.n_bytes()) +
                              " bytes that would make it faster");
    return {};
  }
  Planner places(block.data());
  model_.screen.plan(places, head);
  model_.memory.push_back(std::move(block));
  model_.weights_bytes += sizes.n_bytes();
  for (uint32_t other = 0; other < rank.count; ++other)
    if (other != rank.index) model_.other_weights_bytes += static_cast<uint64_t>(taken[other] * 0x1p20f);
  std::vector<float> row(head.n_cols);
  model_.screen.fill(*model_.kernels, head, row);
  return {};
}

}  // namespace bitnet
