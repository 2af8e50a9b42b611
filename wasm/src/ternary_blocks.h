// ternary_blocks.h: TQ1_0 and TQ2_0, llama.cpp's ternary types, as codes in I2_S order and scales beside them.
//
// In the file a block of 256 weights ends with the half float that multiplies them. A file of a BitNet model has one
// scale for a whole tensor, so that its rows are those of I2_S; other files are run with what they have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor_type.h"

namespace bitnet {

struct TernaryBlock {
  static constexpr size_t n_weights = 256;
  static constexpr size_t code_bytes = n_weights / 4;
};

bool has_ternary_blocks(TensorType type) noexcept;

// Writes the codes of one block (TernaryBlock::code_bytes) and returns the bits of its scale. Where the scale is 0, so
// are all weights, whatever the codes were. The code 3 of TQ2_0 stays 3; every byte of TQ1_0 is five digits.
uint16_t recode_block(TensorType type, const uint8_t* block, uint8_t* codes) noexcept;

// The scale of each row: the one that all its blocks have (blocks of zeros have any), NaN where they differ. Returns
// whether they differ anywhere.
bool find_row_scales(std::span<const uint16_t> block_scales, std::span<float> row_scales) noexcept;

}  // namespace bitnet
