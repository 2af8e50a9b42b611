// scalar.h: the definitions, for the other sets to fall back on where their own loop does not apply.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.h"

namespace bitnet::scalar {

int32_t dot_i2_s(const uint8_t* codes, size_t n_cols, const int8_t* x) noexcept;
float dot_f16(const uint16_t* row, size_t n_cols, const float* x) noexcept;
float dot_f32(const float* a, const float* b, size_t n) noexcept;
float fold(const float* lanes) noexcept;  // 16 lanes to their sum

void matvec_i2_s(const uint8_t* codes, size_t n_rows, size_t n_cols, const int8_t* x, int16_t* scratch, int32_t* out);
void matvec_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out);

inline float screened(int32_t high, int32_t low) noexcept {
  return 128.0f * static_cast<float>(high) + static_cast<float>(low);
}

inline int32_t product(WordPair weight, BytePair row) noexcept {
  return weight.first * row.first + weight.second * row.second;
}

}  // namespace bitnet::scalar
