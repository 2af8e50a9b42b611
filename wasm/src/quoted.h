// quoted.h: text of a file, made fit to stand in a sentence.
#pragma once

#include <string>
#include <string_view>

namespace bitnet {

// The first bytes of `text` between quotation marks, with "?" for what is not printable ASCII.
std::string quoted(std::string_view text);

}  // namespace bitnet
