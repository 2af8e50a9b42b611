// sets_relaxed.cpp: the kernel sets of the relaxed-SIMD build.
#include "sets.h"

namespace bitnet {

extern const KernelSet wasm_relaxed_kernels, wasm_relaxed_add_kernels;
extern const KernelSet wasm_simd128_kernels;
const KernelSet* const built_sets[] = {&wasm_relaxed_add_kernels, &wasm_relaxed_kernels, &wasm_simd128_kernels,
                                       &scalar_kernels, nullptr};
bool can_run(const KernelSet&) noexcept { return true; }  // the engine has accepted the module as a whole

}  // namespace bitnet
