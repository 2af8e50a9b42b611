#include "status.h"

namespace bitnet {

namespace {

std::string formatted(const char* format, va_list arguments) {
  char sentence[1024];
  std::vsnprintf(sentence, sizeof sentence, format, arguments);
  return sentence;
}

}  // namespace

Status fail(bn_status code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Status status(code, formatted(format, arguments));
  va_end(arguments);
  return status;
}

Status damaged(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Status status(BN_BAD_FILE, formatted(format, arguments) + ": the file is damaged or cut off, download it again");
  va_end(arguments);
  return status;
}

const char* status_name(bn_status code) noexcept {
  switch (code) {
    case BN_OK: return "BN_OK";
    case BN_BAD_ARGUMENT: return "BN_BAD_ARGUMENT";
    case BN_BAD_FILE: return "BN_BAD_FILE";
    case BN_UNSUPPORTED: return "BN_UNSUPPORTED";
    case BN_OUT_OF_MEMORY: return "BN_OUT_OF_MEMORY";
    case BN_CONTEXT_FULL: return "BN_CONTEXT_FULL";
    case BN_NOT_READY: return "BN_NOT_READY";
    case BN_BAD_NUMBERS: return "BN_BAD_NUMBERS";
    case BN_BUFFER_TOO_SMALL: return "BN_BUFFER_TOO_SMALL";
    case BN_EXCHANGE_FAILED: return "BN_EXCHANGE_FAILED";
    default: return "BN_UNKNOWN";
  }
}

}  // namespace bitnet
