#include "jinja/methods.h"

#include <unordered_map>

#include "jinja/operators.h"
#include "jinja/string_ops.h"
#include "jinja/unicode.h"

namespace onebit::jinja {
namespace {

using Method = Value (*)(Runtime&, const Value& self, Args&);
using Table = std::unordered_map<std::string_view, Method>;

const MarkedString* optional_text(const Value& value, std::string_view what) {
  if (value.is_undefined() || value.is_null()) return nullptr;
  return &text_argument(value, what);
}

template <Sides sides>
Value strip_method(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("strip", {"chars"});
  return new_string(rt, strip(rt, self.text(), optional_text(bound[0], "strip"), sides));
}

template <bool from_right>
Value split_method(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("split", {"sep", "maxsplit"});
  const int64_t limit = bound[1].is_undefined() ? -1 : int_argument(bound[1], "split: maxsplit");
  return new_list(rt, split(rt, self.text(), optional_text(bound[0], "split"), limit, from_right));
}

template <bool from_right>
Value partition_method(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("partition", {"sep"}, 1);
  const MarkedString& text = self.text();
  const MarkedString& sep = text_argument(bound[0], "partition");
  if (sep.empty()) fail("partition: empty separator");
  rt.budget.allocate(text.size());
  const auto at =
      from_right ? rfind(rt, text.bytes(), sep.bytes()) : find(rt, text.bytes(), sep.bytes());
  if (at == std::string::npos) {
    const Value empty = Value::string("");
    return from_right ? Value::tuple({empty, empty, self}) : Value::tuple({self, empty, empty});
  }
  const std::size_t behind = at + sep.size();
  return Value::tuple({Value::string(text.slice(0, at)), Value::string(text.slice(at, behind)),
                       Value::string(text.slice(behind, text.size()))});
}

template <Case to>
Value case_method(Runtime& rt, const Value& self, Args& args) {
  args.bind("case method", {});
  return new_string(rt, change_case(rt, self.text(), to));
}

template <bool at_end>
Value has_affix(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind(at_end ? "endswith" : "startswith", {"affix"}, 1);
  const std::string& text = self.bytes();
  const auto matches = [&](const Value& affix) {
    const std::string& bytes = text_argument(affix, "startswith/endswith").bytes();
    rt.budget.scan(bytes.size());
    return at_end ? text.ends_with(bytes) : text.starts_with(bytes);
  };
  if (!bound[0].is_list()) return Value::boolean(matches(bound[0]));
  for (const Value& affix : bound[0].as_list().items) {
    rt.budget.step();
    if (matches(affix)) return Value::boolean(true);
  }
  return Value::boolean(false);
}

template <bool at_end>
Value remove_affix(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("removeprefix", {"affix"}, 1);
  const MarkedString& text = self.text();
  const MarkedString& affix = text_argument(bound[0], "removeprefix/removesuffix");
  if (at_end ? !text.bytes().ends_with(affix.bytes()) : !text.bytes().starts_with(affix.bytes())) {
    return self;
  }
  if (at_end) return new_string(rt, text.slice(0, text.size() - affix.size()));
  return new_string(rt, text.slice(affix.size(), text.size()));
}

Value replace_method(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("replace", {"old", "new", "count"}, 2);
  const int64_t limit = bound[2].is_undefined() ? -1 : int_argument(bound[2], "replace: count");
  return new_string(rt, replace(rt, self.text(), text_argument(bound[0], "replace: old"),
                                text_argument(bound[1], "replace: new"), limit));
}

// Positions are counted in characters; `missing_fails`: index instead of find.
template <bool from_right, bool missing_fails>
Value find_method(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("find", {"sub", "start"}, 1);
  const std::string& text = self.bytes();
  const std::string& what = text_argument(bound[0], "find").bytes();
  rt.budget.scan(text.size());
  std::size_t start = 0;
  if (!bound[1].is_undefined()) {
    int64_t skip = int_argument(bound[1], "find: start");
    if (skip < 0) skip += static_cast<int64_t>(count_characters(text));
    for (; skip > 0 && start < text.size(); --skip) start = next_character(text, start);
    if (skip > 0) start = text.size() + 1;
  }
  std::size_t at = from_right ? rfind(rt, text, what) : find(rt, text, what, start);
  if (from_right && at != std::string::npos && at < start) at = std::string::npos;
  if (at == std::string::npos) {
    if (missing_fails) fail("index: substring not found");
    return Value::integer(-1);
  }
  return Value::integer(static_cast<int64_t>(count_characters(text.substr(0, at))));
}

Value count_method(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("count", {"sub"}, 1);
  const std::string& text = self.bytes();
  const std::string& what = text_argument(bound[0], "count").bytes();
  rt.budget.scan(text.size());
  if (what.empty()) return Value::integer(static_cast<int64_t>(count_characters(text)) + 1);
  int64_t count = 0;
  for (auto at = find(rt, text, what); at != std::string::npos;
       at = find(rt, text, what, at + what.size())) {
    ++count;
  }
  return Value::integer(count);
}

Value join_method(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("join", {"iterable"}, 1);
  return new_string(rt, join(rt, self.text(), iterate(rt, bound[0].defined())->items, true));
}

Value splitlines_method(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("splitlines", {"keepends"});
  return new_list(rt, split_lines(rt, self.text(), bound[0].is_true()));
}

template <bool left, bool right>
Value justify(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("justify", {"width", "fillchar"}, 1);
  const std::string fill =
      bound[1].is_undefined() ? " " : text_argument(bound[1], "fillchar").bytes();
  if (count_characters(fill) != 1) fail("justify: the fill is not one character");
  const int64_t width = int_argument(bound[0], "width");
  const int64_t missing = std::max<int64_t>(0, width - length(rt, self));
  // Python's str.center puts the odd one to the left if the width is odd.
  const int64_t before = left && right ? missing / 2 + (missing & width & 1) : left ? missing : 0;
  return new_string(rt, pad(rt, self.text(), before, missing - before, fill));
}

Value zfill(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("zfill", {"width"}, 1);
  const int64_t missing = int_argument(bound[0], "zfill") - length(rt, self);
  const MarkedString& text = self.text();
  const bool has_sign = !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+');
  MarkedString out = text.slice(0, has_sign);
  out.append(pad(rt, text.slice(has_sign, text.size()), missing, 0, "0"));
  return new_string(rt, std::move(out));
}

template <bool (*holds)(char32_t)>
Value all_characters(Runtime& rt, const Value& self, Args& args) {
  args.bind("character test", {});
  const std::string_view text = self.bytes();
  rt.budget.scan(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = next_character(text, at);
    if (!holds(code_point(text.substr(at, next - at)))) return Value::boolean(false);
    at = next;
  }
  return Value::boolean(!text.empty());
}

bool is_alphanumeric(char32_t code) {
  return is_letter(code) || is_digit(code);
}

// Some cased character, and none of the other case.
template <bool upper>
Value is_case(Runtime& rt, const Value& self, Args& args) {
  args.bind("case test", {});
  const std::string_view text = self.bytes();
  rt.budget.scan(text.size());
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = next_character(text, at);
    const char32_t code = code_point(text.substr(at, next - at));
    if (upper ? to_upper(code) != code : to_lower(code) != code) return Value::boolean(false);
    found = found || (upper ? to_lower(code) != code : to_upper(code) != code);
    at = next;
  }
  return Value::boolean(found);
}

const Table& string_methods() {
  static const Table table = {
      {"strip", strip_method<Sides::kBoth>},
      {"lstrip", strip_method<Sides::kLeft>},
      {"rstrip", strip_method<Sides::kRight>},
      {"split", split_method<false>},
      {"rsplit", split_method<true>},
      {"splitlines", splitlines_method},
      {"partition", partition_method<false>},
      {"rpartition", partition_method<true>},
      {"upper", case_method<Case::kUpper>},
      {"lower", case_method<Case::kLower>},
      {"casefold", case_method<Case::kLower>},
      {"swapcase", case_method<Case::kSwap>},
      {"capitalize", case_method<Case::kCapitalize>},
      {"title", case_method<Case::kTitle>},
      {"startswith", has_affix<false>},
      {"endswith", has_affix<true>},
      {"removeprefix", remove_affix<false>},
      {"removesuffix", remove_affix<true>},
      {"replace", replace_method},
      {"find", find_method<false, false>},
      {"rfind", find_method<true, false>},
      {"index", find_method<false, true>},
      {"rindex", find_method<true, true>},
      {"count", count_method},
      {"join", join_method},
      {"ljust", justify<false, true>},
      {"rjust", justify<true, false>},
      {"center", justify<true, true>},
      {"zfill", zfill},
      {"isspace", all_characters<is_space>},
      {"isdigit", all_characters<is_digit>},
      {"isdecimal", all_characters<is_digit>},
      {"isnumeric", all_characters<is_digit>},
      {"isalpha", all_characters<is_letter>},
      {"isalnum", all_characters<is_alphanumeric>},
      {"isupper", is_case<true>},
      {"islower", is_case<false>},
  };
  return table;
}

Value list_index(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("index", {"value"}, 1);
  const auto& items = self.as_list().items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    rt.budget.step();
    if (equal(rt, items[i], bound[0])) return Value::integer(static_cast<int64_t>(i));
  }
  fail("index: value not in list");
}

