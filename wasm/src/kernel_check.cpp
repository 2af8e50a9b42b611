#include "kernel_check.h"

#include <cstring>
#include <vector>

#include "half.h"
#include "kernels/scalar.h"
#include "sampler.h"

namespace bitnet {

namespace {

class Check {
 public:
  Check(const KernelSet& kernels, uint64_t seed) : kernels_(kernels), random_(seed) {}

  size_t n_mismatches() const noexcept { return n_mismatches_; }

  void random_round() {
    const size_t n_rows = 1 + below(40);
    const auto activation = [&] { return static_cast<int8_t>(static_cast<int>(below(255)) - 127); };
    ternary(n_rows, 128 * (1 + below(24)), [&] { return static_cast<uint8_t>(below(3)); }, activation);
    screen(n_rows, 16 * (1 + below(40)), activation);
    pairs(1 + below(300), 1 + below(200), activation, [&] { return static_cast<int16_t>(below(8001)) - 4000; });
    floats(n_rows, 1 + below(300), 1.0f);
    floats(n_rows, 16 * (1 + below(20)), 1000.0f);
    for (uint32_t id = 0; id <= static_cast<uint32_t>(TensorType::i2_s); ++id)
      if (const TensorFormat* format = find_tensor_format(id); format != nullptr && format->runs)
        blocks(*format, 1 + below(9), 1 + below(4));
  }

  // Accumulators at their limits, and activations beyond the range of the wide half-float loops.
  void worst_cases() {
    for (const size_t n_cols : {128u, 512u, 640u, 2048u, 6912u})
      for (const int8_t activation : {-127, 127})
        ternary(9, n_cols, [] { return uint8_t{2}; }, [&] { return activation; });
    for (const int8_t activation : {-127, 127}) screen(9, 8192, [&] { return activation; });
    for (const int8_t activation : {-127, 127})  // 258 pairs: the most that words of 15 bits allow
      pairs(258, 40, [&] { return activation; }, [] { return INT16_MAX; });
    floats(9, 256, 4 * f16_dot_limit);
  }

 private:
  size_t below(size_t limit) { return static_cast<size_t>(random_.next_unit() * static_cast<double>(limit)); }

  template <class Code, class Activation>
  void ternary(size_t n_rows, size_t n_cols, Code code, Activation activation) {
    std::vector<uint8_t> codes(n_rows * n_cols / 4);
    for (uint8_t& byte : codes) {
      byte = 0;
      for (int shift = 0; shift < 8; shift += 2) byte = static_cast<uint8_t>(byte | code() << shift);
    }
    std::vector<int8_t> x(n_cols);
    for (int8_t& value : x) value = activation();
    std::vector<int16_t> scratch(n_cols);
    std::vector<int32_t> expected(n_rows), actual(n_rows, 1);
    scalar_kernels.matvec_i2_s(codes.data(), n_rows, n_cols, x.data(), scratch.data(), expected.data());
    kernels_.matvec_i2_s(codes.data(), n_rows, n_cols, x.data(), scratch.data(), actual.data());
    compare(expected, actual);
    many_tokens(codes, n_rows, n_cols, activation);
  }

