#include "tensor_type.h"

#include <algorithm>
#include <iterator>

namespace bitnet {

namespace {

// Block sizes: the GGUF specification and bitnet.cpp's ggml (I2_S, TL1, TL2). Sorted by id.
constexpr TensorFormat formats[] = {
    {0, "F32", 1, 4, true},          {1, "F16", 1, 2, true},
    {2, "Q4_0", 32, 18, false},      {3, "Q4_1", 32, 20, false},
    {6, "Q5_0", 32, 22, false},      {7, "Q5_1", 32, 24, false},
    {8, "Q8_0", 32, 34, true},       {9, "Q8_1", 32, 36, false},
    {10, "Q2_K", 256, 84, false},    {11, "Q3_K", 256, 110, false},
    {12, "Q4_K", 256, 144, false},   {13, "Q5_K", 256, 176, false},
    {14, "Q6_K", 256, 210, true},    {15, "Q8_K", 256, 292, false},
    {16, "IQ2_XXS", 256, 66, false}, {17, "IQ2_XS", 256, 74, false},
    {18, "IQ3_XXS", 256, 98, false}, {19, "IQ1_S", 256, 50, false},
    {20, "IQ4_NL", 32, 18, false},   {21, "IQ3_S", 256, 110, false},
    {22, "IQ2_S", 256, 82, false},   {23, "IQ4_XS", 256, 136, false},
    {24, "I8", 1, 1, false},         {25, "I16", 1, 2, false},
    {26, "I32", 1, 4, false},        {27, "I64", 1, 8, false},
    {28, "F64", 1, 8, false},        {29, "IQ1_M", 256, 56, false},
    {30, "BF16", 1, 2, true},        {34, "TQ1_0", 256, 54, true},
    {35, "TQ2_0", 256, 66, false},   {36, "I2_S", 128, 32, true},
    {38, "TL1", 1, 0, false},        {39, "TL2 or MXFP4", 1, 0, false},
};

}  // namespace

const TensorFormat* find_tensor_format(uint32_t id) noexcept {
  const auto* found = std::lower_bound(std::begin(formats), std::end(formats), id,
                                       [](const TensorFormat& format, uint32_t wanted) { return format.id < wanted; });
  return found != std::end(formats) && found->id == id ? found : nullptr;
}

Status tensor_bytes(uint32_t type, uint64_t n_cols, uint64_t n_elements, const char* tensor_name, uint64_t& n_bytes) {
  const TensorFormat* format = find_tensor_format(type);
  if (format == nullptr || !format->runs)
    return fail(BN_UNSUPPORTED,
                "tensor %s has type %u (%s), which this version cannot run; use a file in I2_S, or with F32, F16, "
                "BF16, Q8_0, Q6_K or TQ1_0 tensors",
                tensor_name, type, format == nullptr ? "unknown" : format->name);
  if (n_cols % format->block_elements != 0)
    return fail(BN_UNSUPPORTED, "tensor %s: rows of %llu elements are no whole number of %s blocks of %u", tensor_name,
                static_cast<unsigned long long>(n_cols), format->name, format->block_elements);
  uint64_t size = 0;
  if (__builtin_mul_overflow(n_elements / format->block_elements, uint64_t{format->block_bytes}, &size) ||
      __builtin_add_overflow(size, type == static_cast<uint32_t>(TensorType::i2_s) ? uint64_t{32} : uint64_t{0}, &size))
    return damaged("tensor %s: its size overflows", tensor_name);
  n_bytes = size;
  return {};
}

uint64_t row_bytes(TensorType type, uint64_t n_cols) noexcept {
  const TensorFormat* format = find_tensor_format(static_cast<uint32_t>(type));
  return n_cols / format->block_elements * format->block_bytes;
}

}  // namespace bitnet
