#include <utility>

#include "jinja/builtins.h"
#include "jinja/evaluator.h"
#include "jinja/operators.h"
#include "jinja/print.h"

namespace onebit::jinja {

Value Evaluator::eval(const ExprPtr& expr) {
  const Nested nested(*this);
  runtime_.budget.step();
  line_ = expr->line;
  return std::visit([this](const auto& node) { return eval(node); }, expr->node);
}

Value Evaluator::eval(const Name& node) {
  if (const Value* const value = scope_->find(node.name)) return *value;
  if (node.name == "namespace") {
    return make_function([this](Runtime&, Args& args) { return make_namespace(args); });
  }
  Value global = find_global(node.name);
  return global.is_undefined() ? Value::undefined(quote(node.name) + " is undefined") : global;
}

Value Evaluator::make_namespace(const Args& args) {
  runtime_.budget.allocate(512);
  auto space = std::make_shared<Namespace>();
  arena_.keep(space);
  if (args.positional.size() > 1) fail("namespace: expected at most 1 positional argument");
  for (const Value& source : args.positional) {
    if (!source.defined().is_dict()) fail("namespace: expected a dict");
    for (const auto& [key, value] : source.as_dict().entries) {
      runtime_.budget.allocate(256);
      space->set(text_argument(key, "namespace: key").bytes(), value);
    }
  }
  for (const auto& [name, value] : args.named) {
    runtime_.budget.allocate(256);
    space->set(name, value);
  }
  return Value::object(std::move(space));
}

Value Evaluator::eval(const ListDisplay& node) {
  std::vector<Value> items;
  for (const auto& item : node.items) items.push_back(eval(item));
  runtime_.budget.allocate(64 + items.size() * sizeof(Value));
  return node.is_tuple ? Value::tuple(std::move(items)) : Value::list(std::move(items));
}

Value Evaluator::eval(const DictDisplay& node) {
  std::vector<Value::Entry> entries;
  for (const auto& [key, value] : node.entries) {
    const Value name = eval(key);
    set_entry(runtime_, entries, name, eval(value));
  }
  runtime_.budget.allocate(64);
  return Value::dict(std::move(entries));
}

Value Evaluator::eval(const GetAttribute& node) {
  return get_attribute(runtime_, eval(node.object), node.name);
}

Value Evaluator::eval(const GetItem& node) {
  const Value object = eval(node.object);
  return get_item(runtime_, object, eval(node.key));
}

Value Evaluator::eval(const GetSlice& node) {
  const Value object = eval(node.object);
  const Value start = eval_or_undefined(node.start);
  const Value stop = eval_or_undefined(node.stop);
  return get_slice(runtime_, object, start, stop, eval_or_undefined(node.step));
}

Args Evaluator::eval_arguments(const Arguments& arguments) {
  Args args;
  for (const auto& value : arguments.positional) args.positional.push_back(eval(value));
  for (const auto& [name, value] : arguments.named) args.named.emplace_back(name, eval(value));
  if (arguments.more_positional) {
    const auto more = iterate(runtime_, eval(arguments.more_positional));
    args.positional.insert(args.positional.end(), more->items.begin(), more->items.end());
  }
  if (arguments.more_named) {
    const Value more = eval(arguments.more_named);
    if (!more.defined().is_dict()) fail("**: expected a dict");
    for (const auto& [key, value] : more.as_dict().entries) {
      args.named.emplace_back(text_argument(key, "**: key").bytes(), value);
    }
  }
  runtime_.budget.allocate((args.positional.size() + 3 * args.named.size()) * sizeof(Value));
  return args;
}

Value Evaluator::eval(const Call& node) {
  return call(node, eval_arguments(node.args));
}

Value Evaluator::call(const Call& node, Args args) {
  const Value callee = eval(node.callee);
  if (!callee.defined().is_object()) fail(std::string(callee.type_name()) + " is not callable");
  return callee.as_object().call(runtime_, std::move(args));
}

Value Evaluator::eval(const ApplyFilter& node) {
  const Value input = node.input ? eval(node.input) : captured_;
  Args args = eval_arguments(node.args);
  return apply_filter(runtime_, node.name, input, args);
}

Value Evaluator::eval(const ApplyTest& node) {
  const Value input = eval(node.input);
  Args args = eval_arguments(node.args);
  return Value::boolean(apply_test(runtime_, node.name, input, args) != node.is_negated);
}

Value Evaluator::eval(const Unary& node) {
  const Value operand = eval(node.operand);
  if (node.op == Unary::kNot) return Value::boolean(!operand.is_true());
  if (!operand.defined().is_number()) fail(std::string("cannot negate ") + operand.type_name());
  if (node.op == Unary::kPlus) {
    return operand.is_bool() ? Value::integer(operand.as_int()) : operand;
  }
  if (operand.is_real()) return Value::real(-operand.as_real());
  return arithmetic(runtime_, Binary::kSub, Value::integer(0), operand);
}

Value Evaluator::eval(const Binary& node) {
  Value left = eval(node.left);
  if (node.op == Binary::kAnd) return left.is_true() ? eval(node.right) : left;
  if (node.op == Binary::kOr) return left.is_true() ? left : eval(node.right);
  return arithmetic(runtime_, node.op, left, eval(node.right));
}

Value Evaluator::eval(const Concat& node) {
  MarkedString out;
  for (const auto& item : node.items) out.append(to_text(runtime_, eval(item)));
  return new_string(runtime_, std::move(out));
}

bool Evaluator::compare(Compare::Op op, const Value& a, const Value& b) {
  switch (op) {
    case Compare::kEq:
      return equal(runtime_, a, b);
    case Compare::kNe:
      return !equal(runtime_, a, b);
    case Compare::kLt:
      return less(runtime_, a, b);
    case Compare::kGt:
      return less(runtime_, b, a);
    case Compare::kLe:
      return less(runtime_, a, b) || equal(runtime_, a, b);
    case Compare::kGe:
      return less(runtime_, b, a) || equal(runtime_, a, b);
    case Compare::kIn:
      return contains(runtime_, b, a);
    case Compare::kNotIn:
      return !contains(runtime_, b, a);
  }
  ONEBIT_CHECK(false);
}

Value Evaluator::eval(const Compare& node) {
  Value left = eval(node.first);
  for (const auto& [op, operand] : node.rest) {
    Value right = eval(operand);
    if (!compare(op, left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Evaluator::eval(const Conditional& node) {
  if (eval(node.condition).is_true()) return eval(node.yes);
  if (!node.no) return Value::undefined("the condition is false and there is no else");
  return eval(node.no);
}

}  // namespace onebit::jinja
