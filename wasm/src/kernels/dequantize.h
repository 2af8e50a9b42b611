// dequantize.h: one row of a stored matrix as floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../tensor_type.h"

namespace bitnet {

// The definition of every tensor type: element by element, by its place in the block. n_cols is a whole number of
// blocks. I2_S gives -1, 0 and +1: its scale stands after the tensor. Kernel sets have a fast twin.
void dequantize_row(TensorType type, const uint8_t* row, size_t n_cols, float* out) noexcept;

}  // namespace bitnet
