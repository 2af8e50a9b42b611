// BitLinear at the operator: integers are exact, rounding and bounds are those of BitNet b1.58.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "arithmetic.h"
#include "half.h"
#include "ops.h"

using namespace bitnet;

namespace {

struct QuantizedRow {
  std::vector<int8_t> values;
  Quantized quantized;

  explicit QuantizedRow(const std::vector<float>& x) : values(x.size()), quantized(quantize(x, values.data())) {}
};

// A matrix of equal codes, and what multiply makes of n_tokens rows x with it.
std::vector<float> products(uint8_t code, float scale, const std::vector<float>& x, size_t n_tokens,
                            const KernelSet& kernels) {
  std::vector<uint8_t> codes(x.size() / 4, static_cast<uint8_t>(code * 0x55));
  Matrix matrix;
  matrix.type = TensorType::i2_s;
  matrix.n_cols = x.size();
  matrix.n_rows = 1;
  matrix.data = codes.data();
  matrix.scale = {&scale, 1};
  MatrixScratch scratch;
  Planner sizes;
  scratch.plan(sizes, n_tokens, {{1, x.size()}}, 1);
  Block block;
  REQUIRE(block.allocate(sizes.n_bytes()));
  Planner places(block.data());
  scratch.plan(places, n_tokens, {{1, x.size()}}, 1);
  std::vector<float> rows, out(n_tokens);
  for (size_t token = 0; token < n_tokens; ++token) rows.insert(rows.end(), x.begin(), x.end());
  const Product product[] = {{&matrix, out.data(), 1}};
  multiply(kernels, product, rows.data(), n_tokens, scratch);
  return out;
}

float product(uint8_t code, float scale, const std::vector<float>& x, const KernelSet& kernels) {
  return products(code, scale, x, 1, kernels)[0];
}

}  // namespace

TEST_CASE("halves are rounded to even") {
  // The largest value is 127, so the scale is 1.
  const QuantizedRow row({127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 3.4999998f});
  CHECK(row.quantized.scale == 1.0f);
  CHECK(row.values == std::vector<int8_t>{127, 0, 2, 2, 0, -2, -2, 3});
  CHECK(row.quantized.sum == 130);
}

TEST_CASE("the scale never exceeds 127 / 1e-5, so a quiet row stays quiet") {
  const QuantizedRow row({1e-6f, -1e-7f, 4e-8f});
  CHECK(row.quantized.scale == static_cast<float>(127.0 / 1e-5));
  CHECK(row.values == std::vector<int8_t>{13, -1, 1});
}

TEST_CASE("a row of zeros gives zeros, not NaN") {
  const QuantizedRow row(std::vector<float>(128, 0.0f));
  CHECK(row.quantized.sum == 0);
  CHECK(product(2, 0.5f, std::vector<float>(128, 0.0f), scalar_kernels) == 0.0f);
}

TEST_CASE("values outside every range stay within +-127, and what is not a number stays noticed") {
  for (const std::vector<float>& x : {std::vector<float>{INFINITY, 1.0f}, {1.0f, -INFINITY}, {NAN, 1.0f}, {1.0f, NAN}})
    for (const int8_t value : QuantizedRow(x).values) CHECK(std::abs(value) <= 127);
  std::vector<float> padded(128, 1.0f);
  padded[70] = NAN;
  CHECK(std::isnan(product(2, 1.0f, padded, scalar_kernels)));
  std::vector<float> gates = {NAN};
  const float up = 1;
  gate(Activation::squared_relu, gates, &up);
  CHECK(std::isnan(gates[0]));
}

TEST_CASE("half floats of the KV cache are rounded to even, saturated, and never subnormal") {
  CHECK(half_from_float_flushed(1.0f) == 0x3c00);
  CHECK(half_from_float_flushed(-2.0f) == 0xc000);
  CHECK(half_from_float_flushed(1.0f + 0x1p-11f) == 0x3c00);  // a tie, to even
  CHECK(half_from_float_flushed(1.0f + 3 * 0x1p-11f) == 0x3c02);
  CHECK(half_from_float_flushed(65519.0f) == 0x7bff);
  CHECK(half_from_float_flushed(1e9f) == 0x7bff);
  CHECK(half_from_float_flushed(-1e9f) == 0xfbff);
  CHECK(half_from_float_flushed(0x1p-14f) == 0x0400);
  CHECK(half_from_float_flushed(0x1p-15f) == 0x0000);
  for (uint32_t bits = 0x0400; bits < 0x7c00; ++bits)
    CHECK(half_from_float_flushed(float_from_half(static_cast<uint16_t>(bits))) == bits);
}

