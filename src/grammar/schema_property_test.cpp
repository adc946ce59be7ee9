// Documents made up from schemas that are made up: each is accepted byte by byte, and what a
// changed byte makes invalid, by a validator that knows nothing of grammars, is rejected.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <regex>

#include "base/rng.h"
#include "base/sanitized.h"
#include "grammar/test_grammar.h"
#include "text/utf8.h"

namespace onebit {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

const char* const kPattern = "^[a-c]{2,4}(x|[0-9]+)$";

class SchemaMaker {
 public:
  explicit SchemaMaker(uint64_t seed) : rng_(seed) {}

  value make() {
    object root = make(3).as_object();
    // A list of its own kind that is ended by null.
    root["$defs"] = object{
        {"list",
         object{{"anyOf",
                 array{object{{"type", "null"}},
                       object{{"type", "object"},
                              {"properties",
                               object{{"v", make(0)}, {"next", object{{"$ref", "#/$defs/list"}}}}},
                              {"required", array{"next"}}}}}}}};
    return root;
  }

 private:
  int64_t below(int64_t n) { return static_cast<int64_t>(rng_.below(static_cast<uint64_t>(n))); }

  value make(int depth) {
    switch (below(depth > 0 ? 14 : 8)) {
      case 0:
        return object{{"type", array{"boolean", "null"}}};
      case 1:
        return object{{"type", "number"}};
      case 2:
        return object{{"const", array{1, "x\"y", object{{"k", 2.5}}}}};
      case 3:
        return object{{"enum", array{"a", "\xc3\xa9\n", 12, nullptr, true, "ab"}}};
      case 4:
        return object{{"type", "string"}, {"pattern", kPattern}};
      case 5: {
        object s{{"type", "string"}};
        const int64_t min = below(4);
        if (below(2) == 0) s["minLength"] = min;
        if (below(2) == 0) s["maxLength"] = min + below(5);
        return s;
      }
      case 6:
      case 7: {
        object s{{"type", "integer"}};
        const int64_t min = below(400) - 200;
        if (below(2) == 0) s["minimum"] = min;
        if (below(2) == 0) s["exclusiveMaximum"] = min + 1 + below(300);
        return s;
      }
      case 8:
        return object{{"$ref", "#/$defs/list"}};
      case 9:
        return object{{"anyOf", array{make(depth - 1), make(depth - 1)}}};
      case 10:
      case 11: {
        object s{{"type", "array"}};
        const int64_t min = below(3);
        if (below(2) == 0) s["prefixItems"] = array{make(depth - 1), make(depth - 1)};
        if (below(4) > 0 || !s.contains("prefixItems")) {
          s["items"] = make(depth - 1);
        }
        if (below(2) == 0) s["minItems"] = min;
        if (below(2) == 0) s["maxItems"] = min + below(3);
        return s;
      }
      default: {
        object s{{"type", "object"}};
        object properties;
        array required;
        for (const char* name : {"a", "ab", "b\"", "c"}) {
          if (below(3) == 0) continue;
          properties[name] = make(depth - 1);
          if (below(2) == 0) required.emplace_back(name);
        }
        s["properties"] = properties;
        s["required"] = required;
        if (below(3) == 0) s["additionalProperties"] = make(depth - 1);
        if (below(3) == 0) s["additionalProperties"] = false;
        return s;
      }
    }
  }

  Rng rng_;
};

const object& resolved(const value& schema, const value& root) {
  const object& o = schema.as_object();
  return o.contains("$ref") ? root.at("$defs").at("list").as_object() : o;
}

class Writer {
 public:
  Writer(const value& root, uint64_t seed) : root_(root), rng_(seed) {}

  std::string document() { return space() + write(root_, 0); }

 private:
  uint64_t below(uint64_t n) { return rng_.below(n); }
  std::string space() {
    if (below(3) > 0) return "";
    return below(2) == 0 ? " " : "\n" + std::string(below(5), below(2) == 0 ? ' ' : '\t');
  }
  static int64_t get(const object& s, const char* key, int64_t other) {
    return s.contains(key) ? s.at(key).as_int64() : other;
  }

  std::string character() {
    switch (below(10)) {
      case 0:
        return "\\n";
      case 1:
        return "\\\"";
      case 2:
        return "\\u00E9";
      case 3:
        return "\\uD83d\\ude00";
      case 4:
        return "\xf0\x9f\x98\x80";
      case 5:
        return "\xc3\xa9";
      default:
        return std::string(1, static_cast<char>('a' + below(26)));
    }
  }

