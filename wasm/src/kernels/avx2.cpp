// avx2.cpp: the native kernels for x86-64 with AVX2 and F16C. Four rows a quarter of the matrix apart, as in
// wasm_relaxed.cpp; 32 bytes of codes at a time. No fused multiply-add: it would round differently.
#include <immintrin.h>

#include <bit>

#include "../half.h"
#include "far_rows.h"
#include "float_tiles.h"
#include "kernels.h"
#include "mix.h"
#include "scalar.h"
#include "screen.h"
#include "ternary_tables.h"

namespace bitnet {

namespace {

// 32 bytes of codes add at most 4 * 2 * 2 * 127 = 2032 to a 16-bit lane: 16 steps fit.
constexpr size_t cols_per_flush = 16 * 128;

inline int32_t sum_of_lanes(__m256i v) noexcept {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  return _mm_cvtsi128_si32(sum) + _mm_extract_epi32(sum, 1);
}

inline __m256i load(const void* from) noexcept { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }

template <size_t n_streams>
inline void dot_rows(const uint8_t* codes, size_t stream_stride, size_t n_cols, const int8_t* x, int32_t* out,
                     size_t out_stride) noexcept {
  const __m256i pair = _mm256_set1_epi8(0x03);
  __m256i sum[n_streams];
  for (size_t s = 0; s < n_streams; ++s) sum[s] = _mm256_setzero_si256();
  for (size_t begin = 0; begin < n_cols; begin += cols_per_flush) {
    const size_t end = begin + cols_per_flush < n_cols ? begin + cols_per_flush : n_cols;
    __m256i part[n_streams];
    for (size_t s = 0; s < n_streams; ++s) part[s] = _mm256_setzero_si256();
    for (size_t col = begin; col < end; col += 128) {
      const __m256i x0 = load(x + col), x1 = load(x + col + 32), x2 = load(x + col + 64), x3 = load(x + col + 96);
      for (size_t s = 0; s < n_streams; ++s) {
        const __m256i bytes = load(codes + s * stream_stride + col / 4);
        const auto products = [&](__m256i shifted, __m256i with) {
          return _mm256_maddubs_epi16(_mm256_and_si256(shifted, pair), with);
        };
        const __m256i left =
            _mm256_add_epi16(products(_mm256_srli_epi16(bytes, 6), x0), products(_mm256_srli_epi16(bytes, 4), x1));
        const __m256i right = _mm256_add_epi16(products(_mm256_srli_epi16(bytes, 2), x2), products(bytes, x3));
        part[s] = _mm256_add_epi16(part[s], _mm256_add_epi16(left, right));
      }
    }
    for (size_t s = 0; s < n_streams; ++s)
      sum[s] = _mm256_add_epi32(sum[s], _mm256_madd_epi16(part[s], _mm256_set1_epi16(1)));
  }
  for (size_t s = 0; s < n_streams; ++s) out[s * out_stride] = sum_of_lanes(sum[s]);
}

void matvec_i2_s(const uint8_t* codes, size_t n_rows, size_t n_cols, const int8_t* x, int16_t*, int32_t* out) {
  const size_t row_bytes = n_cols / 4;
  walk_far_rows(
      n_rows,
      [&](size_t row, size_t distance) {
        dot_rows<4>(codes + row * row_bytes, distance * row_bytes, n_cols, x, out + row, distance);
      },
      [&](size_t row) { dot_rows<1>(codes + row * row_bytes, 0, n_cols, x, out + row, 1); });
}

inline int32_t sum_of_lanes(__m128i v) noexcept {
  v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
  return _mm_cvtsi128_si32(v) + _mm_extract_epi32(v, 1);
}

template <size_t n_streams>
inline void screen_far_rows(const uint8_t* rows, size_t stream_stride, size_t n_cols, const int8_t* x,
                            ScreenOffsets offsets, float* out, size_t out_stride) noexcept {
  const __m128i ones = _mm_set1_epi16(1);
  __m128i high[n_streams], low[n_streams];
  for (size_t s = 0; s < n_streams; ++s) high[s] = low[s] = _mm_setzero_si128();
  for (size_t col = 0; col < n_cols; col += 16) {
    const __m128i x_high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + col));
    const __m128i x_low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + n_cols + col));
    for (size_t s = 0; s < n_streams; ++s) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + s * stream_stride + col));
      high[s] = _mm_add_epi32(high[s], _mm_madd_epi16(_mm_maddubs_epi16(bytes, x_high), ones));
      low[s] = _mm_add_epi32(low[s], _mm_madd_epi16(_mm_maddubs_epi16(bytes, x_low), ones));
    }
  }
  for (size_t s = 0; s < n_streams; ++s)
    out[s * out_stride] = scalar::screened(sum_of_lanes(high[s]) - offsets.high, sum_of_lanes(low[s]) - offsets.low);
}

void screen_rows(const uint8_t* rows, size_t n_rows, size_t n_cols, const int8_t* x, float* out) {
  walk_screen<screen_far_rows<4>, screen_far_rows<1>>(rows, n_rows, n_cols, x, out);
}

struct Lanes {  // the 16 lanes of a float sum; see wide_blocks.h
  using Floats = __m256;
  static constexpr size_t n_parts = 2, width = 8;
  static constexpr float unit = 1.0f;

