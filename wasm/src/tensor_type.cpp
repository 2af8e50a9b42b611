#include "tensor_type.h"

#include <algorithm>
#include <iterator>

namespace bitnet {

namespace {

// Block sizes: the GGUF specification and bitnet.cpp's ggml (I2_S). Sorted by id.
constexpr TensorFormat formats[] = {
    {0, "F32", 1, 4, true, {-1, -1}},          {1, "F16", 1, 2, true, {0, -1}},
    {2, "Q4_0", 32, 18, true, {0, -1}},        {3, "Q4_1", 32, 20, true, {0, 2}},
    {6, "Q5_0", 32, 22, true, {0, -1}},        {7, "Q5_1", 32, 24, true, {0, 2}},
    {8, "Q8_0", 32, 34, true, {0, -1}},        {9, "Q8_1", 32, 36, false, {-1, -1}},
    {10, "Q2_K", 256, 84, true, {80, 82}},     {11, "Q3_K", 256, 110, true, {108, -1}},
    {12, "Q4_K", 256, 144, true, {0, 2}},      {13, "Q5_K", 256, 176, true, {0, 2}},
    {14, "Q6_K", 256, 210, true, {208, -1}},   {15, "Q8_K", 256, 292, false, {-1, -1}},
    {16, "IQ2_XXS", 256, 66, false, {-1, -1}}, {17, "IQ2_XS", 256, 74, false, {-1, -1}},
    {18, "IQ3_XXS", 256, 98, false, {-1, -1}}, {19, "IQ1_S", 256, 50, false, {-1, -1}},
    {20, "IQ4_NL", 32, 18, true, {0, -1}},     {21, "IQ3_S", 256, 110, false, {-1, -1}},
    {22, "IQ2_S", 256, 82, false, {-1, -1}},   {23, "IQ4_XS", 256, 136, false, {-1, -1}},
    {24, "I8", 1, 1, false, {-1, -1}},         {25, "I16", 1, 2, false, {-1, -1}},
    {26, "I32", 1, 4, false, {-1, -1}},        {27, "I64", 1, 8, false, {-1, -1}},
    {28, "F64", 1, 8, false, {-1, -1}},        {29, "IQ1_M", 256, 56, false, {-1, -1}},
    {30, "BF16", 1, 2, true, {-1, -1}},        {34, "TQ1_0", 256, 54, true, {52, -1}},
    {35, "TQ2_0", 256, 66, true, {64, -1}},    {36, "I2_S", 128, 32, true, {-1, -1}},
    {40, "NVFP4", 64, 36, false, {-1, -1}},    {41, "Q1_0", 128, 18, false, {-1, -1}},
    {42, "Q2_0", 64, 18, false, {-1, -1}},
};

// Numbers whose files cannot be read at all, and why.
const char* obstacle(uint32_t type) noexcept {
  switch (type) {
    case 31:
    case 32:
    case 33: return "a repacked Q4_0 that llama.cpp has removed; use a file in Q4_0";
    case 37: return "I8_S, which holds activations and not weights; use a file in I2_S or TQ2_0";
    case 38: return "TL1, whose layout depends on the build that wrote it; use a file in I2_S or TQ2_0";
    case 39: return "TL2 (or MXFP4), whose layout is not in the file; use a file in I2_S or TQ2_0";
    default: return nullptr;
  }
}

}  // namespace

const TensorFormat* find_tensor_format(uint32_t id) noexcept {
  const auto* found = std::lower_bound(std::begin(formats), std::end(formats), id,
                                       [](const TensorFormat& format, uint32_t wanted) { return format.id < wanted; });
  return found != std::end(formats) && found->id == id ? found : nullptr;
}

Status tensor_bytes(uint32_t type, uint64_t n_cols, uint64_t n_elements, const char* tensor_name, uint64_t& n_bytes) {
  if (const char* reason = obstacle(type))
    return fail(BN_UNSUPPORTED, "tensor %s has type %u: %s", tensor_name, type, reason);
  const TensorFormat* format = find_tensor_format(type);
  if (format == nullptr || !format->runs)
    return fail(BN_UNSUPPORTED,
                "tensor %s has type %u (%s), which this version cannot run; use a file in I2_S or TQ2_0, or one "
                "quantised to Q8_0 or Q4_0",
                tensor_name, type, format == nullptr ? "unknown" : format->name);
  if (n_cols % format->block_elements != 0)
    return fail(BN_UNSUPPORTED,
                "tensor %s: rows of %llu elements are no whole number of %s blocks of %u; use a file in another type",
                tensor_name, static_cast<unsigned long long>(n_cols), format->name, format->block_elements);
  uint64_t size = 0;
  const uint64_t scale_bytes = type == static_cast<uint32_t>(TensorType::i2_s) ? 32 : 0;
  if (__builtin_mul_overflow(n_elements / format->block_elements, uint64_t{format->block_bytes}, &size) ||
      __builtin_add_overflow(size, scale_bytes, &size))
    return damaged("tensor %s: its size overflows", tensor_name);
  n_bytes = size;
  return {};
}

bool has_blocks(TensorType type) noexcept {
  return find_tensor_format(static_cast<uint32_t>(type))->block_elements > 1;
}

uint64_t row_bytes(TensorType type, uint64_t n_cols) noexcept {
  const TensorFormat* format = find_tensor_format(static_cast<uint32_t>(type));
  return n_cols / format->block_elements * format->block_bytes;
}

}  // namespace bitnet