  std::string write(const value& schema, int depth) {
    const object& s = resolved(schema, root_);
    if (s.contains("const")) return boost::json::serialize(s.at("const"));  // no doubles but 2.5
    if (s.contains("enum")) {
      const array& list = s.at("enum").as_array();
      return boost::json::serialize(list[below(list.size())]);
    }
    if (s.contains("anyOf"))
      return write(s.at("anyOf").as_array()[depth > 8 ? 0 : below(2)], depth);
    if (s.at("type").is_array()) return below(2) == 0 ? "null" : below(2) == 0 ? "true" : "false";
    const auto& type = s.at("type").as_string();
    if (type == "null") return "null";
    if (type == "number") {
      const char* const kNumbers[] = {"0", "-0.5", "12.25e-3", "1E+9", "-7", "123456"};
      return kNumbers[below(6)];
    }
    if (type == "integer") {
      const int64_t low = get(s, "minimum", get(s, "exclusiveMaximum", 0) - 300);
      const int64_t high = get(s, "exclusiveMaximum", low + 300) - 1;
      return std::to_string(low +
                            static_cast<int64_t>(below(static_cast<uint64_t>(high - low + 1))));
    }
    if (type == "string") return '"' + inside(s) + '"';
    return type == "array" ? write_array(s, depth) : write_object(s, depth);
  }

  std::string inside(const object& s) {
    std::string text;
    if (s.contains("pattern")) {
      for (uint64_t n = 2 + below(3); n-- > 0;) text += static_cast<char>('a' + below(3));
      return text + (below(2) == 0 ? "x" : std::to_string(below(1000)));
    }
    const int64_t min = get(s, "minLength", 0);
    const int64_t max = get(s, "maxLength", min + 6);
    for (int64_t n = min + static_cast<int64_t>(below(static_cast<uint64_t>(max - min + 1)));
         n-- > 0;) {
      text += character();
    }
    return text;
  }

  std::string write_array(const object& s, int depth) {
    const int64_t min = get(s, "minItems", 0);
    int64_t max = get(s, "maxItems", min + 3);
    const array none;
    const array& first = s.contains("prefixItems") ? s.at("prefixItems").as_array() : none;
    if (!s.contains("items")) max = std::min(max, std::ssize(first));
    const int64_t n = min + static_cast<int64_t>(below(static_cast<uint64_t>(max - min + 1)));
    std::string text = "[" + space();
    for (int64_t i = 0; i < n; ++i) {
      if (i > 0) text += "," + space();
      const bool is_first = i < std::ssize(first);
      text +=
          write(is_first ? first[static_cast<std::size_t>(i)] : s.at("items"), depth + 1) + space();
    }
    return text + "]";
  }

  std::string write_object(const object& s, int depth) {
    std::string text = "{" + space();
    const char* before = "";
    const auto add = [&](const std::string& key, const value& schema) {
      if (*before != '\0') text += before + space();
      text += key + space() + ":" + space() + write(schema, depth + 1) + space();
      before = ",";
    };
    for (const auto& p : s.at("properties").as_object()) {
      const array& required = s.contains("required") ? s.at("required").as_array() : array();
      const bool is_required = std::ranges::find(required, value(p.key())) != required.end();
      if (is_required || below(2) == 0) add(boost::json::serialize(p.key()), p.value());
    }
    if (s.contains("additionalProperties") && !s.at("additionalProperties").is_bool()) {
      for (const char* key : {"\"\"", "\"abc\"", "\"\xc3\xa9\"", "\"d\""}) {
        if (below(3) == 0) add(key, s.at("additionalProperties"));
      }
    }
    return text + "}";
  }

