// Filters of strings and numbers. Everything that is no string goes through str() first.
#include <charconv>
#include <cmath>
#include <limits>

#include "jinja/builtins.h"
#include "jinja/operators.h"
#include "jinja/print.h"
#include "jinja/string_ops.h"
#include "jinja/unicode.h"

namespace onebit::jinja {
namespace {

template <Case to>
Value case_filter(Runtime& rt, const Value& input, Args& args) {
  args.bind("case filter", {});
  return new_string(rt, change_case(rt, to_text(rt, input), to));
}

// Unlike str.title a word begins after white space and brackets only: "it's" is one word.
Value title(Runtime& rt, const Value& input, Args& args) {
  args.bind("title", {});
  const MarkedString text = to_text(rt, input);
  MarkedString out;
  std::size_t begin = 0;
  const auto put_word = [&](std::size_t end) {
    out.append(change_case(rt, text.slice(begin, end), Case::kCapitalize));
    begin = end;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = next_character(text.bytes(), at);
    const char32_t code = code_point(std::string_view(text.bytes()).substr(at, next - at));
    if (is_space(code) || code == '-' || code == '(' || code == '{' || code == '[' || code == '<') {
      put_word(at);
      put_word(next);
    }
    at = next;
  }
  put_word(text.size());
  return new_string(rt, std::move(out));
}

Value trim(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("trim", {"chars"});
  const bool all_space = bound[0].is_undefined() || bound[0].is_null();
  return new_string(rt, strip(rt, to_text(rt, input),
                              all_space ? nullptr : &text_argument(bound[0], "trim: chars")));
}

Value replace_filter(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("replace", {"old", "new", "count"}, 2);
  const bool all = bound[2].is_undefined() || bound[2].is_null();
  return new_string(rt,
                    replace(rt, to_text(rt, input), to_text(rt, bound[0]), to_text(rt, bound[1]),
                            all ? -1 : int_argument(bound[2], "replace: count")));
}

// Each of these bytes becomes its text; marks stay.
template <typename F>
MarkedString escape_bytes(Runtime& rt, const MarkedString& text, F&& escaped) {
  rt.budget.allocate(6 * text.size());
  MarkedString out;
  text.for_each_run([&](std::string_view run, bool from_user) {
    std::string bytes;
    for (const char c : run) bytes += escaped(c);
    out.append(bytes, from_user);
  });
  return out;
}

Value escape(Runtime& rt, const Value& input, Args& args) {
  args.bind("escape", {});
  return new_string(rt, escape_bytes(rt, to_text(rt, input), [](char c) -> std::string {
                      switch (c) {
                        case '&':
                          return "&amp;";
                        case '<':
                          return "&lt;";
                        case '>':
                          return "&gt;";
                        case '"':
                          return "&#34;";
                        case '\'':
                          return "&#39;";
                        default:
                          return std::string(1, c);
                      }
                    }));
}

Value urlencode(Runtime& rt, const Value& input, Args& args) {
  args.bind("urlencode", {});
  return new_string(rt, escape_bytes(rt, to_text(rt, input), [](char c) -> std::string {
                      static constexpr char kHex[] = "0123456789ABCDEF";
                      static constexpr std::string_view kPlain = "-_.~/";
                      const auto byte = static_cast<unsigned char>(c);
                      if (byte < 0x80 && (is_letter(byte) || is_digit(byte))) return {c};
                      if (kPlain.find(c) != std::string_view::npos) return {c};
                      return {'%', kHex[byte >> 4], kHex[byte & 15]};
                    }));
}

Value string_filter(Runtime& rt, const Value& input, Args& args) {
  args.bind("string", {});
  return input.is_string() ? input : new_string(rt, to_text(rt, input));
}

Value safe(Runtime& rt, const Value& input, Args& args) {
  return string_filter(rt, input, args);
}

Value center(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("center", {"width"});
  const int64_t width = bound[0].is_undefined() ? 80 : int_argument(bound[0], "center");
  const Value text = string_filter(rt, input, args = Args{});
  const int64_t missing = std::max<int64_t>(0, width - length(rt, text));
  const int64_t left = missing / 2 + (missing & width & 1);
  return new_string(rt, pad(rt, text.text(), left, missing - left));
}

Value indent(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("indent", {"width", "first", "blank"});
  MarkedString space;
  if (bound[0].is_string()) {
    space = bound[0].text();
  } else {
    const int64_t width = bound[0].is_undefined() ? 4 : int_argument(bound[0], "indent: width");
    space = pad(rt, MarkedString(), width, 0);
  }
  // A line end is added so that a last empty line counts as one, as Jinja2 does.
  MarkedString text = to_text(rt, input);
  text.append("\n");
  const auto lines = split_lines(rt, text, false);
  MarkedString out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const MarkedString& line = lines[i].text();
    rt.budget.allocate(32 + space.size() + line.size());
    if (i > 0) out.append("\n");
    const bool wanted = i == 0 ? bound[1].is_true() : !line.empty() || bound[2].is_true();
    if (wanted) out.append(space);
    out.append(line);
  }
  return new_string(rt, std::move(out));
}

Value truncate(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("truncate", {"length", "killwords", "end", "leeway"});
  const int64_t limit = bound[0].is_undefined() ? 255 : int_argument(bound[0], "truncate: length");
  const Value end = bound[2].is_undefined() ? Value::string("...") : bound[2];
  const int64_t leeway = bound[3].is_undefined() ? 5 : int_argument(bound[3], "truncate: leeway");
  const Value text = string_filter(rt, input, args = Args{});
  const int64_t keep = limit - length(rt, Value::string(text_argument(end, "truncate: end")));
  if (keep < 0 || leeway < 0) fail("truncate: length or leeway is too small");
  if (length(rt, text) - leeway <= limit) return text;
  const Value head = get_slice(rt, text, Value(), Value::integer(keep), Value());
  MarkedString out = head.text();
  if (!bound[1].is_true()) {
    const auto space = out.bytes().rfind(' ');
    if (space != std::string::npos) out = out.slice(0, space);
  }
  out.append(end.text());
  return new_string(rt, std::move(out));
}

Value wordcount(Runtime& rt, const Value& input, Args& args) {
  args.bind("wordcount", {});
  int64_t count = 0;
  bool inside = false;
  const MarkedString text = to_text(rt, input);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = next_character(text.bytes(), at);
    const char32_t code = code_point(std::string_view(text.bytes()).substr(at, next - at));
    const bool is_word = is_letter(code) || is_digit(code) || code == '_';
    count += is_word && !inside;
    inside = is_word;
    at = next;
  }
  return Value::integer(count);
}

