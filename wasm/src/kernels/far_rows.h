// far_rows.h: the order in which a matrix is walked: four rows a quarter of it apart together, since four streams keep
// more of the memory busy than one; the last n_rows % 4 rows one by one.
#pragma once

#include <cstddef>

namespace bitnet {

// four(row, distance): the rows row, row + distance, row + 2 * distance, row + 3 * distance. one(row): that row.
template <class Four, class One>
inline void walk_far_rows(size_t n_rows, Four four, One one) {
  const size_t distance = n_rows / 4;
  for (size_t row = 0; row < distance; ++row) four(row, distance);
  for (size_t row = 4 * distance; row < n_rows; ++row) one(row);
}

}  // namespace bitnet
