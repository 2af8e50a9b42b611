// tensor_type.h: how the elements of a tensor are stored: block sizes, names, and which ones this core runs.
#pragma once

#include <cstdint>

#include "status.h"

namespace bitnet {

// Type numbers in the file. Only those that the core computes with have a name here.
enum class TensorType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq4_nl = 20,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  i2_s = 36,
};

struct TensorFormat {
  uint32_t id;
  const char* name;
  uint32_t block_elements;
  uint32_t block_bytes;
  bool runs;          // this core computes with it
  int16_t halves[2];  // where in a block its half floats stand, -1: no more
};

// The format with this number, or null. Numbers 36, 38 and 39 mean one thing to bitnet.cpp and others to llama.cpp:
// see tensor_bytes.
const TensorFormat* find_tensor_format(uint32_t id) noexcept;

// Bytes of a whole tensor of `n_elements` with rows of `n_cols`. I2_S adds 32 bytes after its codes: one f32
// scale and padding. Fails when the type cannot be run, a row is no whole number of blocks, or the size overflows.
Status tensor_bytes(uint32_t type, uint64_t n_cols, uint64_t n_elements, const char* tensor_name, uint64_t& n_bytes);

// Whether several elements share a scale.
bool has_blocks(TensorType type) noexcept;

// Bytes of one row of a type that runs; of I2_S without the scale.
uint64_t row_bytes(TensorType type, uint64_t n_cols) noexcept;

}  // namespace bitnet
