// The variable `loop` of {% for %}.
#pragma once

#include <memory>
#include <string_view>

#include "jinja/runtime.h"

namespace onebit::jinja {

class Loop : public Object {
 public:
  explicit Loop(std::shared_ptr<const List> items) : items_(std::move(items)) {}
  const char* type_name() const override { return "loop"; }
  int depth() const override { return items_->depth + 1; }
  Value attribute(std::string_view name) const override;
  void move_to(std::size_t index) { index_ = index; }

 private:
  const std::shared_ptr<const List> items_;
  std::size_t index_ = 0;
  // What loop.changed() saw last, as text: a value here could hold the loop itself.
  const std::shared_ptr<std::string> last_ = std::make_shared<std::string>();
};

}  // namespace onebit::jinja
