#include "jinja/loop.h"

#include <utility>

#include "jinja/print.h"

namespace onebit::jinja {

Value Loop::attribute(std::string_view name) const {
  const auto& items = items_->items;
  const auto i = static_cast<int64_t>(index_);
  const auto n = static_cast<int64_t>(items.size());
  if (name == "index") return Value::integer(i + 1);
  if (name == "index0") return Value::integer(i);
  if (name == "revindex") return Value::integer(n - i);
  if (name == "revindex0") return Value::integer(n - i - 1);
  if (name == "length") return Value::integer(n);
  if (name == "first") return Value::boolean(i == 0);
  if (name == "last") return Value::boolean(i + 1 == n);
  // Only recursive loops, which there are not, have other depths.
  if (name == "depth") return Value::integer(1);
  if (name == "depth0") return Value::integer(0);
  if (name == "previtem") {
    return i > 0 ? items[index_ - 1] : Value::undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return i + 1 < n ? items[index_ + 1] : Value::undefined("there is no next item");
  }
  if (name == "cycle") {
    const std::size_t index = index_;
    return make_function([index](Runtime&, Args& args) {
      if (args.positional.empty()) fail("loop.cycle: no items");
      return args.positional[index % args.positional.size()];
    });
  }
  if (name == "changed") {
    const auto last = last_;
    return make_function([last](Runtime& rt, Args& args) {
      rt.budget.allocate(64);
      std::string now = "=" + to_repr(rt, Value::list(std::move(args.positional))).bytes();
      return Value::boolean(std::exchange(*last, now) != now);
    });
  }
  return Object::attribute(name);
}

}  // namespace onebit::jinja
