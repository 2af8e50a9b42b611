// multiply.cpp: matrix products of one or many tokens, by the kernel that suits the matrix and their number.
#include <algorithm>
#include <cmath>

#include "half.h"
#include "ops.h"
#include "ternary_blocks.h"

namespace bitnet {

namespace {

// From so many tokens on, filling tables for 16 costs less than running them one by one.
constexpr size_t least_tokens_for_tables = 6;

constexpr size_t most_products = 3;  // q, k and v

// Rows of blocks become floats together, which stay in the nearest cache while all tokens pass.
constexpr size_t rows_as_floats = 4;

std::span<float> result(const Product& product, size_t token) noexcept {
  return {product.out + token * product.stride + product.matrix->first_row, product.matrix->n_rows};
}

// The ternary product as a number. scale: of the matrix, or of this row.
inline float scaled(int32_t sum, const Quantized& x, float scale) noexcept {
  return static_cast<float>(sum) / x.scale * scale;
}

// The scales of the rows of a ternary matrix.
struct RowScales {
  const float* first;
  size_t step;  // 0: one for all

  explicit RowScales(const Matrix& matrix) noexcept
      : first(matrix.scale.data()), step(matrix.scale.size() == 1 ? 0 : 1) {}
  float operator[](size_t row) const noexcept { return first[row * step]; }
};

void ternary_one(const KernelSet& kernels, const Product& product, size_t token,
                 const MatrixScratch& scratch) noexcept {
  const Matrix& matrix = *product.matrix;
  const Quantized& x = scratch.quantized[token];
  const std::span<int32_t> sums = scratch.sums.first(matrix.n_rows);
  kernels.matvec_i2_s(matrix.data, matrix.n_rows, matrix.n_cols, scratch.values.data() + token * matrix.n_cols,
                      scratch.widened.data(), sums.data());
  // Codes are weights plus one: subtracting the sum of the activations leaves the ternary product.
  for (int32_t& sum : sums) sum -= x.sum;
  const std::span<float> out = result(product, token);
  const RowScales scales(matrix);
  for (size_t row = 0; row < out.size(); ++row) out[row] = scaled(sums[row], x, scales[row]);
}

// Sums of 16 tokens, [row][16], to the floats of each; some rows at a time, which stay in the nearest cache.
void spread(const Product& product, size_t first_token, size_t n_tokens, const int32_t* sums,
            const MatrixScratch& scratch) noexcept {
  constexpr size_t rows_at_a_time = 64;
  const size_t n_rows = product.matrix->n_rows;
  const RowScales scales(*product.matrix);
  for (size_t begin = 0; begin < n_rows; begin += rows_at_a_time) {
    const size_t end = std::min(n_rows, begin + rows_at_a_time);
    for (size_t token = 0; token < n_tokens; ++token) {
      const std::span<float> out = result(product, first_token + token);
      const Quantized& x = scratch.quantized[first_token + token];
      for (size_t row = begin; row < end; ++row)
        out[row] = scaled(sums[row * TernaryIndex::n_tokens + token], x, scales[row]);
    }
  }
}

void ternary_many(const KernelSet& kernels, std::span<const Product> products, size_t n_tokens,
                  const MatrixScratch& scratch) noexcept {
  constexpr size_t at_once = TernaryIndex::n_tokens;
  const size_t n_cols = products[0].matrix->n_cols;
  size_t n_rows = 0;
  for (const Product& product : products) n_rows += product.matrix->n_rows;
  int32_t* const all_sums = scratch.sums.data();  // [tokens / 16][row][16]
  std::fill_n(all_sums, (n_tokens + at_once - 1) / at_once * at_once * n_rows, 0);
  for (size_t panel = 0; panel < TernaryIndex::n_panels(n_cols); ++panel) {
    uint8_t* indices = scratch.indices.data();
    for (const Product& product : products) {
      kernels.index_i2_s(product.matrix->data, product.matrix->n_rows, n_cols, panel, n_rows, indices);
      indices += product.matrix->n_rows * TernaryIndex::unit_bytes;
    }
    for (size_t token = 0; token < n_tokens; token += at_once) {
      arrange_activations(scratch.values.data() + token * n_cols, std::min(at_once, n_tokens - token), n_cols, panel,
                          scratch.arranged.data());
      kernels.matmul_indexed(scratch.indices.data(), n_rows, scratch.arranged.data(),
                             {scratch.tables.data(), scratch.partial_sums.data()}, all_sums + token * n_rows);
    }
  }
  for (size_t token = 0; token < n_tokens; token += at_once) {
    const int32_t* sums = all_sums + token * n_rows;
    for (const Product& product : products) {
      spread(product, token, std::min(at_once, n_tokens - token), sums, scratch);
      sums += product.matrix->n_rows * at_once;
    }
  }
}

// Rows whose blocks differ in their scales: each block has a sum of its own. No BitNet model has such rows, so they
// need not be fast.
void mixed_rows(const KernelSet& kernels, const Product& product, size_t token, const MatrixScratch& scratch) noexcept {
  const Matrix& matrix = *product.matrix;
  if (matrix.block_scales.empty()) return;
  constexpr size_t n_weights = TernaryBlock::n_weights;
  const size_t n_blocks = matrix.n_cols / n_weights;
  const std::span<float> out = result(product, token);
  for (size_t row = 0; row < matrix.n_rows; ++row) {
    if (!std::isnan(matrix.scale[row])) continue;
    float total = 0;
    for (size_t block = 0; block < n_blocks; ++block) {
      const size_t at = row * n_blocks + block;
      const int8_t* x = scratch.values.data() + token * matrix.n_cols + block * n_weights;
      int32_t sum = 0;
      kernels.matvec_i2_s(matrix.data + at * TernaryBlock::code_bytes, 1, n_weights, x, scratch.widened.data(), &sum);
      for (size_t i = 0; i < n_weights; ++i) sum -= x[i];
      total += static_cast<float>(sum) * float_from_half(matrix.block_scales[at]);
    }
    out[row] = total / scratch.quantized[token].scale;
  }
}

void ternary(const KernelSet& kernels, std::span<const Product> products, const float* x, size_t n_tokens,
             const MatrixScratch& scratch) noexcept {
  const size_t n_cols = products[0].matrix->n_cols;
  for (size_t token = 0; token < n_tokens; ++token)
    scratch.quantized[token] = quantize({x + token * n_cols, n_cols}, scratch.values.data() + token * n_cols);
  const size_t n_last = n_tokens % TernaryIndex::n_tokens;
  const size_t n_by_tables = n_last < least_tokens_for_tables ? n_tokens - n_last : n_tokens;
  if (n_by_tables > 0) ternary_many(kernels, products, n_by_tables, scratch);
  for (size_t token = n_by_tables; token < n_tokens; ++token)
    for (const Product& product : products) ternary_one(kernels, product, token, scratch);
  for (const Product& product : products)
    for (size_t token = 0; token < n_tokens; ++token) mixed_rows(kernels, product, token, scratch);
}

void floating(const KernelSet& kernels, const Product& product, const float* x, size_t n_tokens,
              const MatrixScratch& scratch) noexcept {
  const Matrix& matrix = *product.matrix;
  const size_t n_cols = matrix.n_cols;
  float* out = result(product, 0).data();
  if (n_tokens == 1 && matrix.type == TensorType::f16)
    return kernels.matvec_f16(reinterpret_cast<const uint16_t*>(matrix.data), matrix.n_rows, n_cols, x, out);
  if (n_tokens == 1 && has_blocks(matrix.type))
    return kernels.matvec_blocks(matrix.type, matrix.data, matrix.n_rows, n_cols, x, out);
  const uint64_t stride = row_bytes(matrix.type, n_cols);
  for (size_t row = 0; row < matrix.n_rows; row += rows_as_floats) {
    const size_t n_rows = std::min(rows_as_floats, matrix.n_rows - row);
    for (size_t i = 0; i < n_rows; ++i)
      kernels.dequantize_row(matrix.type, matrix.data + (row + i) * stride, n_cols,
                             scratch.weight_rows.data() + i * n_cols);
    kernels.matmul_f32(scratch.weight_rows.data(), n_rows, n_cols, x, n_tokens, out + row, product.stride);
  }
}

}  // namespace

void MatrixScratch::plan(Planner& planner, size_t n_tokens, std::initializer_list<Shape> shapes,
                         size_t most_rows_of_one) {
  size_t longest_row = 0, most_rows = 0;
  for (const Shape& shape : shapes) {
    longest_row = std::max(longest_row, shape.n_cols);
    most_rows = std::max(most_rows, shape.n_rows);
  }
  const size_t n_padded_tokens =
      (n_tokens + TernaryIndex::n_tokens - 1) / TernaryIndex::n_tokens * TernaryIndex::n_tokens;
  values = planner.take<int8_t>(n_tokens * longest_row);
  quantized = planner.take<Quantized>(n_tokens);
  widened = planner.take<int16_t>(longest_row);
  indices = planner.take<uint8_t>(uint64_t{most_rows} * TernaryIndex::row_bytes);
  arranged = planner.take<int16_t>(TernaryIndex::panel_activations);
  tables = planner.take<int16_t>(TernaryScratch::tables_size);
  partial_sums = planner.take<int16_t>(most_rows * TernaryIndex::n_tokens);
  sums = planner.take<int32_t>(std::max(uint64_t{most_rows} * n_padded_tokens, uint64_t{most_rows_of_one}));
  weight_rows = planner.take<float>(rows_as_floats * longest_row);
}

void multiply(const KernelSet& kernels, std::span<const Product> products, const float* x, size_t n_tokens,
              const MatrixScratch& scratch) noexcept {
  Product ternary_products[most_products];
  size_t n_ternary = 0;
  for (const Product& product : products)
    if (product.matrix->type == TensorType::i2_s)
      ternary_products[n_ternary++] = product;
    else
      floating(kernels, product, x, n_tokens, scratch);
  if (n_ternary > 0) ternary(kernels, {ternary_products, n_ternary}, x, n_tokens, scratch);

  for (const Product& product : products)
    for (size_t token = 0; token < n_tokens; ++token) {
      const std::span<float> out = result(product, token);
      if (!product.matrix->output_scale.empty())
        for (float& value : out) value *= product.matrix->output_scale[0];
      if (!product.matrix->bias.empty()) add(out, product.matrix->bias.data() + product.matrix->first_row);
    }
}

}  // namespace bitnet
