#include "io/json_file.h"

#include <algorithm>
#include <boost/json/value_stack.hpp>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "io/json_sax.h"

namespace onebit {
namespace {

// Builds the value as boost::json::parser does, and refuses what that would let pass. Of equal keys
// the value keeps one: parse_json() sees that by counting, and only then are keys remembered.
class ValueHandler : public JsonHandler {
 public:
  explicit ValueHandler(bool find_duplicate) : find_duplicate_(find_duplicate) {}

  boost::json::value release() { return stack_.release(); }
  int64_t n_keys() const { return n_keys_; }
  // Why an event returned false; "" if the parser itself found the fault.
  const std::string& reason() const { return reason_; }

  bool on_object_begin(error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t n, error_code&) {
    keys_.pop_back();
    stack_.push_object(n);
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t n, error_code&) {
    stack_.push_array(n);
    return true;
  }
  bool on_key_part(string_view s, std::size_t, error_code&) {
    if (find_duplicate_) key_.append(s.data(), s.size());
    stack_.push_chars(s);
    return true;
  }
  bool on_key(string_view s, std::size_t, error_code& error) {
    stack_.push_key(s);
    ++n_keys_;
    if (!find_duplicate_) return true;
    key_.append(s.data(), s.size());
    const auto [entry, is_new] = keys_.back().insert(std::exchange(key_, {}));
    if (is_new) return true;
    return refuse("key " + quote(*entry) + ": expected a new key, found a duplicate", error);
  }
  bool on_string_part(string_view s, std::size_t, error_code&) {
    stack_.push_chars(s);
    return true;
  }
  bool on_string(string_view s, std::size_t, error_code&) {
    stack_.push_string(s);
    return true;
  }
  bool on_int64(int64_t i, string_view, error_code&) {
    stack_.push_int64(i);
    return true;
  }
  bool on_uint64(uint64_t u, string_view, error_code&) {
    stack_.push_uint64(u);
    return true;
  }
  bool on_double(double d, string_view s, error_code& error) {
    const auto found = [&] { return ", found " + quote({s.data(), s.size()}, 40); };
    if (!std::isfinite(d)) return refuse("expected a finite number" + found(), error);
    if (std::none_of(s.begin(), s.end(), [](char c) { return c == '.' || c == 'e' || c == 'E'; })) {
      return refuse("expected an integer of at most 64 bits" + found(), error);
    }
    stack_.push_double(d);
    return true;
  }
  bool on_bool(bool b, error_code&) {
    stack_.push_bool(b);
    return true;
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return true;
  }

 private:
  bool refuse(std::string reason, error_code& error) {
    reason_ = std::move(reason);
    error = boost::json::error::exception;  // any error stops the parser
    return false;
  }

  const bool find_duplicate_;
  int64_t n_keys_ = 0;
  boost::json::value_stack stack_;
  std::vector<std::set<std::string>> keys_;  // of every object that is open, innermost last
  std::string key_;                          // the parts so far of the key that is being read
  std::string reason_;
};

std::string line_and_column(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, position);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// Members of all objects in `value`, which is at most kMaxJsonDepth deep.
int64_t count_members(const boost::json::value& value) {
  int64_t n = 0;
  if (const auto* object = value.if_object()) {
    n = static_cast<int64_t>(object->size());
    for (const auto& member : *object) n += count_members(member.value());
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) n += count_members(element);
  }
  return n;
}

boost::json::value parse(std::string_view text, const std::string& name, bool find_duplicate) {
  boost::json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  boost::json::basic_parser<ValueHandler> parser(options, find_duplicate);
  if (const auto fault = feed_json(parser, text)) {
    const std::string& reason = parser.handler().reason();
    throw Error(ErrorCode::kInvalidFile, name + ": " + line_and_column(text, fault->position) +
                                             ": " + (reason.empty() ? fault->reason : reason));
  }
  boost::json::value value = parser.handler().release();
  if (!find_duplicate && count_members(value) != parser.handler().n_keys()) {
    return parse(text, name, true);  // throws, with the key and its place
  }
  return value;
}

}  // namespace

boost::json::value parse_json(std::string_view text, const std::string& name) {
  return parse(text, name, false);
}

boost::json::value read_json(const std::filesystem::path& path, int64_t max_bytes) {
  const auto bytes = read_file(path, max_bytes);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.span().size()},
                    path.string());
}

}  // namespace onebit
