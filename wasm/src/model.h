// model.h: a GGUF file in memory. It never changes once it is ready.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config.h"
#include "gguf.h"
#include "kernels/kernels.h"
#include "kv_cache.h"
#include "memory.h"
#include "output_screen.h"
#include "tokenizer.h"
#include "weights.h"

namespace bitnet {

// Messages for whoever runs the core.
struct Log {
  bn_log_fn function = nullptr;
  void* user = nullptr;

  enum Level : int32_t { error = 0, warning = 1, info = 2, debug = 3 };
  void operator()(Level level, const std::string& message) const {
    if (function != nullptr) function(user, level, message.c_str());
  }
};

// All-gather between the ranks of one model; see bn_exchange_fn.
struct Exchange {
  bn_exchange_fn function = nullptr;
  void* user = nullptr;
};

struct Model {
  explicit Model(uint64_t file_bytes) { parts.push_back(std::make_unique<GgufHeader>(file_bytes)); }

  const KernelSet* kernels = nullptr;
  Rank rank;
  Exchange exchange;
  Log log;
  uint64_t memory_limit_bytes = 0;  // weights and sessions together; 0: none

  std::vector<std::unique_ptr<GgufHeader>> parts;  // one file, or several in order
  Config config;
  Tokenizer tokenizer;
  Weights weights;
  bool wants_screen = true;
  OutputScreen screen;  // empty: the head is computed as a whole
  bool ready = false;   // all weights are there
  uint64_t weights_bytes = 0;
  uint64_t other_weights_bytes = 0;     // what the other ranks hold
  mutable uint64_t sessions_bytes = 0;  // of all sessions that live now
  std::vector<Block> memory;            // of the weights, one block for each part; of the screen
  uint32_t header_checksum = 0;         // of the bytes of all parts' headers
  std::vector<std::string> warnings;

  const Metadata& metadata() const noexcept { return parts.front()->metadata(); }

  // Every rank has filled the elements of `part` in n_rows rows: after this, all have all of them.
  Status gather(float* rows, size_t n_rows, size_t row_length, Rank::Part part) const {
    return gather_bytes(rows, n_rows, row_length * sizeof(float), part.begin * sizeof(float), part.end * sizeof(float));
  }
  Status gather_bytes(void* rows, size_t n_rows, size_t row_bytes, size_t begin, size_t end) const {
    if (rank.count == 1) return {};
    if (exchange.function(exchange.user, rows, n_rows, row_bytes, begin, end) != 0)
      return fail(BN_EXCHANGE_FAILED, "rank %u of %u could not exchange its results with the others", rank.index,
                  rank.count);
    return {};
  }

  uint64_t screen_bytes() const noexcept {  // of all ranks; 0 for a head that is not screened
    return OutputScreen::suits(weights.output) ? OutputScreen::n_bytes(config.n_vocab, weights.output.n_cols) : 0;
  }

  uint64_t kv_bytes_per_position(KvPrecision precision) const noexcept {  // of all ranks
    const KvCache::Shape shape = {config.n_layers, config.n_kv_heads, 1, config.head_dim, precision};
    return shape.n_layers * shape.n_heads * shape.bytes_per_position();
  }
};

}  // namespace bitnet
