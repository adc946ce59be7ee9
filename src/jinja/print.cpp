#include "jinja/print.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "jinja/unicode.h"

namespace onebit::jinja {
namespace {

class Printer {
 public:
  explicit Printer(Runtime& runtime) : runtime_(runtime) {}

  void repr(const Value& value) {
    runtime_.budget.step();
    if (value.is_string()) {
      repr_text(value.text());
    } else if (value.is_list()) {
      const List& list = value.as_list();
      put(list.is_tuple ? "(" : "[");
      for (std::size_t i = 0; i < list.items.size(); ++i) {
        if (i > 0) put(", ");
        repr(list.items[i]);
      }
      if (list.is_tuple && list.items.size() == 1) put(",");
      put(list.is_tuple ? ")" : "]");
    } else if (value.is_dict()) {
      put("{");
      bool first = true;
      for (const auto& [key, item] : value.as_dict().entries) {
        if (!first) put(", ");
        first = false;
        repr(key);
        put(": ");
        repr(item);
      }
      put("}");
    } else {
      put(scalar(value));
    }
  }

  static std::string scalar(const Value& value) {
    if (value.is_null()) return "None";
    if (value.is_bool()) return value.as_int() != 0 ? "True" : "False";
    if (value.is_int()) return std::to_string(value.as_int());
    if (value.is_real()) return format_real(value.as_real());
    if (value.is_undefined()) return "Undefined";
    return std::string("<") + value.type_name() + ">";
  }

  MarkedString take() {
    if (out_.has_user_bytes()) out_.mark_all_user();
    return std::move(out_);
  }

 private:
  void put(std::string_view text, bool from_user = false) {
    runtime_.budget.allocate(text.size());
    out_.append(text, from_user);
  }

  void repr_text(const MarkedString& text) {
    const bool has_single = text.bytes().find('\'') != std::string::npos;
    const bool has_double = text.bytes().find('"') != std::string::npos;
    const char quote_char = has_single && !has_double ? '"' : '\'';
    const std::string_view mark(&quote_char, 1);
    put(mark);
    text.for_each_run([&](std::string_view run, bool from_user) {
      std::string escaped;
      for (std::size_t at = 0; at < run.size();) {
        const std::size_t next = next_character(run, at);
        const auto character = run.substr(at, next - at);
        const char32_t code = code_point(character);
        char hex[8];
        if (code == '\\' || code == static_cast<char32_t>(quote_char)) {
          escaped += '\\';
          escaped += static_cast<char>(code);
        } else if (code == '\n') {
          escaped += "\\n";
        } else if (code == '\r') {
          escaped += "\\r";
        } else if (code == '\t') {
          escaped += "\\t";
        } else if (code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0xad) {
          std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(code));
          escaped += hex;
        } else {
          escaped += character;
        }
        at = next;
      }
      put(escaped, from_user);
    });
    put(mark);
  }

  Runtime& runtime_;
  MarkedString out_;
};

}  // namespace

MarkedString to_repr(Runtime& runtime, const Value& value) {
  Printer printer(runtime);
  printer.repr(value);
  return printer.take();
}

MarkedString to_text(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) return MarkedString();
  if (value.is_string()) {
    runtime.budget.allocate(value.text().size());
    return value.text();
  }
  return to_repr(runtime, value);
}

std::string format_real(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[40];
  auto end =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  std::string text(buffer, end);
  const std::size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return text;  // 1e+16, 1.5e-05: as Python writes them
  end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr;
  text.assign(buffer, end);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

}  // namespace onebit::jinja