Value format(Runtime& rt, const Value& input, Args& args) {
  if (!args.named.empty()) fail("format: named values are not supported");
  return format_percent(rt, to_text(rt, input), args.positional);
}

Value tojson(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonOptions options;
  options.ensure_ascii = bound[0].is_true();
  options.has_indent = !bound[1].is_undefined() && !bound[1].is_null();
  options.sort_keys = bound[3].is_true();
  if (options.has_indent) {
    options.indent = bound[1].is_string()
                         ? bound[1].text()
                         : pad(rt, MarkedString(), int_argument(bound[1], "tojson: indent"), 0);
  }
  options.item_separator = MarkedString(options.has_indent ? "," : ", ");
  options.key_separator = MarkedString(": ");
  if (!bound[2].is_undefined() && !bound[2].is_null()) {
    const auto pair = iterate(rt, bound[2]);
    if (pair->items.size() != 2) fail("tojson: expected two separators");
    options.item_separator = text_argument(pair->items[0], "tojson: separators");
    options.key_separator = text_argument(pair->items[1], "tojson: separators");
  }
  return new_string(rt, to_json(rt, input, options));
}

// Python's int() of a string: sign, digits with single _ between them, white space around.
std::string without_spaces_and_underscores(const std::string& text) {
  std::string out;
  for (std::size_t i = skip_space(text, 0); i < skip_space_back(text, text.size()); ++i) {
    const bool between = text[i] == '_' && i > 0 && i + 1 < text.size() && text[i - 1] != '_' &&
                         is_digit(static_cast<unsigned char>(text[i + 1]));
    if (!between && !(out.empty() && text[i] == '+')) out += text[i];
  }
  return out;
}

std::optional<double> parse_real(const std::string& text) {
  const std::string plain = without_spaces_and_underscores(text);
  double number = 0;
  const char* const end = plain.data() + plain.size();
  const auto [behind, error] = std::from_chars(plain.data(), end, number);
  if (error != std::errc() || behind != end || plain.empty()) return std::nullopt;
  return number;
}

std::optional<int64_t> to_integer(double real) {
  if (!(real > -9.2e18 && real < 9.2e18)) return std::nullopt;
  return static_cast<int64_t>(real);
}

