#include "jinja/string_ops.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "jinja/print.h"
#include "jinja/unicode.h"

namespace onebit::jinja {
namespace {

Value part(Runtime& runtime, const MarkedString& text, std::size_t begin, std::size_t end) {
  return new_string(runtime, text.slice(begin, end));
}

std::vector<Value> split_space(Runtime& runtime, const MarkedString& text, int64_t limit,
                               bool from_right) {
  const std::string& bytes = text.bytes();
  std::vector<Value> parts;
  if (from_right) {
    std::size_t end = skip_space_back(bytes, bytes.size());
    while (end > 0) {
      if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
        parts.push_back(part(runtime, text, 0, end));
        break;
      }
      std::size_t begin = end;
      while (begin > 0 && skip_space_back(bytes, begin) == begin) --begin;
      parts.push_back(part(runtime, text, begin, end));
      end = skip_space_back(bytes, begin);
    }
    return {parts.rbegin(), parts.rend()};
  }
  std::size_t begin = skip_space(bytes, 0);
  while (begin < bytes.size()) {
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      parts.push_back(part(runtime, text, begin, bytes.size()));
      break;
    }
    std::size_t end = begin;
    while (end < bytes.size() && skip_space(bytes, end) == end) end = next_character(bytes, end);
    parts.push_back(part(runtime, text, begin, end));
    begin = skip_space(bytes, end);
  }
  return parts;
}

}  // namespace

std::size_t find(Runtime& runtime, std::string_view text, std::string_view what,
                 std::size_t start) {
  if (start > text.size()) return text.npos;
  std::size_t found;
  if (what.size() <= 32) {
    found = text.find(what, start);
  } else {  // memmem is linear (Crochemore and Perrin 1991), find takes size times size
    const char* const rest = text.data() + start;
    const void* const at = memmem(rest, text.size() - start, what.data(), what.size());
    found = at ? static_cast<std::size_t>(static_cast<const char*>(at) - text.data()) : text.npos;
  }
  runtime.budget.scan(what.size() + std::min(found, text.size()) - start);
  return found;
}

std::size_t rfind(Runtime& runtime, std::string_view text, std::string_view what,
                  std::size_t start) {
  if (what.size() > text.size()) return text.npos;
  for (std::size_t at = std::min(start, text.size() - what.size()) + 1; at-- > 0;) {
    const auto differ = std::mismatch(what.begin(), what.end(), text.begin() + at).first;
    if (differ == what.end()) return at;
    runtime.budget.scan(static_cast<std::size_t>(differ - what.begin()) + 1);
  }
  return text.npos;
}

MarkedString strip(Runtime& runtime, const MarkedString& text, const MarkedString* chars,
                   Sides sides) {
  const std::string& bytes = text.bytes();
  std::size_t begin = 0;
  std::size_t end = bytes.size();
  runtime.budget.allocate(bytes.size());
  if (!chars) {
    if (sides != Sides::kRight) begin = skip_space(bytes, 0);
    if (sides != Sides::kLeft) end = std::max(begin, skip_space_back(bytes, end));
    return text.slice(begin, end);
  }
  const auto is_listed = [&](std::size_t from, std::size_t to) {
    runtime.budget.scan(chars->size() + 16);
    // No character of UTF-8 begins within another one.
    return chars->bytes().find(std::string_view(bytes).substr(from, to - from)) !=
           std::string::npos;
  };
  if (sides != Sides::kRight) {
    while (begin < end) {
      const std::size_t next = next_character(bytes, begin);
      if (!is_listed(begin, next)) break;
      begin = next;
    }
  }
  if (sides != Sides::kLeft) {
    while (end > begin) {
      std::size_t last = end - 1;
      while (last > begin && next_character(bytes, last - 1) == end) --last;
      if (!is_listed(last, end)) break;
      end = last;
    }
  }
  return text.slice(begin, end);
}

