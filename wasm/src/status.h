// status.h: failure as a value: a code of bitnet.h and one sentence for people.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <string>

#include "bitnet.h"

namespace bitnet {

class [[nodiscard]] Status {
 public:
  Status() = default;  // success
  Status(bn_status code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const noexcept { return code_ == BN_OK; }
  bn_status code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }

 private:
  bn_status code_ = BN_OK;
  std::string message_;
};

// A failed Status with a printf-formatted sentence: what was wrong, with the numbers, and what to do.
[[gnu::format(printf, 2, 3)]] Status fail(bn_status code, const char* format, ...);

// BN_BAD_FILE with what is wrong, and the advice that belongs to every such sentence.
[[gnu::format(printf, 1, 2)]] Status damaged(const char* format, ...);

// "BN_BAD_FILE" for BN_BAD_FILE, "BN_UNKNOWN" for a number that is no status.
const char* status_name(bn_status code) noexcept;

}  // namespace bitnet

// Leave the calling function with the failure of `expression`, if it failed.
#define BN_TRY(expression)                                                                        \
  do {                                                                                            \
    if (::bitnet::Status bn_try_status = (expression); !bn_try_status.ok()) return bn_try_status; \
  } while (false)
