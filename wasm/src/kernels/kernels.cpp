#include "kernels.h"

#include <cstring>

#include "sets.h"

namespace bitnet {

const KernelSet* kernel_set(size_t index) noexcept {
  for (const KernelSet* const* set = built_sets; *set != nullptr; ++set)
    if (can_run(**set) && index-- == 0) return *set;
  return nullptr;
}

const KernelSet* find_kernel_set(const char* name) noexcept {
  if (name == nullptr) return kernel_set(0);
  for (size_t i = 0; const KernelSet* set = kernel_set(i); ++i)
    if (std::strcmp(set->name, name) == 0) return set;
  return nullptr;
}

void spin(const KernelSet& set) noexcept {
  constexpr size_t n_rows = 64, n_cols = 1024;  // fits the nearest cache
  static uint8_t codes[n_rows * n_cols / 4];
  static int8_t x[n_cols];
  int16_t scratch[n_cols];
  int32_t out[n_rows];
  set.matvec_i2_s(codes, n_rows, n_cols, x, scratch, out);
}

}  // namespace bitnet
