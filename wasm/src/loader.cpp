#include "loader.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bitnet {

namespace {

bool has_code_3(std::span<const uint8_t> codes) noexcept {
  uint8_t found = 0;
  for (const uint8_t byte : codes) found |= static_cast<uint8_t>(byte & (byte >> 1) & 0x55);
  return found != 0;
}

}  // namespace

Loader::Loader(Model& model) : model_(model), passing_(std::make_unique<std::array<uint8_t, 65536>>()) {}

Status Loader::failed(Status status) {
  if (!status.ok()) {
    stage_ = Stage::failed;
    failure_ = status;
    model_.weights = {};
    model_.memory = {};
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
  return {segment.destination + (position_ - segment.begin), static_cast<size_t>(segment.end - position_)};
}

Status Loader::commit(size_t n_bytes) {
  if (stage_ == Stage::failed) return failure_;
  const std::span<uint8_t> place = window();
  if (n_bytes > place.size())
    return fail(stage_ == Stage::ready ? BN_NOT_READY : BN_BAD_ARGUMENT, "%zu bytes committed to a window of %zu",
                n_bytes, place.size());
  if (model_.header.file_bytes() != 0 && position_ + n_bytes > model_.header.file_bytes())
    return failed(fail(BN_BAD_FILE, "more bytes arrived than the %llu that the file was said to have",
                       static_cast<unsigned long long>(model_.header.file_bytes())));
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

Status Loader::take_header_bytes(std::span<const uint8_t> bytes) {
  size_t used = 0;
  BN_TRY(model_.header.feed(bytes, used));
  position_ += used;
  if (!model_.header.done()) return {};
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

Status Loader::begin_tensors() {
  const Metadata& metadata = model_.header.metadata();
  const StringTable* tokens = metadata.string_array("tokenizer.ggml.tokens");
  BN_TRY(read_config(metadata, tokens == nullptr ? 0 : tokens->size(), model_.config, model_.warnings));
  BN_TRY(model_.tokenizer.build(metadata, model_.warnings));
  Planner sizes;
  BN_TRY(plan_weights(model_.header, model_.config, model_.rank, sizes, model_.weights, segments_));
  model_.weights_bytes = sizes.n_bytes();
  const uint64_t limit = model_.memory_limit_bytes;
  if (limit != 0 && model_.weights_bytes > limit)
    return fail(BN_OUT_OF_MEMORY, "the weights need %llu bytes, %llu more than allowed; choose a smaller model",
                static_cast<unsigned long long>(model_.weights_bytes),
                static_cast<unsigned long long>(model_.weights_bytes - limit));
  if (!model_.memory.allocate(model_.weights_bytes))
    return fail(BN_OUT_OF_MEMORY,
                "the weights need %llu bytes, which this machine does not give; close other tabs or "
                "choose a smaller model",
                static_cast<unsigned long long>(model_.weights_bytes));
  segments_.clear();
  Planner places(model_.memory.data());
  BN_TRY(plan_weights(model_.header, model_.config, model_.rank, places, model_.weights, segments_));
  for (const std::string& warning : model_.warnings) model_.log(Log::warning, warning);
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

Status Loader::check(const Segment& segment, std::span<const uint8_t> bytes) const {
  const char* name = segment.tensor->name.c_str();
  if (segment.kind == Segment::Kind::ternary_codes && has_code_3(bytes))
    return fail(BN_BAD_FILE,
                "tensor %s contains the code 3, which no ternary weight has; the file is damaged or has another layout",
                name);
  if (segment.kind == Segment::Kind::scale && position_ == segment.end) {
    float scale = 0;
    std::memcpy(&scale, segment.destination, sizeof scale);
    if (!(std::isfinite(scale) && scale > 0))
      return damaged("tensor %s has the scale %g instead of a positive number", name, static_cast<double>(scale));
  }
  return {};
}

Status Loader::finish() {
  if (stage_ == Stage::failed) return failure_;
  if (stage_ == Stage::ready) return {};
  if (stage_ == Stage::header) {
    if (position_ == 0) return failed(fail(BN_BAD_FILE, "the file is empty; download it again or choose another one"));
    return failed(fail(BN_BAD_FILE, "the file ends inside its header; it is truncated, download it again"));
  }
  if (next_segment_ < segments_.size())
    return failed(fail(BN_BAD_FILE, "the file ends after %llu of %llu bytes; it is truncated, download it again",
                       static_cast<unsigned long long>(position_),
                       static_cast<unsigned long long>(model_.header.data_end())));
  segments_ = {};
  passing_ = {};
  stage_ = Stage::ready;
  model_.log(Log::info, "loaded " + (model_.config.name.empty() ? "a model" : model_.config.name) + ": " +
                            std::to_string(model_.weights_bytes) + " bytes of weights, kernels " +
                            model_.kernels->name);
  return {};
}

}  // namespace bitnet
