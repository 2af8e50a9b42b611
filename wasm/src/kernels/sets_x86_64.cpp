// sets_x86_64.cpp: the kernel sets of the native build for x86-64.
#include "sets.h"

namespace bitnet {

extern const KernelSet avx2_kernels;
const KernelSet* const built_sets[] = {&avx2_kernels, &scalar_kernels, nullptr};

bool can_run(const KernelSet& set) noexcept {
  return &set != &avx2_kernels || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"));
}

}  // namespace bitnet
