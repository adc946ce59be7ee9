// For tests: JSON of the golden files to values. Trusts the text; not for input from outside.
#pragma once

#include <charconv>
#include <stdexcept>
#include <string>
#include <vector>

#include "jinja/unicode.h"
#include "jinja/value.h"

namespace onebit::jinja {

class JsonForTests {
 public:
  // Every string, also the keys of dicts, is marked `from_user`.
  static Value parse(const std::string& text, bool from_user) {
    JsonForTests json(text, from_user);
    return json.value();
  }

 private:
  JsonForTests(const std::string& text, bool from_user) : text_(text), from_user_(from_user) {}

  char peek() {
    while (at_ < text_.size() && std::string(" \t\r\n").find(text_[at_]) != std::string::npos)
      ++at_;
    return text_.at(at_);
  }
  bool skip(const std::string& what) {
    peek();
    if (text_.compare(at_, what.size(), what) != 0) return false;
    at_ += what.size();
    return true;
  }
  void expect(const std::string& what) {
    if (!skip(what)) throw std::runtime_error("JSON: no " + what + " at " + std::to_string(at_));
  }

  Value value() {
    if (skip("null")) return Value::null();
    if (skip("true")) return Value::boolean(true);
    if (skip("false")) return Value::boolean(false);
    if (peek() == '"') return Value::string(string(), from_user_);
    if (skip("[")) {
      std::vector<Value> items;
      while (!skip("]")) {
        if (!items.empty()) expect(",");
        items.push_back(value());
      }
      return Value::list(std::move(items));
    }
    if (skip("{")) {
      std::vector<Value::Entry> entries;
      while (!skip("}")) {
        if (!entries.empty()) expect(",");
        peek();
        Value key = Value::string(string(), from_user_);
        expect(":");
        entries.emplace_back(std::move(key), value());
      }
      return Value::dict(std::move(entries));
    }
    return number();
  }

  Value number() {
    const std::size_t end = std::min(text_.find_first_not_of("+-.0123456789eE", at_), text_.size());
    const std::string digits = text_.substr(at_, end - at_);
    if (digits.empty()) throw std::runtime_error("JSON: no value at " + std::to_string(at_));
    at_ = end;
    if (digits.find_first_of(".eE") == std::string::npos) return Value::integer(std::stoll(digits));
    return Value::real(std::stod(digits));
  }

  char32_t hex4() {
    const char32_t code = static_cast<char32_t>(std::stoul(text_.substr(at_, 4), nullptr, 16));
    at_ += 4;
    return code;
  }

  std::string string() {
    expect("\"");
    std::string out;
    while (text_.at(at_) != '"') {
      const char c = text_[at_++];
      if (c != '\\') {
        out += c;
        continue;
      }
      const char escape = text_.at(at_++);
      if (escape == 'u') {
        char32_t code = hex4();
        if (code >= 0xd800 && code < 0xdc00) {
          at_ += 2;
          code = 0x10000 + ((code - 0xd800) << 10) + (hex4() - 0xdc00);
        }
        append_code_point(out, code);
      } else {
        const auto known = std::string("nrtbf").find(escape);
        out += known == std::string::npos ? escape : "\n\r\t\b\f"[known];
      }
    }
    ++at_;
    return out;
  }

  const std::string& text_;
  const bool from_user_;
  std::size_t at_ = 0;
};

}  // namespace onebit::jinja