std::vector<Value> split(Runtime& runtime, const MarkedString& text, const MarkedString* separator,
                         int64_t limit, bool from_right) {
  runtime.budget.scan(text.size());
  if (!separator) return split_space(runtime, text, limit, from_right);
  const std::string& bytes = text.bytes();
  const std::string& between = separator->bytes();
  if (between.empty()) fail("split: empty separator");
  std::vector<Value> parts;
  const auto may_cut = [&] { return limit < 0 || static_cast<int64_t>(parts.size()) < limit; };
  if (from_right) {
    std::size_t end = bytes.size();
    while (may_cut() && end >= between.size()) {
      const std::size_t at = rfind(runtime, bytes, between, end - between.size());
      if (at == std::string::npos) break;
      parts.push_back(part(runtime, text, at + between.size(), end));
      end = at;
    }
    parts.push_back(part(runtime, text, 0, end));
    return {parts.rbegin(), parts.rend()};
  }
  std::size_t begin = 0;
  while (may_cut()) {
    const std::size_t at = find(runtime, bytes, between, begin);
    if (at == std::string::npos) break;
    parts.push_back(part(runtime, text, begin, at));
    begin = at + between.size();
  }
  parts.push_back(part(runtime, text, begin, bytes.size()));
  return parts;
}

std::vector<Value> split_lines(Runtime& runtime, const MarkedString& text, bool keep_ends) {
  const std::string& bytes = text.bytes();
  runtime.budget.scan(bytes.size());
  std::vector<Value> lines;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end =
        std::min(bytes.find_first_of("\n\r\v\f\x1c\x1d\x1e", begin), bytes.size());
    std::size_t next = std::min(end + 1, bytes.size());
    if (end + 1 < bytes.size() && bytes[end] == '\r' && bytes[end + 1] == '\n') ++next;
    lines.push_back(part(runtime, text, begin, keep_ends ? next : end));
    begin = next;
  }
  return lines;
}

MarkedString replace(Runtime& runtime, const MarkedString& text, const MarkedString& from,
                     const MarkedString& to, int64_t limit) {
  const std::string& bytes = text.bytes();
  runtime.budget.allocate(bytes.size());
  MarkedString out;
  std::size_t begin = 0;
  const auto put_new = [&] {
    runtime.budget.allocate(32 + to.size());  // 32: for the marks
    out.append(to);
    if (limit > 0) --limit;
  };
  if (from.empty()) {  // Python: before each character and at the end
    while (limit != 0) {
      put_new();
      if (begin >= bytes.size()) break;
      const std::size_t next = next_character(bytes, begin);
      out.append(text, begin, next);
      begin = next;
    }
  } else {
    while (limit != 0) {
      const std::size_t at = find(runtime, bytes, from.bytes(), begin);
      if (at == std::string::npos) break;
      out.append(text, begin, at);
      put_new();
      begin = at + from.size();
    }
  }
  out.append(text, begin, bytes.size());
  return out;
}

MarkedString change_case(Runtime& runtime, const MarkedString& text, Case to) {
  runtime.budget.allocate(2 * text.size());
  MarkedString out;
  bool after_letter = false;
  bool first = true;
  text.for_each_run([&](std::string_view run, bool from_user) {
    std::string changed;
    for (std::size_t at = 0; at < run.size();) {
      const std::size_t next = next_character(run, at);
      const auto character = run.substr(at, next - at);
      const char32_t code = code_point(character);
      const bool up = to == Case::kUpper || (to == Case::kCapitalize && first) ||
                      (to == Case::kTitle && !after_letter) ||
                      (to == Case::kSwap && to_lower(code) != code);
      // Swapping makes lower case of what has one, and upper case of all others.
      const bool is_up = to == Case::kSwap ? !up : up;
      const char32_t mapped = is_up ? to_upper(code) : to_lower(code);
      if (code == 0xdf && is_up) {
        changed += to == Case::kUpper || to == Case::kSwap ? "SS" : "Ss";
      } else if (mapped == code || code >= 0x110000) {
        changed += character;
      } else {
        append_code_point(changed, mapped);
      }
      after_letter = is_letter(code);
      first = false;
      at = next;
    }
    out.append(changed, from_user);
  });
  return out;
}

