// Filters that look at each item through an attribute, another filter or a test.
#include <algorithm>

#include "jinja/builtins.h"
#include "jinja/operators.h"
#include "jinja/print.h"
#include "jinja/string_ops.h"

namespace onebit::jinja {
namespace {

// "a.b.0" or 3 of an item; `fallback` for what is undefined.
class Attribute {
 public:
  Attribute(Runtime& runtime, const Value& path, Value fallback = Value())
      : fallback_(std::move(fallback)) {
    if (path.is_undefined() || path.is_null()) return;
    if (path.is_integral()) {
      steps_.push_back(path);
      return;
    }
    const MarkedString dot(".");
    for (const Value& part : split(runtime, text_argument(path, "attribute"), &dot, -1, false)) {
      const std::string& name = part.bytes();
      const bool is_index = !name.empty() && name.size() < 10 &&
                            name.find_first_not_of("0123456789") == std::string::npos;
      steps_.push_back(is_index ? Value::integer(std::stoll(name)) : part);
    }
  }

  Value operator()(Runtime& runtime, Value item) const {
    for (const Value& step : steps_) {
      runtime.budget.step();
      item = get_item(runtime, item, step);
      if (item.is_undefined() && !fallback_.is_undefined()) item = fallback_;
    }
    return item;
  }

 private:
  std::vector<Value> steps_;
  Value fallback_;
};

// How sort, unique, min and max see an item.
Value sort_key(Runtime& rt, const Attribute& attribute, bool case_sensitive, const Value& item) {
  const Value key = attribute(rt, item);
  if (case_sensitive || !key.is_string()) return key;
  return Value::string(change_case(rt, key.text(), Case::kLower));
}

struct Keyed {
  Value key;
  Value item;
};

std::vector<Keyed> keyed(Runtime& rt, const Value& input, const Value& attribute,
                         bool case_sensitive) {
  const Attribute get(rt, attribute);
  const auto list = iterate(rt, input);
  rt.budget.allocate(sizeof(Keyed), list->items.size());
  std::vector<Keyed> out;
  for (const Value& item : list->items) {
    out.push_back({sort_key(rt, get, case_sensitive, item), item});
  }
  return out;
}

Value sort(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("sort", {"reverse", "case_sensitive", "attribute"});
  auto items = keyed(rt, input, bound[2], bound[1].is_true());
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    rt.budget.step();
    return bound[0].is_true() ? less(rt, b.key, a.key) : less(rt, a.key, b.key);
  });
  std::vector<Value> out;
  for (auto& [key, item] : items) out.push_back(std::move(item));
  return new_list(rt, std::move(out));
}

Value unique(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("unique", {"case_sensitive", "attribute"});
  std::vector<Value> keys;
  std::vector<Value> out;
  for (auto& [key, item] : keyed(rt, input, bound[1], bound[0].is_true())) {
    bool seen = false;
    for (const Value& other : keys) {
      rt.budget.step();
      seen = seen || equal(rt, key, other);
    }
    if (seen) continue;
    keys.push_back(key);
    out.push_back(item);
  }
  return new_list(rt, std::move(out));
}

template <bool want_max>
Value extreme(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("min/max", {"case_sensitive", "attribute"});
  const auto items = keyed(rt, input, bound[1], bound[0].is_true());
  if (items.empty()) return Value::undefined("min/max: no items");
  const Keyed* best = &items[0];
  for (const Keyed& item : items) {
    rt.budget.step();
    if (want_max ? less(rt, best->key, item.key) : less(rt, item.key, best->key)) best = &item;
  }
  return best->item;
}

Value sum(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("sum", {"attribute", "start"});
  const Attribute get(rt, bound[0]);
  Value total = bound[1].is_undefined() ? Value::integer(0) : bound[1];
  const auto list = iterate(rt, input);
  for (const Value& item : list->items) {
    total = arithmetic(rt, Binary::kAdd, total, get(rt, item));
  }
  return total;
}

Value join_filter(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("join", {"d", "attribute"});
  const MarkedString between = to_text(rt, bound[0]);
  if (bound[1].is_undefined() || bound[1].is_null()) {
    return new_string(rt, join(rt, between, iterate(rt, input)->items, false));
  }
  const Attribute get(rt, bound[1]);
  std::vector<Value> items;
  const auto list = iterate(rt, input);
  for (const Value& item : list->items) items.push_back(get(rt, item));
  return new_string(rt, join(rt, between, items, false));
}

