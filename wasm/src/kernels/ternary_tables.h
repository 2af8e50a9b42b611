// ternary_tables.h: products of a ternary matrix with 16 tokens at once, by looking sums up instead of multiplying
// (the method of four Russians). Five columns have only 3^5 = 243 different rows of weights: all 243 weighted sums of
// the tokens' activations are put into a table, and a byte that holds five weights in base 3 is its index. Plain loops
// over the compiler's vectors, which become those of the set that includes this file.
#pragma once

#include <algorithm>
#include <cstring>

#include "ternary_index.h"

namespace bitnet::wide {

using Words8 = uint16_t __attribute__((vector_size(16)));
using Half8 = int16_t __attribute__((vector_size(16)));
using Long8 = int32_t __attribute__((vector_size(32)));
using Sums = int16_t __attribute__((vector_size(2 * TernaryIndex::n_tokens)));

template <class Vector>
inline Vector load(const void* from) noexcept {
  Vector value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline void index_i2_s(const uint8_t* codes, size_t n_rows, size_t n_cols, size_t panel, size_t n_all_rows,
                       uint8_t* indices) {
  const size_t n_blocks = n_cols / 128, first_block = panel * TernaryIndex::panel_blocks;
  for (size_t row = 0; row < n_rows; ++row)
    for (size_t half = 0; half < 2; ++half) {
      Words8 bytes[TernaryIndex::n_digits] = {};  // pairs of bytes: nothing carries from one into the other
      for (size_t digit = 0; digit < TernaryIndex::n_digits; ++digit) {
        const size_t block = first_block + digit;
        if (block < n_blocks) bytes[digit] = load<Words8>(codes + (row * n_blocks + block) * 32 + 16 * half);
      }
      for (size_t quarter = 0; quarter < 4; ++quarter) {
        Words8 index = {};
        for (const Words8& word : bytes) index = index * 3 + (word >> (6 - 2 * quarter) & 0x0303);
        std::memcpy(indices + ((2 * quarter + half) * n_all_rows + row) * 16, &index, sizeof index);
      }
    }
}

// All weighted sums of five columns; x is [5][n_tokens], the most significant digit first.
inline void fill_table(const int16_t* x, int16_t* table) noexcept {
  constexpr size_t n_tokens = TernaryIndex::n_tokens;
  size_t n = 1;
  std::memset(table, 0, sizeof(Sums));
  for (size_t digit = TernaryIndex::n_digits; digit-- > 0; n *= 3) {
    const auto factor = load<Sums>(x + n_tokens * digit);
    for (size_t i = 0; i < n; ++i) {
      const auto sum = load<Sums>(table + n_tokens * i);
      const Sums below = sum - factor, above = sum + factor;
      std::memcpy(table + n_tokens * i, &below, sizeof below);
      std::memcpy(table + n_tokens * (n + i), &sum, sizeof sum);
      std::memcpy(table + n_tokens * (2 * n + i), &above, sizeof above);
    }
  }
}

// to[n_tokens] += from.
inline void add_sums(const Sums& from, int32_t* to) noexcept {
  for (size_t token = 0; token < TernaryIndex::n_tokens; token += 8) {
    Half8 sums;
    std::memcpy(&sums, reinterpret_cast<const char*>(&from) + 2 * token, sizeof sums);
    const Long8 total = load<Long8>(to + token) + __builtin_convertvector(sums, Long8);
    std::memcpy(to + token, &total, sizeof total);
  }
}

enum class Place { first, between, last };  // of a step among those that share sums of 16 bits

// Adds 20 columns to the sums of every row; after the last step they go to `out`. indices: 4 of each row's 16 bytes.
template <Place place>
inline void add_step(const uint8_t* indices, size_t n_rows, const int16_t* tables, int16_t* partial,
                     int32_t* out) noexcept {
  constexpr size_t n_tokens = TernaryIndex::n_tokens;
  // An engine looks for a request to stop in every round of a loop, and forgets what it had in registers for that.
#pragma GCC unroll 4
  for (size_t row = 0; row < n_rows; ++row) {
    const auto four = load<uint32_t>(indices + TernaryIndex::unit_bytes * row);  // one load instead of four
    auto sum = load<Sums>(tables + n_tokens * (four & 255));
    if constexpr (place != Place::first) sum += load<Sums>(partial + n_tokens * row);
    sum += load<Sums>(tables + TernaryIndex::table_size + n_tokens * (four >> 8 & 255));
    sum += load<Sums>(tables + 2 * TernaryIndex::table_size + n_tokens * (four >> 16 & 255));
    sum += load<Sums>(tables + 3 * TernaryIndex::table_size + n_tokens * (four >> 24));
    if constexpr (place == Place::last)
      add_sums(sum, out + n_tokens * row);
    else
      std::memcpy(partial + n_tokens * row, &sum, sizeof sum);
  }
}

inline void matmul_indexed(const uint8_t* indices, size_t n_rows, const int16_t* x, const TernaryScratch& scratch,
                           int32_t* out) {
  for (size_t unit = 0; unit < TernaryIndex::n_units; ++unit)
    for (size_t quarter = 0; quarter < 4; ++quarter) {
      for (size_t i = 0; i < 4; ++i) {
        const size_t group = 16 * unit + 4 * quarter + i;
        fill_table(x + group * TernaryIndex::n_digits * TernaryIndex::n_tokens,
                   scratch.tables + i * TernaryIndex::table_size);
      }
      // 240 columns, three units, add at most 240 * 127 to a sum of 16 bits.
      const bool is_first = quarter == 0 && unit % 3 == 0;
      const bool is_last = quarter == 3 && (unit % 3 == 2 || unit + 1 == TernaryIndex::n_units);
      const auto step = is_first ? add_step<Place::first> : is_last ? add_step<Place::last> : add_step<Place::between>;
      step(indices + unit * n_rows * TernaryIndex::unit_bytes + 4 * quarter, n_rows, scratch.tables, scratch.partial,
           out);
    }
}

}  // namespace bitnet::wide