Value list_count(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("count", {"value"}, 1);
  int64_t count = 0;
  for (const Value& item : self.as_list().items) {
    rt.budget.step();
    count += equal(rt, item, bound[0]);
  }
  return Value::integer(count);
}

Value copy(Runtime&, const Value& self, Args& args) {
  args.bind("copy", {});
  return self;
}

Value immutable(Runtime&, const Value& self, Args&) {
  fail(std::string("methods that change a ") + self.type_name() + " are not allowed");
}

const Table& list_methods() {
  static const Table table = {
      {"index", list_index}, {"count", list_count}, {"copy", copy},         {"append", immutable},
      {"extend", immutable}, {"insert", immutable}, {"remove", immutable},  {"pop", immutable},
      {"clear", immutable},  {"sort", immutable},   {"reverse", immutable},
  };
  return table;
}

Value dict_get(Runtime& rt, const Value& self, Args& args) {
  const auto bound = args.bind("get", {"key", "default"}, 1);
  if (const Value* const value = find_entry(rt, self.as_dict(), bound[0])) return *value;
  return args.positional.size() + args.named.size() > 1 ? bound[1] : Value::null();
}

Value dict_items(Runtime& rt, const Value& self, Args& args) {
  args.bind("items", {});
  const auto& entries = self.as_dict().entries;
  rt.budget.allocate(256, entries.size());
  std::vector<Value> items;
  for (const auto& [key, value] : entries) items.push_back(Value::tuple({key, value}));
  return Value::list(std::move(items));
}

