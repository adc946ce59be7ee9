// Filters of lists and dicts. Where Jinja2 gives a generator, these give a list.
#include <algorithm>

#include "jinja/builtins.h"
#include "jinja/operators.h"
#include "jinja/print.h"
#include "jinja/string_ops.h"
#include "jinja/unicode.h"

namespace onebit::jinja {
namespace {

Value length_filter(Runtime& rt, const Value& input, Args& args) {
  args.bind("length", {});
  return Value::integer(length(rt, input));
}

Value list_filter(Runtime& rt, const Value& input, Args& args) {
  args.bind("list", {});
  return new_list(rt, iterate(rt, input)->items);
}

Value first(Runtime& rt, const Value& input, Args& args) {
  args.bind("first", {});
  if (input.is_string()) return get_item(rt, input, Value::integer(0));
  const auto list = iterate(rt, input);
  return list->items.empty() ? Value::undefined("first: no items") : list->items.front();
}

Value last(Runtime& rt, const Value& input, Args& args) {
  args.bind("last", {});
  if (input.is_string()) return get_item(rt, input, Value::integer(-1));
  const auto list = iterate(rt, input);
  return list->items.empty() ? Value::undefined("last: no items") : list->items.back();
}

Value reverse(Runtime& rt, const Value& input, Args& args) {
  args.bind("reverse", {});
  if (input.is_string()) return get_slice(rt, input, Value(), Value(), Value::integer(-1));
  const auto list = iterate(rt, input);
  return new_list(rt, {list->items.rbegin(), list->items.rend()});
}

Value items_filter(Runtime& rt, const Value& input, Args& args) {
  args.bind("items", {});
  if (input.is_undefined()) return Value::list({});
  if (!input.is_dict()) fail(std::string("items: expected a dict, found ") + input.type_name());
  return get_attribute(rt, input, "items").as_object().call(rt, {});
}

Value batch(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("batch", {"linecount", "fill_with"}, 1);
  const int64_t size = int_argument(bound[0], "batch");
  if (size < 1) fail("batch: size is below 1");
  const auto list = iterate(rt, input);
  std::vector<Value> rows;
  for (std::size_t begin = 0; begin < list->items.size();) {
    std::vector<Value> row;
    while (static_cast<int64_t>(row.size()) < size && begin < list->items.size()) {
      row.push_back(list->items[begin++]);
    }
    if (!bound[1].is_undefined() && !bound[1].is_null()) {
      rt.budget.allocate(sizeof(Value), static_cast<std::size_t>(size));
      row.resize(static_cast<std::size_t>(size), bound[1]);
    }
    rows.push_back(new_list(rt, std::move(row)));
  }
  return new_list(rt, std::move(rows));
}

Value slice(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("slice", {"slices", "fill_with"}, 1);
  const int64_t count = int_argument(bound[0], "slice");
  if (count < 1) fail("slice: count is below 1");
  const auto list = iterate(rt, input);
  const auto n = static_cast<int64_t>(list->items.size());
  rt.budget.allocate(64 + sizeof(Value), static_cast<std::size_t>(count));
  std::vector<Value> columns;
  std::size_t at = 0;
  for (int64_t i = 0; i < count; ++i) {
    std::vector<Value> column;
    const bool is_long = i < n % count;
    for (int64_t k = 0; k < n / count + is_long; ++k) column.push_back(list->items[at++]);
    if (!bound[1].is_undefined() && !bound[1].is_null() && !is_long) column.push_back(bound[1]);
    columns.push_back(new_list(rt, std::move(column)));
  }
  return new_list(rt, std::move(columns));
}

Value dictsort(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("dictsort", {"case_sensitive", "by", "reverse"});
  if (!input.defined().is_dict()) fail(std::string("dictsort: found ") + input.type_name());
  const std::string by = bound[1].is_undefined() ? "key" : text_argument(bound[1], "by").bytes();
  if (by != "key" && by != "value") fail("dictsort: by is neither 'key' nor 'value'");
  const auto key = [&](const Value& value) {
    if (bound[0].is_true() || !value.is_string()) return value;
    return Value::string(change_case(rt, value.text(), Case::kLower));
  };
  struct Entry {
    Value key;
    Value::Entry entry;
  };
  std::vector<Entry> entries;
  rt.budget.allocate(512, input.as_dict().entries.size());
  for (const auto& entry : input.as_dict().entries) {
    entries.push_back({key(by == "key" ? entry.first : entry.second), entry});
  }
  std::stable_sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
    rt.budget.step();
    return bound[2].is_true() ? less(rt, b.key, a.key) : less(rt, a.key, b.key);
  });
  std::vector<Value> items;
  for (auto& [unused, entry] : entries) items.push_back(Value::tuple({entry.first, entry.second}));
  return Value::list(std::move(items));
}

}  // namespace

const FilterTable& sequence_filters() {
  static const FilterTable table = {
      {"batch", batch},          {"count", length_filter}, {"dictsort", dictsort},
      {"first", first},          {"items", items_filter},  {"last", last},
      {"length", length_filter}, {"list", list_filter},    {"reverse", reverse},
      {"slice", slice},
  };
  return table;
}

}  // namespace onebit::jinja
