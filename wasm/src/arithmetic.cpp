#include "arithmetic.h"

namespace bitnet {

namespace {

constexpr double round_magic = 6755399441055744.0;  // 1.5 * 2^52

double power_of_two(int64_t n) noexcept { return std::bit_cast<double>((n + 1023) << 52); }

}  // namespace

double exp_f64(double x) noexcept {
  const double n = (x * 1.4426950408889634 + round_magic) - round_magic;
  const double r = (x - n * 0.69314718055989033) - n * 5.4979230187083712e-14;  // ln 2, its first 43 bits and the rest
  double sum = 1;
  for (int i = 14; i > 0; --i) sum = 1 + sum * r / i;  // Taylor: |r| <= 0.347
  const auto whole = static_cast<int64_t>(n);
  return sum * power_of_two(whole / 2) * power_of_two(whole - whole / 2);
}

double log_f64(double x) noexcept {
  const auto bits = std::bit_cast<int64_t>(x);
  int64_t exponent = (bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m /= 2;
    exponent += 1;
  }
  // ln m = 2 artanh(s), |s| <= 0.172
  const double s = (m - 1) / (m + 1);
  const double square = s * s;
  double sum = 0;
  for (int i = 23; i > 0; i -= 2) sum = sum * square + 2.0 / i;
  const auto n = static_cast<double>(exponent);
  return n * 0.69314718055989033 + (n * 5.4979230187083712e-14 + sum * s);
}

void sin_cos_f64(double x, double& sine, double& cosine) noexcept {
  // pi / 2 in parts of 33 bits: products with a count of quarter turns below 2^20 are exact.
  const double n = (x * 0.63661977236758134 + round_magic) - round_magic;
  const double r = ((x - n * 1.57079632673412561417) - n * 6.07710050630396597660e-11) - n * 2.02226624879595063154e-21;
  const double square = r * r;
  double s = 1, c = 1;
  for (int i = 20; i > 0; i -= 2) {  // Taylor: |r| <= 0.786
    s = 1 - s * square / (i * (i + 1));
    c = 1 - c * square / (i * (i - 1));
  }
  s *= r;
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      sine = s;
      cosine = c;
      break;
    case 1:
      sine = c;
      cosine = -s;
      break;
    case 2:
      sine = -s;
      cosine = -c;
      break;
    default:
      sine = -c;
      cosine = s;
      break;
  }
}

}  // namespace bitnet
