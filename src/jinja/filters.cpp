#include "jinja/builtins.h"

namespace onebit::jinja {
namespace {

Filter find_filter(std::string_view name) {
  for (const FilterTable* table : {&text_filters(), &sequence_filters(), &selection_filters()}) {
    if (const auto found = table->find(name); found != table->end()) return found->second;
  }
  return nullptr;
}

}  // namespace

bool has_filter(std::string_view name) {
  return find_filter(name) != nullptr;
}

Value apply_filter(Runtime& runtime, std::string_view name, const Value& input, Args& args) {
  const Filter filter = find_filter(name);
  if (!filter) fail("unknown filter " + quote(name));
  runtime.budget.step();
  // x|map('map', 'map', ...) nests as deep as it has arguments.
  if (++runtime.filter_depth > kMaxCallDepth) {
    fail("filters nest deeper than " + std::to_string(kMaxCallDepth));
  }
  Value result = filter(runtime, input, args);  // if it throws the rendering is over
  --runtime.filter_depth;
  return result;
}

}  // namespace onebit::jinja
