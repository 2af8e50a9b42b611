// arithmetic.h: exp, log, sine and cosine built from sums and products alone, so that every machine and every
// browser gets the same bits. (+, -, *, / and sqrt are correctly rounded everywhere; library functions are not.)
#pragma once

#include <bit>
#include <cfloat>
#include <cstdint>

namespace bitnet {

static_assert(FLT_EVAL_METHOD == 0, "floats must be computed as floats, not wider: use SSE2 on x86");

// e^x within 2 units of the last place; 0 below -87.3, infinity above 88.7. Branch-free: compilers vectorise it.
inline float exp_f32(float x) noexcept {
  constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, ties to even
  const float clamped = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
  const float shifted = clamped * 1.44269504f + round_magic;
  const float n = shifted - round_magic;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts: n * 0.693359375 is exact
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // 2^n in two factors: n reaches 128, one more than an exponent holds.
  const int32_t whole = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(round_magic);
  const int32_t half = whole >> 1;
  const float first = std::bit_cast<float>((half + 127) << 23);
  const float second = std::bit_cast<float>((whole - half + 127) << 23);
  const float result = p * first * second;
  return x < -87.3f ? 0.0f : x > 88.7f ? std::bit_cast<float>(0x7f800000) : result;
}

double exp_f64(double x) noexcept;                                  // within 1e-15 relative for |x| <= 700
double log_f64(double x) noexcept;                                  // x > 0 and normal; within 1e-15
void sin_cos_f64(double x, double& sine, double& cosine) noexcept;  // |x| < 2^20; within 1e-15

}  // namespace bitnet