template <bool want_keys>
Value dict_part(Runtime& rt, const Value& self, Args& args) {
  args.bind("keys/values", {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.as_dict().entries) items.push_back(want_keys ? key : value);
  return new_list(rt, std::move(items));
}

const Table& dict_methods() {
  static const Table table = {
      {"get", dict_get},
      {"items", dict_items},
      {"keys", dict_part<true>},
      {"copy", copy},
      {"values", dict_part<false>},
      {"update", immutable},
      {"pop", immutable},
      {"popitem", immutable},
      {"clear", immutable},
      {"setdefault", immutable},
  };
  return table;
}

Method find_method_of(const Value& object, std::string_view name) {
  static const Table none;
  const Table& table = object.is_string()                               ? string_methods()
                       : object.is_dict()                               ? dict_methods()
                       : object.is_list() && !object.as_list().is_tuple ? list_methods()
                                                                        : none;
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace

bool has_method(const Value& object, std::string_view name) {
  return find_method_of(object, name) != nullptr;
}

Value make_method(const Value& object, std::string name) {
  const Method method = find_method_of(object, name);
  ONEBIT_CHECK(method != nullptr);
  return make_function(
      [object, method](Runtime& rt, Args& args) { return method(rt, object, args); },
      object.depth());
}

}  // namespace onebit::jinja