MarkedString join(Runtime& runtime, const MarkedString& separator, const std::vector<Value>& items,
                  bool strings_only) {
  MarkedString out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    runtime.budget.step();
    if (i > 0) {
      runtime.budget.allocate(32 + separator.size());
      out.append(separator);
    }
    if (strings_only) text_argument(items[i], "join: item");
    out.append(to_text(runtime, items[i]));
  }
  return out;
}

MarkedString repeat(Runtime& runtime, const MarkedString& text, std::size_t count) {
  // Runs of one mark grow together: only mixed text gets more of them.
  const std::size_t marks = text.runs().size() > 1 ? text.runs().size() : 0;
  // Twice: `doubled` is a copy of up to that size.
  runtime.budget.allocate(2 * (text.size() + marks * sizeof(MarkedString::Run)), count);
  MarkedString out;
  MarkedString doubled = text;
  for (; count > 0 && !text.empty(); count /= 2) {
    if (count % 2 == 1) out.append(doubled);
    if (count > 1) doubled.append(MarkedString(doubled));
  }
  return out;
}

MarkedString pad(Runtime& runtime, const MarkedString& text, int64_t left, int64_t right,
                 std::string_view fill) {
  left = std::max<int64_t>(left, 0);
  right = std::max<int64_t>(right, 0);
  runtime.budget.allocate(fill.size(), static_cast<std::size_t>(left));
  runtime.budget.allocate(fill.size(), static_cast<std::size_t>(right));
  runtime.budget.allocate(text.size());
  const auto repeated = [&](int64_t count) {
    std::string bytes;
    for (int64_t i = 0; i < count; ++i) bytes += fill;
    return bytes;
  };
  MarkedString out;
  out.append(repeated(left));
  out.append(text);
  out.append(repeated(right));
  return out;
}

Value format_percent(Runtime& runtime, const MarkedString& text, const std::vector<Value>& values) {
  const std::string& bytes = text.bytes();
  MarkedString out;
  std::size_t used = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t percent = std::min(bytes.find('%', at), bytes.size());
    runtime.budget.allocate(percent - at);
    out.append(text, at, percent);
    if (percent == bytes.size()) break;
    std::size_t end = bytes.find_first_not_of("0123456789.-+ #", percent + 1);
    if (end == std::string::npos) fail("%: incomplete format");
    const std::string flags = bytes.substr(percent + 1, end - percent - 1);
    const char type = bytes[end];
    at = end + 1;
    if (type == '%') {
      out.append("%");
      continue;
    }
    if (used == values.size()) fail("%: not enough values for the format");
    const Value& value = values[used++];
    if (type == 's' || type == 'r') {
      if (!flags.empty()) fail("%: width of a string is not supported");
      out.append(type == 's' ? to_text(runtime, value) : to_repr(runtime, value));
      continue;
    }
    if (flags.size() > 6) fail("%: unsupported format " + quote(flags));
    char buffer[512];
    if (!value.defined().is_number())
      fail("%: expected a number, found " + std::string(value.type_name()));
    int length = -1;
    if (type == 'd' || type == 'i' || type == 'u' || type == 'x' || type == 'X' || type == 'o') {
      const double real = value.as_real();
      if (!(real > -9.2e18 && real < 9.2e18)) fail("%: the number does not fit 64 bits");
      const long long number = value.is_real() ? static_cast<long long>(real) : value.as_int();
      const std::string format = "%" + flags + "ll" + (type == 'u' ? 'd' : type);
      length = std::snprintf(buffer, sizeof buffer, format.c_str(), number);
    } else if (type == 'f' || type == 'F' || type == 'e' || type == 'g') {
      const std::string format = "%" + flags + type;
      length = std::snprintf(buffer, sizeof buffer, format.c_str(), value.as_real());
    } else {
      fail("%: unsupported format " + quote(std::string(1, type)));
    }
    if (length < 0 || length >= static_cast<int>(sizeof buffer)) fail("%: the number is too wide");
    runtime.budget.allocate(static_cast<std::size_t>(length));
    out.append(std::string_view(buffer, static_cast<std::size_t>(length)));
  }
  if (used != values.size()) fail("%: more values than the format takes");
  return new_string(runtime, std::move(out));
}

}  // namespace onebit::jinja
