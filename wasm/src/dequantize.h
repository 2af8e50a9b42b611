// dequantize.h: one row of a stored matrix as floats. These loops define what each tensor type means.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor_type.h"

namespace bitnet {

// n_cols is a whole number of blocks. I2_S gives -1, 0 and +1: its scale stands after the tensor.
void dequantize_row(TensorType type, const uint8_t* row, size_t n_cols, float* out) noexcept;

}  // namespace bitnet
