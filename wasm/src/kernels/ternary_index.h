// ternary_index.h: I2_S weights regrouped for products with many tokens: a byte is five weights of one row in base 3.
//
// It is done a panel at a time: 640 columns, which are five blocks of 128. A byte takes the same column of each block,
// block 0 as the most significant digit, so that 16 bytes of the file at a time become indices. 16 neighbouring columns
// are a unit (of 80 columns in all): unit 2 q + h has the columns digit * 128 + 32 q + 16 h + i, i < 16. Indices are
// [unit][row][16]. Columns past the last have the digit 0 and must meet activations of 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitnet {

struct TernaryIndex {
  static constexpr size_t n_digits = 5;
  static constexpr size_t n_entries = 243;  // 3^5
  static constexpr size_t n_tokens = 16;    // that are multiplied together
  static constexpr size_t table_size = n_entries * n_tokens;
  static constexpr size_t unit_bytes = 16;  // of a row
  static constexpr size_t n_units = 8;      // of a panel
  static constexpr size_t row_bytes = n_units * unit_bytes;
  static constexpr size_t panel_blocks = n_digits;
  static constexpr size_t panel_cols = panel_blocks * 128;
  static constexpr size_t panel_activations = panel_cols * n_tokens;

  static constexpr size_t n_panels(size_t n_cols) noexcept { return (n_cols + panel_cols - 1) / panel_cols; }
  static constexpr size_t column(size_t panel, size_t unit, size_t i, size_t digit) noexcept {
    return panel * panel_cols + digit * 128 + unit * 16 + i;
  }
};

struct TernaryScratch {
  int16_t* tables;   // [4][243][n_tokens]
  int16_t* partial;  // [n_rows][n_tokens]
  static constexpr size_t tables_size = 4 * TernaryIndex::table_size;
};

// A panel's activations of at most TernaryIndex::n_tokens rows in the order of the indices: [unit][16][digit][token], 0
// where there is none.
inline void arrange_activations(const int8_t* x, size_t n_tokens, size_t n_cols, size_t panel,
                                int16_t* arranged) noexcept {
  for (size_t unit = 0; unit < TernaryIndex::n_units; ++unit)
    for (size_t i = 0; i < 16; ++i)
      for (size_t digit = 0; digit < TernaryIndex::n_digits; ++digit) {
        const size_t column = TernaryIndex::column(panel, unit, i, digit);
        for (size_t token = 0; token < TernaryIndex::n_tokens; ++token)
          *arranged++ = token < n_tokens && column < n_cols ? x[token * n_cols + column] : int16_t{0};
      }
}

}  // namespace bitnet
