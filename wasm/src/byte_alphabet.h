// byte_alphabet.h: the printable characters that GPT-2's vocabularies write bytes with.
//
// Bytes 33..126, 161..172 and 174..255 are written as the code points of those numbers; the other 68, in
// ascending order, as U+0100 and up: a space is U+0120. (GPT-2's encoder.py, bytes_to_unicode.)
#pragma once

#include <string>
#include <string_view>

namespace bitnet {

// Append to `bytes` what `written` stands for. False if a character is not in the alphabet; `bytes` is
// then as it was.
bool append_written_bytes(std::string_view written, std::string& bytes);

}  // namespace bitnet
