// Small JSON files of others (config.json, tokenizer_config.json, an index of shards), read as
// hostile. Stricter than RFC 8259, where readers of one file could see two different things.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace onebit {

inline constexpr int64_t kMaxJsonBytes = int64_t{8} << 20;
inline constexpr int64_t kMaxJsonDepth = 64;

// One JSON value. Throws Error(kInvalidFile) "NAME: line L, column C: reason" (both from 1, the
// column in bytes; a repeated key is reported at its end) for: what is not JSON in UTF-8 or is
// nested deeper than kMaxJsonDepth; a key twice in one object; a number that is not finite as a
// double; an integer beyond 64 bits, which would silently become a double. Object keys keep their
// order. Memory: up to some 60 times the text, if that is nothing but "[0,0,0...".
boost::json::value parse_json(std::string_view text, const std::string& name);

// The same from a file of at most `max_bytes`; a larger one is refused unread. Error(kIo) if the
// system does not give the file.
boost::json::value read_json(const std::filesystem::path& path, int64_t max_bytes = kMaxJsonBytes);

}  // namespace onebit
