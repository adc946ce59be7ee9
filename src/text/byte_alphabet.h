// The alphabet of byte-level BPE files (GPT-2 encoder.py, bytes_to_unicode): each byte is written
// as one printable character, so that tokens and merges are lines of text without spaces. Bytes
// 33-126, 161-172 and 174-255 stand for themselves, the other 68 are U+0100, U+0101, ... in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace onebit {

// Raw bytes -> alphabet text.
std::string to_byte_alphabet(std::string_view bytes);

// Alphabet text -> raw bytes, appended to `bytes`. A character outside the alphabet (a raw space, a
// Chinese character: some vocabularies have such tokens) stands for its own UTF-8 bytes. false: not
// valid UTF-8.
bool append_from_byte_alphabet(std::string_view text, std::string& bytes);

}  // namespace onebit
