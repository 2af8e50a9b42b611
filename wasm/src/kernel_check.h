// kernel_check.h: is every kernel of a set the same, bit for bit, as its scalar twin on this machine?
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace bitnet {

// The number of results that differ, over `n_rounds` of seeded random inputs and the worst cases of each kernel.
size_t count_kernel_mismatches(const KernelSet& kernels, uint64_t seed, size_t n_rounds);

}  // namespace bitnet
