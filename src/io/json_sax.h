// What the JSON readers of this folder share: a base for handlers of Boost.JSON's event parser, and
// the loop that feeds one. Included by .cpp files only; it instantiates the whole parser.
#pragma once

#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace onebit {

// The events that no handler here cares for. Limits are the handlers' own, so that their messages
// can name the key; a handler refuses by throwing Error, or by returning false with `error` set.
struct JsonHandler {
  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;

  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }
};

struct JsonFault {
  std::size_t position;  // bytes of the text that were read before the fault was seen
  std::string reason;    // one line
};

// Feeds all of `text`, which must be exactly one JSON value in UTF-8, to the handler in `parser`.
// Returns the first violation of JSON, or nothing if there is none.
template <typename Handler>
std::optional<JsonFault> feed_json(boost::json::basic_parser<Handler>& parser,
                                   std::string_view text) {
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read < text.size()) error = boost::json::error::extra_data;
  if (!error) return std::nullopt;
  return JsonFault{read, error.message()};
}

}  // namespace onebit