  // The same codes, as indices of tables, with activations of some tokens.
  template <class Activation>
  void many_tokens(const std::vector<uint8_t>& codes, size_t n_rows, size_t n_cols, Activation activation) {
    const size_t n_tokens = 1 + below(TernaryIndex::n_tokens);
    const size_t n_all_rows = n_rows + below(4);  // of which those before are another matrix
    const size_t before = (n_all_rows - n_rows) * TernaryIndex::unit_bytes;
    std::vector<uint8_t> expected_indices(n_all_rows * TernaryIndex::row_bytes), indices(expected_indices);
    std::vector<int8_t> x(n_tokens * n_cols);
    for (int8_t& value : x) value = activation();
    std::vector<int16_t> arranged(TernaryIndex::panel_activations);
    std::vector<int16_t> tables(TernaryScratch::tables_size), partial(n_all_rows * TernaryIndex::n_tokens);
    const TernaryScratch scratch = {tables.data(), partial.data()};
    std::vector<int32_t> expected(n_all_rows * TernaryIndex::n_tokens), actual(expected);
    for (size_t panel = 0; panel < TernaryIndex::n_panels(n_cols); ++panel) {
      scalar_kernels.index_i2_s(codes.data(), n_rows, n_cols, panel, n_all_rows, expected_indices.data() + before);
      kernels_.index_i2_s(codes.data(), n_rows, n_cols, panel, n_all_rows, indices.data() + before);
      compare(expected_indices, indices);
      arrange_activations(x.data(), n_tokens, n_cols, panel, arranged.data());
      scalar_kernels.matmul_indexed(indices.data(), n_all_rows, arranged.data(), scratch, expected.data());
      kernels_.matmul_indexed(indices.data(), n_all_rows, arranged.data(), scratch, actual.data());
    }
    compare(expected, actual);
    // And both are what the definition of one token says.
    for (size_t token = 0; token < n_tokens; ++token)
      for (size_t row = 0; row < n_rows; ++row) {
        const int8_t* values = x.data() + token * n_cols;
        int32_t sum = scalar::dot_i2_s(codes.data() + row * n_cols / 4, n_cols, values);
        for (size_t col = 0; col < n_cols; ++col) sum -= values[col];
        n_mismatches_ += actual[(n_all_rows - n_rows + row) * TernaryIndex::n_tokens + token] != sum;
      }
  }

  template <class Activation>
  void screen(size_t n_rows, size_t n_cols, Activation activation) {
    std::vector<uint8_t> rows(n_rows * n_cols);
    for (uint8_t& byte : rows) byte = static_cast<uint8_t>(below(128));
    std::vector<int8_t> x(2 * n_cols);
    for (int8_t& value : x) value = activation();
    std::vector<float> expected(n_rows), actual(n_rows, 1.0f);
    scalar_kernels.screen_rows(rows.data(), n_rows, n_cols, x.data(), expected.data());
    kernels_.screen_rows(rows.data(), n_rows, n_cols, x.data(), actual.data());
    compare(expected, actual);
  }

  template <class Byte, class Word>
  void pairs(size_t n_rows, size_t n_cols, Byte byte, Word word) {
    const size_t n_mixes = 1 + below(9), weights_stride = n_rows + below(3), out_stride = n_cols + below(3);
    std::vector<BytePair> rows(n_rows * n_cols);
    for (BytePair& pair : rows) pair = {byte(), byte()};
    std::vector<WordPair> weights(n_mixes * weights_stride);
    for (WordPair& pair : weights) pair = {static_cast<int16_t>(word()), static_cast<int16_t>(word())};
    std::vector<int32_t> expected(n_mixes * out_stride, 1), actual(expected);
    scalar_kernels.mix_i8(rows.data(), n_rows, n_cols, weights.data(), weights_stride, n_mixes, expected.data(),
                          out_stride);
    kernels_.mix_i8(rows.data(), n_rows, n_cols, weights.data(), weights_stride, n_mixes, actual.data(), out_stride);
    compare(expected, actual);
  }

