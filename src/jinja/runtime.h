// What the built-in functions of a rendering share: its limits, its clock, their arguments.
#pragma once

#include <ctime>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "jinja/budget.h"
#include "jinja/value.h"

namespace onebit::jinja {

struct Runtime {
  Budget budget;
  int filter_depth = 0;  // filters that call filters
  std::tm now{};
};

// All failures while rendering. Template::render adds the line.
[[noreturn]] inline void fail(std::string message) {
  throw Error(ErrorCode::kInvalidArgument, std::move(message));
}

// The arguments of a call.
struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  // The arguments in the order of `names`, undefined where missing. Fails if one of the first
  // `required` is missing, or an argument has no name here.
  std::vector<Value> bind(std::string_view function, std::initializer_list<const char*> names,
                          std::size_t required = 0) const;
  // Removes and returns the named argument, undefined if missing.
  Value take(std::string_view name);
};

// A function of ours as a value.
class Function : public Object {
 public:
  using Body = std::function<Value(Runtime&, Args&)>;
  // `depth`: of the values that `body` keeps.
  explicit Function(Body body, int depth = 0) : body_(std::move(body)), depth_(depth) {}
  const char* type_name() const override { return "function"; }
  bool is_callable() const override { return true; }
  Value call(Runtime& runtime, Args args) override { return body_(runtime, args); }
  int depth() const override { return depth_ + 1; }

 private:
  Body body_;
  int depth_;
};

// Fails above kMaxValueDepth: a function can keep a value that keeps a function.
Value make_function(Function::Body body, int depth = 0);

// New strings and lists, charged to the budget. (Charged once more where a loop builds them: a
// bound, not an account.)
Value new_string(Runtime& runtime, MarkedString text);
Value new_list(Runtime& runtime, std::vector<Value> items);

// Argument checks: the value, or a failure that names function and argument.
int64_t int_argument(const Value& value, std::string_view what);
const MarkedString& text_argument(const Value& value, std::string_view what);

}  // namespace onebit::jinja
