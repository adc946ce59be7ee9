// Small JSON files of others (config.json, tokenizer_config.json, an index of shards), read as
// hostile. Stricter than RFC 8259, where readers of one file could see two different things.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace onebit {

inline constexpr int64_t kMaxJsonDepth = 64;

// One JSON value. Throws Error(kInvalidFile) "NAME: line L, column C: reason" (both from 1, the
// column in bytes; a repeated key is reported at its end) for: what is not JSON in UTF-8 or is
// nested deeper than kMaxJsonDepth; a key twice in one object; a number that is not finite as a
// double; an integer beyond 64 bits, which would silently become a double. Object keys keep their
// order. Memory: 20 to 30 times the text at worst ("[0,0,0..."), so cap texts of others.
boost::json::value parse_json(std::string_view text, const std::string& name);

// The same from a file of at most `max_bytes`; a larger one is refused unread. A config.json is a
// few KB, a tokenizer_config.json up to 2 MB. Error(kIo) if the system does not give the file.
boost::json::value read_json(const std::filesystem::path& path, int64_t max_bytes);

}  // namespace onebit
