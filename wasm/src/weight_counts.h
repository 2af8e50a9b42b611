// weight_counts.h: how many weights of a ternary matrix are -1, 0 and +1.
#pragma once

#include <array>
#include <cstdint>

#include "model.h"

namespace bitnet {

using WeightCounts = std::array<uint64_t, 3>;

// Of the rows that this rank holds; the matrix is one of I2_S codes.
WeightCounts count_weights(const Matrix& matrix) noexcept;

// Of a tensor of the file, by its place among those of all parts; over all ranks.
Status count_weights(const Model& model, size_t tensor, WeightCounts& counts);

}  // namespace bitnet
