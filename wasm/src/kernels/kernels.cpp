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

}  // namespace bitnet
