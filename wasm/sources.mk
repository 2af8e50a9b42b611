# What the core is made of, for every build. Paths are relative to wasm/.
CORE_SOURCES := $(addprefix src/,api.cpp arithmetic.cpp attention.cpp byte_alphabet.cpp byte_pair_encoder.cpp checksum.cpp config.cpp \
  forward.cpp gguf.cpp json.cpp kernel_check.cpp kv_cache.cpp loader.cpp merges.cpp metadata.cpp model_info.cpp \
  multiply.cpp ops.cpp output.cpp output_screen.cpp pre_tokenizer.cpp quoted.cpp sampler.cpp saved_session.cpp sentence_piece_encoder.cpp session.cpp special_ids.cpp \
  special_tokens.cpp status.cpp tensor_type.cpp ternary_blocks.cpp tokenizer.cpp unicode.cpp unicode_tables.cpp vocabulary.cpp \
  weight_counts.cpp weights.cpp)

# Of the native build only: ranks as threads.
NATIVE_SOURCES := native/ranks.cpp

# One set of kernels per instruction set; sets_*.cpp says which of them a build holds.
KERNELS := $(addprefix src/kernels/,dequantize.cpp kernels.cpp scalar.cpp)
KERNEL_SOURCES_simd128 := $(KERNELS) $(addprefix src/kernels/,wasm_simd128.cpp sets_simd128.cpp)
KERNEL_SOURCES_relaxed := $(KERNELS) $(addprefix src/kernels/,wasm_simd128.cpp wasm_relaxed.cpp sets_relaxed.cpp)
KERNEL_SOURCES_x86_64 := $(KERNELS) $(addprefix src/kernels/,avx2.cpp sets_x86_64.cpp)
KERNEL_SOURCES_portable := $(KERNELS) $(addprefix src/kernels/,sets_portable.cpp)

# -ffp-contract=off: a fused multiply-add rounds once instead of twice, and results would differ between machines.
# Floating-point traps and errno, which nothing here asks for, would keep loops from becoming vectors.
CORE_FLAGS := -std=c++20 -ffp-contract=off -fno-trapping-math -fno-math-errno -fno-exceptions -fno-rtti -fvisibility=hidden -Wall -Wextra -Werror