  static Floats numbers(wide::Quants quants, size_t part) noexcept {
    const auto all = reinterpret_cast<__m128i>(quants);
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(part == 0 ? all : _mm_unpackhi_epi64(all, all)));
  }
  static wide::Bytes16 look_up(const int8_t (&table)[16], wide::Bytes16 indices) noexcept {
    const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return reinterpret_cast<wide::Bytes16>(_mm_shuffle_epi8(values, reinterpret_cast<__m128i>(indices)));
  }

  Floats part[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};

  void add_product(size_t i, __m256 a, __m256 b) noexcept { part[i] = _mm256_add_ps(part[i], _mm256_mul_ps(a, b)); }
  // In the order of scalar::fold.
  float fold() const noexcept {
    const __m256 eight = _mm256_add_ps(part[0], part[1]);
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
  }
  // The sum, after adding the products of the last n < 16 elements.
  template <class Product>
  float fold_with_tail(size_t n, Product product) const noexcept {
    if (n == 0) return fold();
    float lanes[n_sum_lanes];
    for (size_t i = 0; i < 2; ++i) _mm256_storeu_ps(lanes + 8 * i, part[i]);
    for (size_t i = 0; i < n; ++i) lanes[i] += product(i);
    return scalar::fold(lanes);
  }
};

inline __m256 widen(const uint16_t* half) noexcept {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(half)));
}

template <size_t n_streams>
inline void dot_f16_rows(const uint16_t* rows, size_t row_stride, size_t n_cols, const float* x, float* out,
                         size_t out_stride) noexcept {
  Lanes lanes[n_streams];
  const size_t whole = n_cols & ~(n_sum_lanes - 1);
  for (size_t col = 0; col < whole; col += n_sum_lanes)
    for (size_t i = 0; i < 2; ++i) {
      const __m256 factor = _mm256_loadu_ps(x + col + 8 * i);
      for (size_t s = 0; s < n_streams; ++s)
        lanes[s].add_product(i, widen(rows + s * row_stride + col + 8 * i), factor);
    }
  for (size_t s = 0; s < n_streams; ++s)
    out[s * out_stride] = lanes[s].fold_with_tail(
        n_cols - whole, [&](size_t i) { return float_from_half(rows[s * row_stride + whole + i]) * x[whole + i]; });
}

void matvec_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* x, float* out) {
  walk_far_rows(
      n_rows,
      [&](size_t row, size_t distance) {
        dot_f16_rows<4>(rows + row * n_cols, distance * n_cols, n_cols, x, out + row, distance);
      },
      [&](size_t row) { dot_f16_rows<1>(rows + row * n_cols, 0, n_cols, x, out + row, 1); });
}

float dot_f32(const float* a, const float* b, size_t n) {
  Lanes lanes;
  const size_t whole = n & ~(n_sum_lanes - 1);
  for (size_t at = 0; at < whole; at += n_sum_lanes)
    for (size_t i = 0; i < 2; ++i)
      lanes.add_product(i, _mm256_loadu_ps(a + at + 8 * i), _mm256_loadu_ps(b + at + 8 * i));
  return lanes.fold_with_tail(n - whole, [&](size_t i) { return a[whole + i] * b[whole + i]; });
}

struct Floats8 {
  using Row = uint16_t;
  using Weight = float;
  using Sum = float;
  __m256 value;

  static float product(float factor, uint16_t half) noexcept { return factor * float_from_half(half); }
  static Floats8 load(const float* from) noexcept { return {_mm256_loadu_ps(from)}; }
  static Floats8 widen(const uint16_t* half) noexcept { return {bitnet::widen(half)}; }
  void add_product(float factor, Floats8 numbers) noexcept {
    value = _mm256_add_ps(value, _mm256_mul_ps(_mm256_set1_ps(factor), numbers.value));
  }
  void store(float* to) const noexcept { _mm256_storeu_ps(to, value); }
};

void mix_f16(const uint16_t* rows, size_t n_rows, size_t n_cols, const float* weights, size_t weights_stride,
             size_t n_mixes, float* out, size_t out_stride) {
  Mix<Floats8>{rows, n_rows, n_cols, weights, weights_stride, out, out_stride}.run(n_mixes);
}

struct Sums8 {  // of pairs
  using Row = BytePair;
  using Weight = WordPair;
  using Sum = int32_t;
  __m256i value;

  static int32_t product(WordPair factor, BytePair numbers) noexcept { return scalar::product(factor, numbers); }
  static Sums8 load(const int32_t* from) noexcept { return {bitnet::load(from)}; }
  static Sums8 widen(const BytePair* pairs) noexcept {  // 16-bit numbers
    return {_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(pairs)))};
  }
  void add_product(WordPair factor, Sums8 numbers) noexcept {
    const __m256i splat = _mm256_set1_epi32(std::bit_cast<int32_t>(factor));
    value = _mm256_add_epi32(value, _mm256_madd_epi16(splat, numbers.value));
  }
  void store(int32_t* to) const noexcept { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value); }
};

void mix_i8(const BytePair* rows, size_t n_rows, size_t n_cols, const WordPair* weights, size_t weights_stride,
            size_t n_mixes, int32_t* out, size_t out_stride) {
  Mix<Sums8>{rows, n_rows, n_cols, weights, weights_stride, out, out_stride}.run(n_mixes);
}

}  // namespace

extern const KernelSet avx2_kernels;
const KernelSet avx2_kernels = {"avx2",
                                matvec_i2_s,
                                wide::index_i2_s,
                                wide::matmul_indexed,
                                screen_rows,
                                matvec_f16,
                                dot_f32,
                                mix_f16,
                                mix_i8,
                                wide::matmul_f32<Lanes>,
                                wide::matvec_blocks<Lanes>,
                                wide::dequantize_row<Lanes>};

}  // namespace bitnet
