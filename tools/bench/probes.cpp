// What the machine itself gives, as WebAssembly and natively: the limits that the engine's speed is compared with.
#include <cstddef>
#include <cstdint>

namespace {

using Vector = uint8_t __attribute__((vector_size(16)));

constexpr size_t n_bytes = size_t{256} << 20;  // many times what a cache holds
constexpr size_t n_streams = 4;
constexpr size_t stream_vectors = n_bytes / n_streams / sizeof(Vector);

Vector memory[n_streams][stream_vectors];

uint32_t any(Vector bits) {
  uint32_t result = 0;
  for (size_t i = 0; i < sizeof bits; ++i) result |= bits[i];
  return result;
}

}  // namespace

extern "C" {

// Memory that was never written is one page of zeros many times over: call this first.
__attribute__((visibility("default"))) size_t probe_fill() {
  for (auto& stream : memory)
    for (auto& vector : stream) vector = Vector{1};
  return n_bytes;
}

// Reads all bytes from front to back.
__attribute__((visibility("default"))) uint32_t probe_read_one_stream() {
  Vector a{}, b{}, c{}, d{};
  for (const auto& stream : memory)
    for (size_t i = 0; i < stream_vectors; i += 4) {
      a |= stream[i];
      b |= stream[i + 1];
      c |= stream[i + 2];
      d |= stream[i + 3];
    }
  return any(a | b | c | d);
}

// Reads all bytes as four streams a quarter of the memory apart: more pages, and more reads under way at once.
__attribute__((visibility("default"))) uint32_t probe_read_four_streams() {
  Vector a{}, b{}, c{}, d{};
  for (size_t i = 0; i < stream_vectors; i += 2)
    for (size_t half = 0; half < 2; ++half) {
      a |= memory[0][i + half];
      b |= memory[1][i + half];
      c |= memory[2][i + half];
      d |= memory[3][i + half];
    }
  return any(a | b | c | d);
}

}  // extern "C"

#ifdef __wasm_relaxed_simd__
#include <wasm_simd128.h>

// n_rounds of ten independent i16x8.relaxed_dot_i8x16_i7x16_s in registers: 16 products and 8 additions each.
extern "C" __attribute__((visibility("default"))) int32_t probe_relaxed_dot(uint32_t n_rounds) {
  const v128_t codes = wasm_v128_load(&memory[0][0]);
  v128_t chains[10];
  for (size_t i = 0; i < 10; ++i) chains[i] = wasm_v128_load(&memory[0][i]);
  for (uint32_t round = 0; round < n_rounds; ++round)
    for (auto& chain : chains) chain = wasm_i16x8_relaxed_dot_i8x16_i7x16(chain, codes);
  v128_t sum = chains[0];
  for (size_t i = 1; i < 10; ++i) sum = wasm_v128_xor(sum, chains[i]);
  return wasm_i16x8_extract_lane(sum, 0);
}
#endif