TEST_CASE("all codes 2 with activations of 127 do not wrap, for rows as long as any model's") {
  for (size_t i = 0; const KernelSet* kernels = kernel_set(i); ++i)
    for (const size_t n_cols : {128u, 2560u, 4096u, 6912u, 14336u}) {
      CAPTURE(kernels->name);
      CAPTURE(n_cols);
      for (const size_t n_tokens : {1u, 16u}) {  // one by one, and by tables
        const std::vector<float> x(n_cols, 127.0f);
        const float most = 127.0f * static_cast<float>(n_cols);
        CHECK(products(2, 1.0f, x, n_tokens, *kernels) == std::vector<float>(n_tokens, most));
        CHECK(products(0, 1.0f, x, n_tokens, *kernels) == std::vector<float>(n_tokens, -most));
        CHECK(products(1, 1.0f, x, n_tokens, *kernels) == std::vector<float>(n_tokens, 0.0f));
      }
    }
}

TEST_CASE("the product is the ternary sum of quantised activations, divided and scaled in this order") {
  std::vector<float> x(128);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.37f * static_cast<float>(i) - 20.0f;
  const QuantizedRow row(x);
  const float expected = static_cast<float>(row.quantized.sum) / row.quantized.scale * 0.0123f;
  CHECK(product(2, 0.0123f, x, scalar_kernels) == expected);
  // Activations that are not quantised give another result.
  float exact = 0;
  for (const float value : x) exact += value;
  CHECK(product(2, 0.0123f, x, scalar_kernels) != exact * 0.0123f);
}

TEST_CASE("the order of codes within 128 columns is p, p + 32, p + 64, p + 96 from the highest bits down") {
  for (size_t col = 0; col < 128; ++col) {
    std::vector<uint8_t> codes(32, 0x55);  // all weights 0
    codes[col % 32] = static_cast<uint8_t>(0x55 + (1 << (6 - 2 * (col / 32))));
    std::vector<int8_t> x(128);
    for (size_t i = 0; i < 128; ++i) x[i] = static_cast<int8_t>(i);
    for (size_t i = 0; const KernelSet* kernels = kernel_set(i); ++i) {
      std::vector<int16_t> scratch(128);
      int32_t sum = 0;
      kernels->matvec_i2_s(codes.data(), 1, 128, x.data(), scratch.data(), &sum);
      CHECK(sum - 127 * 64 == static_cast<int32_t>(col));
    }
  }
}

TEST_CASE("rms_norm adds eps inside the root") {
  const std::vector<float> x(128, 1e-3f), weight(128, 1.0f);
  std::vector<float> out(128);
  rms_norm(x, weight, 1e-5f, out.data());
  CHECK(out[0] == doctest::Approx(1e-3 / std::sqrt(1e-6 + 1e-5)).epsilon(1e-6));
  rms_norm(x, weight, 1e-6f, out.data());
  CHECK(out[0] == doctest::Approx(1e-3 / std::sqrt(2e-6)).epsilon(1e-6));
}

TEST_CASE("the gate is the square of the positive part") {
  std::vector<float> gates = {-2.0f, 0.0f, 3.0f};
  const std::vector<float> up = {5.0f, 5.0f, 5.0f};
  gate(Activation::squared_relu, gates, up.data());
  CHECK(gates == std::vector<float>{0.0f, 0.0f, 45.0f});
}

TEST_CASE("rope turns pairs by position, halves or neighbours") {
  const float cosine[] = {0.0f, 1.0f}, sine[] = {1.0f, 0.0f};
  std::vector<float> halves = {1, 2, 3, 4, 9}, neighbours = halves;
  rope(RopePairs::halves, 4, cosine, sine, halves.data());
  rope(RopePairs::neighbours, 4, cosine, sine, neighbours.data());
  CHECK(halves == std::vector<float>{-3, 2, 1, 4, 9});
  CHECK(neighbours == std::vector<float>{-2, 1, 3, 4, 9});
}

TEST_CASE("exp, log, sine and cosine are those of the library up to rounding") {
  for (double x = -600; x < 600; x += 0.37) CHECK(exp_f64(x) == doctest::Approx(std::exp(x)).epsilon(1e-15));
  for (float x = -87; x < 88; x += 0.037f)
    CHECK(std::abs(exp_f32(x) / std::exp(static_cast<double>(x)) - 1) < 2 * 0x1p-23);
  for (double x = 1e-6; x < 1e6; x *= 1.01) {
    double sine = 0, cosine = 0;
    sin_cos_f64(x, sine, cosine);
    CHECK(std::abs(log_f64(x) - std::log(x)) <= 1e-15 * std::max(1.0, std::abs(std::log(x))));
    CHECK(std::abs(sine - std::sin(x)) < 1e-15);
    CHECK(std::abs(cosine - std::cos(x)) < 1e-15);
  }
}