  void floats(size_t n_rows, size_t n_cols, float magnitude) {
    std::vector<uint16_t> any_half(n_rows * n_cols), normal_half(n_rows * n_cols);
    for (size_t i = 0; i < any_half.size(); ++i) {
      const auto bits = static_cast<uint16_t>(below(0x7c00) | below(2) << 15);  // every finite half float
      any_half[i] = bits;
      normal_half[i] = half_from_float_flushed(float_from_half(bits));
    }
    std::vector<float> x(n_cols), y(n_cols);
    for (float& value : x) value = number(magnitude);
    for (float& value : y) value = number(magnitude);

    std::vector<float> expected(n_rows), actual(n_rows);
    scalar_kernels.matvec_f16(any_half.data(), n_rows, n_cols, x.data(), expected.data());
    kernels_.matvec_f16(any_half.data(), n_rows, n_cols, x.data(), actual.data());
    compare(expected, actual);

    const size_t n_mixes = 1 + below(9), weights_stride = n_rows + below(3), out_stride = n_cols + below(3);
    std::vector<float> weights(n_mixes * weights_stride);
    for (float& value : weights) value = number(magnitude);
    expected.assign(n_mixes * out_stride, 1.0f);
    actual = expected;
    scalar_kernels.mix_f16(normal_half.data(), n_rows, n_cols, weights.data(), weights_stride, n_mixes, expected.data(),
                           out_stride);
    kernels_.mix_f16(normal_half.data(), n_rows, n_cols, weights.data(), weights_stride, n_mixes, actual.data(),
                     out_stride);
    compare(expected, actual);

    const size_t n_tokens = 1 + below(5);
    std::vector<float> rows(n_rows * n_cols), tokens(n_tokens * n_cols);
    for (float& value : rows) value = number(magnitude);
    for (float& value : tokens) value = number(magnitude);
    const size_t stride = n_rows + below(3);
    expected.assign(n_tokens * stride, 1.0f);
    actual = expected;
    scalar_kernels.matmul_f32(rows.data(), n_rows, n_cols, tokens.data(), n_tokens, expected.data(), stride);
    kernels_.matmul_f32(rows.data(), n_rows, n_cols, tokens.data(), n_tokens, actual.data(), stride);
    compare(expected, actual);

    compare(std::vector{scalar_kernels.dot_f32(x.data(), y.data(), n_cols)},
            std::vector{kernels_.dot_f32(x.data(), y.data(), n_cols)});
  }

  // Any bytes are a block, if its half floats are finite, as the loader requires.
  void blocks(const TensorFormat& format, size_t n_rows, size_t n_blocks) {
    std::vector<uint8_t> rows(n_rows * n_blocks * format.block_bytes);
    for (uint8_t& byte : rows) byte = static_cast<uint8_t>(below(256));
    const auto type = static_cast<TensorType>(format.id);
    for (size_t at = 0; at < rows.size(); at += format.block_bytes) {
      if (!has_blocks(type)) rows[at + format.block_bytes - 1] &= 0xbf;  // clears a bit of the exponent
      for (const int16_t half : format.halves)
        if (half >= 0) rows[at + static_cast<size_t>(half) + 1] &= 0xbf;
    }
    const size_t n_cols = n_blocks * format.block_elements;
    std::vector<float> expected(n_rows * n_cols), actual(expected.size(), 1.0f);
    scalar_kernels.dequantize_row(type, rows.data(), expected.size(), expected.data());
    kernels_.dequantize_row(type, rows.data(), actual.size(), actual.data());
    compare(expected, actual);
    if (!has_blocks(type)) return;

    std::vector<float> x(n_cols);
    for (float& value : x) value = number(1.0f);
    expected.assign(n_rows, 0.0f);
    actual.assign(n_rows, 1.0f);
    scalar_kernels.matvec_blocks(type, rows.data(), n_rows, n_cols, x.data(), expected.data());
    kernels_.matvec_blocks(type, rows.data(), n_rows, n_cols, x.data(), actual.data());
    compare(expected, actual);
  }

  float number(float magnitude) { return static_cast<float>(random_.next_unit() * 2 - 1) * magnitude; }

  // Bit for bit.
  template <class Number>
  void compare(const std::vector<Number>& expected, const std::vector<Number>& actual) {
    for (size_t i = 0; i < expected.size(); ++i)
      n_mismatches_ += std::memcmp(&expected[i], &actual[i], sizeof(Number)) != 0;
  }

  const KernelSet& kernels_;
  Random random_;
  size_t n_mismatches_ = 0;
};

}  // namespace

size_t count_kernel_mismatches(const KernelSet& kernels, uint64_t seed, size_t n_rounds) {
  Check check(kernels, seed);
  for (size_t round = 0; round < n_rounds; ++round) check.random_round();
  check.worst_cases();
  return check.n_mismatches();
}

}  // namespace bitnet
