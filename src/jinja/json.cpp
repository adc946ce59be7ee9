#include <algorithm>
#include <cmath>
#include <cstdio>

#include "jinja/operators.h"
#include "jinja/print.h"
#include "jinja/unicode.h"

namespace onebit::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonOptions& options) : runtime_(runtime), options_(options) {}

  void write(const Value& value) {
    runtime_.budget.step();
    if (value.is_string()) {
      write_text(value.text());
    } else if (value.is_list()) {
      write_list(value.as_list());
    } else if (value.is_dict()) {
      write_dict(value.as_dict());
    } else {
      put(scalar(value.defined()));
    }
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
  void put(const MarkedString& text) {
    runtime_.budget.allocate(text.size());
    out_.append(text);
  }

  void new_line() {
    if (!options_.has_indent) return;
    put("\n");
    for (int i = 0; i < level_; ++i) put(options_.indent);
  }

  void write_list(const List& list) {
    if (list.items.empty()) return put("[]");
    put("[");
    ++level_;
    bool first = true;
    for (const Value& item : list.items) {
      if (!first) put(options_.item_separator);
      first = false;
      new_line();
      write(item);
    }
    --level_;
    new_line();
    put("]");
  }

  void write_dict(const Dict& dict) {
    if (dict.entries.empty()) return put("{}");
    std::vector<const Value::Entry*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (options_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
        return less(runtime_, a->first, b->first);
      });
    }
    put("{");
    ++level_;
    bool first = true;
    for (const auto* entry : entries) {
      if (!first) put(options_.item_separator);
      first = false;
      new_line();
      if (entry->first.is_string()) {
        write_text(entry->first.text());
      } else {
        put("\"" + scalar(entry->first) + "\"");
      }
      put(options_.key_separator);
      write(entry->second);
    }
    --level_;
    new_line();
    put("}");
  }

  static std::string scalar(const Value& value) {
    if (value.is_null()) return "null";
    if (value.is_bool()) return value.as_int() != 0 ? "true" : "false";
    if (value.is_int()) return std::to_string(value.as_int());
    if (value.is_real()) {
      const double real = value.as_real();
      if (std::isnan(real)) return "NaN";
      if (std::isinf(real)) return real < 0 ? "-Infinity" : "Infinity";
      return format_real(real);
    }
    fail(std::string("tojson: no JSON for ") + value.type_name());
  }

  void write_text(const MarkedString& text) {
    put("\"");
    text.for_each_run([&](std::string_view run, bool from_user) { put(escape(run), from_user); });
    put("\"");
  }

  std::string escape(std::string_view text) const {
    std::string out;
    char hex[16];
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t next = next_character(text, at);
      const auto character = text.substr(at, next - at);
      const char32_t code = code_point(character);
      at = next;
      static constexpr std::string_view kEscaped = "\"\\\n\r\t\b\f";
      static constexpr std::string_view kCodes = "\"\\nrtbf";
      const auto found = code < 0x80 ? kEscaped.find(static_cast<char>(code)) : std::string::npos;
      if (found != std::string_view::npos) {
        out += '\\';
        out += kCodes[found];
      } else if (code < 0x20 || (options_.ensure_ascii && code >= 0x7f && code < 0x10000)) {
        std::snprintf(hex, sizeof hex, "\\u%04x", static_cast<unsigned>(code));
        out += hex;
      } else if (options_.ensure_ascii && code >= 0x10000 && code < 0x110000) {
        const auto pair = static_cast<unsigned>(code) - 0x10000;
        std::snprintf(hex, sizeof hex, "\\u%04x\\u%04x", 0xd800 + (pair >> 10),
                      0xdc00 + (pair & 0x3ff));
        out += hex;
      } else {
        out += character;
      }
    }
    return out;
  }

  Runtime& runtime_;
  const JsonOptions& options_;
  MarkedString out_;
  int level_ = 0;
};

}  // namespace

MarkedString to_json(Runtime& runtime, const Value& value, const JsonOptions& options) {
  JsonWriter writer(runtime, options);
  writer.write(value);
  return writer.take();
}

}  // namespace onebit::jinja
