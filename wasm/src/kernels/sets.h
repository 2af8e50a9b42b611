// sets.h: what the build for one platform (a sets_*.cpp file) tells about itself.
#pragma once

#include "kernels.h"

namespace bitnet {

extern const KernelSet* const built_sets[];  // best first, ends with null
bool can_run(const KernelSet& set) noexcept;

}  // namespace bitnet
