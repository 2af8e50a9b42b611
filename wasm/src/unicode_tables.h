// unicode_tables.h: the table that tools/make_unicode_tables.py writes.
#pragma once

#include <iterator>

#include "unicode.h"

namespace bitnet {

struct CategoryRange {
  char32_t first;
  Category category;
};

extern const CategoryRange category_ranges[];  // ascending; the first one starts at 0
extern const size_t n_category_ranges;

}  // namespace bitnet