Value int_filter(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("int", {"default", "base"});
  const Value fallback = bound[0].is_undefined() ? Value::integer(0) : bound[0];
  input.defined();
  std::optional<int64_t> number;
  if (input.is_integral()) {
    number = input.as_int();
  } else if (input.is_real()) {
    number = to_integer(input.as_real());
  } else if (input.is_string()) {
    rt.budget.scan(input.text().size());
    const int64_t base = bound[1].is_undefined() ? 10 : int_argument(bound[1], "int: base");
    if (base < 2 || base > 36) fail("int: base is not in 2..36");
    std::string plain = without_spaces_and_underscores(input.bytes());
    const std::size_t sign = !plain.empty() && plain[0] == '-';
    for (const auto& [prefix, of_base] :
         {std::pair{"0x", 16}, std::pair{"0o", 8}, std::pair{"0b", 2}}) {
      if (base == of_base && plain.compare(sign, 2, prefix) == 0) plain.erase(sign, 2);
    }
    int64_t parsed = 0;
    const char* const end = plain.data() + plain.size();
    const auto [behind, error] = std::from_chars(plain.data(), end, parsed, static_cast<int>(base));
    if (error == std::errc() && behind == end && !plain.empty()) {
      number = parsed;
    } else if (const auto real = parse_real(input.bytes())) {
      number = to_integer(*real);
    }
  }
  return number ? Value::integer(*number) : fallback;
}

Value float_filter(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("float", {"default"});
  input.defined();
  if (input.is_number()) return Value::real(input.as_real());
  if (input.is_string()) {
    rt.budget.scan(input.text().size());
    if (const auto real = parse_real(input.bytes())) return Value::real(*real);
  }
  return bound[0].is_undefined() ? Value::real(0) : bound[0];
}

Value abs_filter(Runtime& rt, const Value& input, Args& args) {
  args.bind("abs", {});
  if (!input.defined().is_number()) fail(std::string("abs: ") + input.type_name());
  if (input.is_real()) return Value::real(std::fabs(input.as_real()));
  if (input.as_int() >= 0) return Value::integer(input.as_int());
  return arithmetic(rt, Binary::kSub, Value::integer(0), input);
}

Value round_filter(Runtime&, const Value& input, Args& args) {
  const auto bound = args.bind("round", {"precision", "method"});
  if (!input.defined().is_number()) fail(std::string("round: ") + input.type_name());
  const int64_t digits = bound[0].is_undefined() ? 0 : int_argument(bound[0], "round: precision");
  const std::string method =
      bound[1].is_undefined() ? "common" : text_argument(bound[1], "round: method").bytes();
  if (digits < -300 || digits > 300) return Value::real(input.as_real());
  const double number = input.as_real();
  if (!std::isfinite(number)) return Value::real(number);
  if (method == "common" && digits >= 0) {
    if (input.is_integral()) return Value::integer(input.as_int());
    // Python rounds the exact decimal value half to even; so does the C library's printing.
    char buffer[700];
    std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(digits), number);
    return Value::real(std::strtod(buffer, nullptr));
  }
  if (method == "common") {
    const double scale = std::pow(10.0, static_cast<double>(-digits));
    const double rounded = std::nearbyint(number / scale) * scale;
    const auto whole = to_integer(rounded);
    return input.is_integral() && whole ? Value::integer(*whole) : Value::real(rounded);
  }
  if (method != "ceil" && method != "floor") fail("round: unknown method " + quote(method));
  const double scale = std::pow(10.0, static_cast<double>(digits));
  return Value::real((method == "ceil" ? std::ceil(number * scale) : std::floor(number * scale)) /
                     scale);
}

Value default_filter(Runtime&, const Value& input, Args& args) {
  const auto bound = args.bind("default", {"default_value", "boolean"});
  const bool use = input.is_undefined() || (bound[1].is_true() && !input.is_true());
  if (!use) return input;
  return args.positional.empty() && args.named.empty() ? Value::string("") : bound[0];
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable table = {
      {"abs", abs_filter},
      {"capitalize", case_filter<Case::kCapitalize>},
      {"center", center},
      {"d", default_filter},
      {"default", default_filter},
      {"e", escape},
      {"escape", escape},
      {"float", float_filter},
      {"forceescape", escape},
      {"format", format},
      {"indent", indent},
      {"int", int_filter},
      {"lower", case_filter<Case::kLower>},
      {"replace", replace_filter},
      {"round", round_filter},
      {"safe", safe},
      {"string", string_filter},
      {"title", title},
      {"tojson", tojson},
      {"trim", trim},
      {"truncate", truncate},
      {"upper", case_filter<Case::kUpper>},
      {"urlencode", urlencode},
      {"wordcount", wordcount},
  };
  return table;
}

}  // namespace onebit::jinja