Value attr(Runtime& rt, const Value& input, Args& args) {
  // Python's getattr: never a dict's entry.
  const auto bound = args.bind("attr", {"name"}, 1);
  const std::string& name = text_argument(bound[0], "attr").bytes();
  if (input.defined().is_dict()) {
    if (get_attribute(rt, Value::dict({}), name).is_undefined()) return Value::undefined("attr");
  }
  return get_attribute(rt, input, name);
}

Value map(Runtime& rt, const Value& input, Args& args) {
  if (!input.is_true()) return Value::list({});  // None too, as in Jinja2
  const auto list = iterate(rt, input);
  std::vector<Value> out;
  if (args.positional.empty()) {
    const auto bound = args.bind("map", {"attribute", "default"}, 0);
    if (bound[0].is_undefined()) fail("map: expected a filter or an attribute");
    const Attribute get(rt, bound[0], bound[1]);
    for (const Value& item : list->items) out.push_back(get(rt, item));
    return new_list(rt, std::move(out));
  }
  const std::string name = text_argument(args.positional[0], "map: filter").bytes();
  const Args rest{{args.positional.begin() + 1, args.positional.end()}, args.named};
  for (const Value& item : list->items) {
    rt.budget.allocate(rest.positional.size() * sizeof(Value));
    Args copy = rest;
    out.push_back(apply_filter(rt, name, item, copy));
  }
  return new_list(rt, std::move(out));
}

// select, reject, selectattr, rejectattr: items whose test, truth if none is named, is `want`.
template <bool want, bool by_attribute>
Value choose(Runtime& rt, const Value& input, Args& args) {
  if (!input.is_true()) return Value::list({});  // None too, as in Jinja2
  std::size_t used = 0;
  Value path;
  if (by_attribute) {
    if (args.positional.empty()) fail("selectattr/rejectattr: missing attribute");
    path = args.positional[used++];
  }
  const Attribute get(rt, path);
  std::string test;
  if (used < args.positional.size()) {
    test = text_argument(args.positional[used++], "select: test").bytes();
  }
  const auto first_rest = args.positional.begin() + static_cast<std::ptrdiff_t>(used);
  const Args rest{{first_rest, args.positional.end()}, args.named};
  std::vector<Value> out;
  const auto list = iterate(rt, input);
  for (const Value& item : list->items) {
    rt.budget.step();
    rt.budget.allocate(rest.positional.size() * sizeof(Value));
    const Value seen = get(rt, item);
    Args copy = rest;
    const bool holds = test.empty() ? seen.is_true() : apply_test(rt, test, seen, copy);
    if (holds == want) out.push_back(item);
  }
  return new_list(rt, std::move(out));
}

Value groupby(Runtime& rt, const Value& input, Args& args) {
  const auto bound = args.bind("groupby", {"attribute", "default", "case_sensitive"}, 1);
  const Attribute get(rt, bound[0], bound[1]);
  std::vector<Keyed> items;
  const auto list = iterate(rt, input);
  for (const Value& item : list->items) {
    items.push_back({sort_key(rt, get, bound[2].is_true(), item), item});
  }
  rt.budget.allocate(sizeof(Keyed), items.size());
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    rt.budget.step();
    return less(rt, a.key, b.key);
  });
  std::vector<Value> groups;
  for (std::size_t begin = 0; begin < items.size();) {
    std::vector<Value> members;
    std::size_t end = begin;
    for (; end < items.size() && equal(rt, items[begin].key, items[end].key); ++end) {
      members.push_back(items[end].item);
    }
    rt.budget.allocate(256);
    const Value grouper = get(rt, items[begin].item);
    groups.push_back(Value::tuple({grouper, new_list(rt, std::move(members))}));
    begin = end;
  }
  return new_list(rt, std::move(groups));
}

}  // namespace

const FilterTable& selection_filters() {
  static const FilterTable table = {
      {"attr", attr},
      {"groupby", groupby},
      {"join", join_filter},
      {"map", map},
      {"max", extreme<true>},
      {"min", extreme<false>},
      {"reject", choose<false, false>},
      {"rejectattr", choose<false, true>},
      {"select", choose<true, false>},
      {"selectattr", choose<true, true>},
      {"sort", sort},
      {"sum", sum},
      {"unique", unique},
  };
  return table;
}

}  // namespace onebit::jinja