  const value& root_;
  Rng rng_;
};

// As docs/grammar.md says it: an object with `properties` has no others unless they are asked for.
bool is_valid(const value& v, const value& schema, const value& root) {
  if (schema.is_bool()) return schema.get_bool();
  const object& s = resolved(schema, root);
  const auto number = [&](const char* key, double other) {
    return s.contains(key) ? s.at(key).to_number<double>() : other;
  };
  if (s.contains("const")) return v == s.at("const");
  if (s.contains("enum")) {
    return std::ranges::find(s.at("enum").as_array(), v) != s.at("enum").as_array().end();
  }
  if (s.contains("anyOf")) {
    return std::ranges::any_of(s.at("anyOf").as_array(),
                               [&](const value& a) { return is_valid(v, a, root); });
  }
  if (s.at("type").is_array()) return v.is_bool() || v.is_null();
  const auto& type = s.at("type").as_string();
  if (type == "null") return v.is_null();
  if (type == "number") return v.is_number();
  if (type == "integer") {
    if (!v.is_number()) return false;
    const auto d = v.to_number<double>();
    return std::trunc(d) == d && d >= number("minimum", -1e30) &&
           d < number("exclusiveMaximum", 1e30);
  }
  if (type == "string") {
    if (!v.is_string()) return false;
    const std::string text(v.get_string());
    if (s.contains("pattern")) return std::regex_match(text, std::regex(kPattern));
    double length = 0;
    for (const char c : text) length += (c & 0xc0) != 0x80 ? 1 : 0;
    return length >= number("minLength", 0) && length <= number("maxLength", 1e9);
  }
  if (type == "array") {
    if (!v.is_array()) return false;
    const array& a = v.get_array();
    const auto n = static_cast<double>(a.size());
    if (n < number("minItems", 0) || n > number("maxItems", 1e9)) return false;
    const array first = s.contains("prefixItems") ? s.at("prefixItems").as_array() : array();
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (i >= first.size() && !s.contains("items")) return false;
      if (!is_valid(a[i], i < first.size() ? first[i] : s.at("items"), root)) return false;
    }
    return true;
  }
  if (!v.is_object()) return false;
  const object& o = v.get_object();
  const object& properties = s.at("properties").as_object();
  for (const auto& member : o) {
    const value* own = properties.if_contains(member.key());
    if (own == nullptr) own = s.if_contains("additionalProperties");
    if (own == nullptr || !is_valid(member.value(), *own, root)) return false;
  }
  const array required = s.contains("required") ? s.at("required").as_array() : array();
  return std::ranges::all_of(required,
                             [&](const value& name) { return o.contains(name.as_string()); });
}

bool is_valid_text(const std::string& text, const value& schema) {
  boost::json::error_code error;
  const value v = boost::json::parse(text, error);
  return !error && is_valid(v, schema, schema);
}

TEST(SchemaProperty, DocumentsAreAcceptedAndWhatIsInvalidIsNot) {
  constexpr int kSchemas = kIsSanitized ? 100 : 400;
  int n_invalid = 0;
  int n_valid = 0;
  for (uint64_t seed = 0; seed < uint64_t{kSchemas}; ++seed) {
    const value schema = SchemaMaker(seed).make();
    const std::string shown = boost::json::serialize(schema);
    std::shared_ptr<const Automaton> automaton;
    try {
      automaton = std::make_shared<const Automaton>(json_schema_grammar(schema, "s"));
    } catch (const Error& error) {  // more items asked for than there are
      ASSERT_NE(std::string(error.what()).find("minItems of at most"), std::string::npos)
          << error.what() << "\n"
          << shown;
      continue;
    }
    for (uint64_t round = 0; round < 6; ++round) {
      const std::string text = Writer(schema, seed * 100 + round).document();
      ASSERT_TRUE(is_valid_text(text, schema)) << shown << "\n" << text;
      // 2.5 is written as 2.5E0 by Boost: the test's only double in a literal.
      std::string literal = text;
      for (std::size_t at; (at = literal.find("2.5E0")) != std::string::npos;)
        literal.erase(at + 3, 2);
      ASSERT_TRUE(matches(automaton, literal)) << shown << "\n" << literal;
      Rng rng(seed * 1000 + round);
      for (int change = 0; change < 60; ++change) {
        std::string other = literal;
        const std::size_t at = rng.below(other.size());
        static const std::string kBytes = "\"\\{}[]:,0123456789-+.eEabcxntu \n\x80\xc3\xff\x01";
        const char byte = kBytes[rng.below(kBytes.size())];
        switch (rng.below(3)) {
          case 0:
            other[at] = byte;
            break;
          case 1:
            other.erase(at, 1);
            break;
          default:
            other.insert(at, 1, byte);
        }
        if (is_valid_text(other, schema)) {
          ++n_valid;
          continue;
        }
        ++n_invalid;
        ASSERT_FALSE(matches(automaton, other)) << shown << "\n" << quote(other, 2000);
      }
    }
  }
  EXPECT_GT(n_invalid, 125 * kSchemas);
  EXPECT_GT(n_valid, 7 * kSchemas);  // so the validator does not refuse all
}

}  // namespace
}  // namespace onebit
