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
using Sums16 = int16_t __attribute__((vector_size(32)));  // of 16 tokens
using Half8 = int16_t __attribute__((vector_size(16)));
using Long8 = int32_t __attribute__((vector_size(32)));

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

// All weighted sums of five columns; x is [5][16 tokens], the most significant digit first.
inline void fill_table(const int16_t* x, int16_t* table) noexcept {
  size_t n = 1;
  std::memset(table, 0, sizeof(Sums16));
  for (size_t digit = TernaryIndex::n_digits; digit-- > 0; n *= 3) {
    const auto factor = load<Sums16>(x + 16 * digit);
    for (size_t i = 0; i < n; ++i) {
      const auto sum = load<Sums16>(table + 16 * i);
      const Sums16 below = sum - factor, above = sum + factor;
      std::memcpy(table + 16 * i, &below, sizeof below);
      std::memcpy(table + 16 * (n + i), &sum, sizeof sum);
      std::memcpy(table + 16 * (2 * n + i), &above, sizeof above);
    }
  }
}

// to += from; of 16 tokens.
inline void add_sums(const int16_t* from, int32_t* to) noexcept {
  for (size_t i = 0; i < 16; i += 8) {
    const Long8 total = load<Long8>(to + i) + __builtin_convertvector(load<Half8>(from + i), Long8);
    std::memcpy(to + i, &total, sizeof total);
  }
}

inline void matmul_indexed(const uint8_t* indices, size_t n_rows, const int16_t* x, const TernaryScratch& scratch,
                           int32_t* out) {
  constexpr size_t table_size = TernaryIndex::n_entries * 16;
  for (size_t unit = 0; unit < TernaryIndex::n_units; ++unit)
    for (size_t quarter = 0; quarter < 4; ++quarter) {
      for (size_t i = 0; i < 4; ++i)
        fill_table(x + (16 * unit + 4 * quarter + i) * TernaryIndex::n_digits * 16, scratch.tables + i * table_size);
      // 240 columns, three units, add at most 240 * 127 to a sum of 16 bits.
      const bool is_empty = quarter == 0 && unit % 3 == 0;
      const bool is_full = quarter == 3 && (unit % 3 == 2 || unit + 1 == TernaryIndex::n_units);
      const uint8_t* at = indices + unit * n_rows * 16 + 4 * quarter;
      for (size_t row = 0; row < n_rows; ++row, at += 16) {
        const auto four = load<uint32_t>(at);
        auto sum = is_empty ? Sums16{} : load<Sums16>(scratch.partial + 16 * row);
        sum += load<Sums16>(scratch.tables + 16 * (four & 255));
        sum += load<Sums16>(scratch.tables + table_size + 16 * (four >> 8 & 255));
        sum += load<Sums16>(scratch.tables + 2 * table_size + 16 * (four >> 16 & 255));
        sum += load<Sums16>(scratch.tables + 3 * table_size + 16 * (four >> 24));
        std::memcpy(scratch.partial + 16 * row, &sum, sizeof sum);
        if (is_full) add_sums(scratch.partial + 16 * row, out + 16 * row);
      }
    }
}

}  // namespace bitnet::wide
