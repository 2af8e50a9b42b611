// json.h: a small writer of JSON text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bitnet {

// Calls in the order of the text: object, key, value, ..., end. Commas are its own business.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name) {
    value(name);
    text_ += ':';
    separate_ = false;
    return *this;
  }
  JsonWriter& value(std::string_view text);  // bytes that are not UTF-8 become U+FFFD
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(int64_t number) { return raw(std::to_string(number)); }
  JsonWriter& value(uint64_t number) { return raw(std::to_string(number)); }
  JsonWriter& value(int32_t number) { return value(static_cast<int64_t>(number)); }
  JsonWriter& value(uint32_t number) { return value(static_cast<uint64_t>(number)); }
  JsonWriter& value(double number);  // not finite: null
  JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }

  std::string take() { return std::move(text_); }

 private:
  JsonWriter& open(char bracket) {
    separate();
    text_ += bracket;
    separate_ = false;
    return *this;
  }
  JsonWriter& close(char bracket) {
    text_ += bracket;
    separate_ = true;
    return *this;
  }
  JsonWriter& raw(std::string_view text) {
    separate();
    text_ += text;
    return *this;
  }
  void separate() {
    if (separate_) text_ += ',';
    separate_ = true;
  }

  std::string text_;
  bool separate_ = false;
};

}  // namespace bitnet
