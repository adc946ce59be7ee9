// Global functions: range, dict, cycler, joiner, raise_exception, strftime_now.
#include <algorithm>

#include "jinja/builtins.h"
#include "jinja/operators.h"
#include "jinja/print.h"

namespace onebit::jinja {
namespace {

Value range(Runtime& rt, Args& args) {
  const auto bound = args.bind("range", {"start", "stop", "step"}, 1);
  const bool only_stop = args.positional.size() + args.named.size() == 1;
  const int64_t start = only_stop ? 0 : int_argument(bound[0], "range");
  const int64_t stop = int_argument(bound[only_stop ? 0 : 1], "range");
  const int64_t step = bound[2].is_undefined() ? 1 : int_argument(bound[2], "range");
  if (step == 0) fail("range: step is 0");
  // In 128 bits nothing here overflows.
  const __int128 distance = static_cast<__int128>(stop) - start;
  __int128 count = 0;
  if ((distance > 0) == (step > 0) && distance != 0) {
    count = (distance + step + (step > 0 ? -1 : 1)) / step;
  }
  if (count > kMaxRange) fail("range: more than " + std::to_string(kMaxRange) + " numbers");
  std::vector<Value> items;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) {
    items.push_back(Value::integer(start + i * step));
  }
  return new_list(rt, std::move(items));
}

Value dict(Runtime& rt, Args& args) {
  std::vector<Value::Entry> entries;
  if (args.positional.size() > 1) fail("dict: expected at most 1 positional argument");
  if (!args.positional.empty()) {
    const Value& source = args.positional[0];
    if (source.defined().is_dict()) {
      rt.budget.allocate(2 * sizeof(Value), source.as_dict().entries.size());
      entries = source.as_dict().entries;
    } else {
      const auto list = iterate(rt, source);
      for (const Value& item : list->items) {
        if (!item.is_list() || item.as_list().items.size() != 2) fail("dict: expected pairs");
        set_entry(rt, entries, item.as_list().items[0], item.as_list().items[1]);
      }
    }
  }
  for (auto& [name, value] : args.named) set_entry(rt, entries, Value::string(name), value);
  return Value::dict(std::move(entries));
}

class Cycler : public Object {
 public:
  explicit Cycler(Value items) : items_(std::move(items)) {}
  const char* type_name() const override { return "Cycler"; }
  int depth() const override { return items_.depth() + 1; }

  Value attribute(std::string_view name) const override {
    if (name == "current") return current();
    if (name != "next" && name != "reset") return Object::attribute(name);
    const auto at = at_;
    const Value items = items_;
    const bool is_next = name == "next";
    return make_function(
        [at, items, is_next](Runtime&, Args&) {
          const auto& list = items.as_list().items;
          const std::size_t now = *at;
          *at = is_next ? (now + 1) % list.size() : 0;
          return is_next ? list[now] : Value::null();
        },
        depth());
  }

 private:
  const Value& current() const { return items_.as_list().items[*at_]; }

  const Value items_;
  const std::shared_ptr<std::size_t> at_ = std::make_shared<std::size_t>(0);
};

Value cycler(Runtime& rt, Args& args) {
  if (args.positional.empty()) fail("cycler: no items");
  return Value::object(std::make_shared<Cycler>(new_list(rt, std::move(args.positional))));
}

// The first call gives nothing, all others the separator.
Value joiner(Runtime&, Args& args) {
  const auto bound = args.bind("joiner", {"sep"});
  const Value separator = bound[0].is_undefined() ? Value::string(", ") : bound[0];
  const auto used = std::make_shared<bool>(false);
  return make_function(
      [separator, used](Runtime&, Args&) {
        return std::exchange(*used, true) ? separator : Value::string("");
      },
      separator.depth());
}

Value raise_exception(Runtime& rt, Args& args) {
  const auto bound = args.bind("raise_exception", {"message"}, 1);
  std::string message;
  const MarkedString text = to_text(rt, bound[0]);
  for (const char c : text.bytes().substr(0, 1000)) {
    const auto byte = static_cast<unsigned char>(c);
    message += byte < 0x20 || byte == 0x7f ? ' ' : c;  // the error is one line
  }
  fail(message);
}

Value strftime_now(Runtime& rt, Args& args) {
  const auto bound = args.bind("strftime_now", {"format"}, 1);
  const MarkedString& format = text_argument(bound[0], "strftime_now");
  // Directives one by one: widths ("%100000d") and what depends on the locale never get through.
  static constexpr std::string_view kAllowed = "aAbBdHIjmMpSUwWyYzZGuVDFeTRnthCcxX";
  MarkedString out;
  const std::string& bytes = format.bytes();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != '%' || at + 1 == bytes.size()) {
      out.append(format, at, at + 1);
      continue;
    }
    const char directive = bytes[++at];
    std::string pattern{'%', directive};
    bool strip_zero = false;
    if (directive == '-' && at + 1 < bytes.size()) {  // %-d: without leading zeros
      pattern[1] = bytes[++at];
      strip_zero = true;
    }
    if (pattern[1] == '%') {
      out.append("%");
    } else if (pattern[1] == 'f') {
      out.append("000000");
    } else if (kAllowed.find(pattern[1]) == std::string_view::npos) {
      fail("strftime_now: unsupported directive " + quote(pattern));
    } else {
      char buffer[128];
      const std::size_t n = std::strftime(buffer, sizeof buffer, pattern.c_str(), &rt.now);
      std::string_view text(buffer, n);
      while (strip_zero && text.size() > 1 && text[0] == '0') text.remove_prefix(1);
      out.append(text);
    }
  }
  return new_string(rt, std::move(out));
}

}  // namespace

Value find_global(std::string_view name) {
  using GlobalFunction = Value (*)(Runtime&, Args&);
  static constexpr std::pair<std::string_view, GlobalFunction> kGlobals[] = {
      {"cycler", cycler}, {"dict", dict},
      {"joiner", joiner}, {"raise_exception", raise_exception},
      {"range", range},   {"strftime_now", strftime_now},
  };
  for (const auto& [global, body] : kGlobals) {
    if (name == global) return make_function(body);
  }
  return Value();
}

}  // namespace onebit::jinja
