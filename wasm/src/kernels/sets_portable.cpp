// sets_portable.cpp: the kernel sets of a native build for any other machine.
#include "sets.h"

namespace bitnet {

const KernelSet* const built_sets[] = {&scalar_kernels, nullptr};
bool can_run(const KernelSet&) noexcept { return true; }

}  // namespace bitnet
