#include <utility>

#include "jinja/builtins.h"
#include "jinja/evaluator.h"
#include "jinja/loop.h"
#include "jinja/operators.h"
#include "jinja/print.h"

namespace onebit::jinja {
namespace {

// A macro as a value: its definition and the scope in which it was made.
class MacroObject : public Object {
 public:
  MacroObject(Evaluator& evaluator, MacroPtr macro, std::shared_ptr<Scope> closure)
      : evaluator_(evaluator), macro_(std::move(macro)), closure_(std::move(closure)) {}
  const char* type_name() const override { return "macro"; }
  bool is_callable() const override { return true; }
  Value attribute(std::string_view name) const override {
    return name == "name" ? Value::string(macro_->name) : Object::attribute(name);
  }
  Value call(Runtime&, Args args) override {
    return evaluator_.call_macro(*macro_, closure_, std::move(args));
  }

 private:
  Evaluator& evaluator_;
  const MacroPtr macro_;
  const std::shared_ptr<Scope> closure_;
};

}  // namespace

class Evaluator::ScopeGuard {
 public:
  ScopeGuard(Evaluator& evaluator, std::shared_ptr<Scope> parent)
      : evaluator_(evaluator), outer_(std::move(evaluator.scope_)) {
    evaluator_.runtime_.budget.allocate(128);
    evaluator_.scope_ = std::make_shared<Scope>(std::move(parent));
  }
  explicit ScopeGuard(Evaluator& evaluator) : ScopeGuard(evaluator, evaluator.scope_) {}
  ~ScopeGuard() { evaluator_.scope_ = std::move(outer_); }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Evaluator& evaluator_;
  std::shared_ptr<Scope> outer_;
};

Evaluator::Evaluator(const Value& context, const std::tm& now)
    : scope_(std::make_shared<Scope>(nullptr)) {
  runtime_.now = now;
  for (const auto& [name, value] : context.as_dict().entries) {
    if (name.is_string()) scope_->set(name.bytes(), value);
  }
}

MarkedString Evaluator::run(const Body& body) {
  MarkedString out;
  out_ = &out;
  exec(body);
  return out;
}

Evaluator::Flow Evaluator::exec(const Body& body) {
  const Nested nested(*this);
  for (const Stmt& stmt : body) {
    runtime_.budget.step();
    line_ = stmt.line;
    const Flow flow = std::visit([this](const auto& node) { return exec(node); }, stmt.node);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

void Evaluator::write(const MarkedString& text) {
  if (text.size() > kMaxOutputBytes - out_->size()) {
    fail("the output is larger than " + std::to_string(kMaxOutputBytes) + " bytes");
  }
  runtime_.budget.allocate(text.size() + text.runs().size() * sizeof(MarkedString::Run));
  out_->append(text);
}

Evaluator::Flow Evaluator::exec(const Text& node) {
  write(node.text.text());
  return Flow::kNext;
}

Evaluator::Flow Evaluator::exec(const Print& node) {
  const Value value = eval(node.value);
  if (value.is_string()) {
    write(value.text());
  } else {
    write(to_text(runtime_, value));
  }
  return Flow::kNext;
}

Evaluator::Flow Evaluator::exec(const If& node) {
  for (const auto& [condition, body] : node.branches) {
    if (eval(condition).is_true()) return exec(body);
  }
  return exec(node.otherwise);
}

Evaluator::Flow Evaluator::exec(const For& node) {
  auto items = iterate(runtime_, eval(node.iterable));
  if (node.condition) {
    std::vector<Value> kept;
    for (const Value& item : items->items) {
      const ScopeGuard scope(*this);
      assign(node.target, item);
      if (eval(node.condition).is_true()) kept.push_back(item);
    }
    items = new_list(runtime_, std::move(kept)).list_ptr();
  }
  if (items->items.empty()) {
    const ScopeGuard scope(*this);
    return exec(node.otherwise);
  }
  const auto loop = std::make_shared<Loop>(items);
  for (std::size_t i = 0; i < items->items.size(); ++i) {
    runtime_.budget.step();
    loop->move_to(i);
    const ScopeGuard scope(*this);
    scope_->set("loop", Value::object(loop));
    assign(node.target, items->items[i]);
    if (exec(node.body) == Flow::kBreak) break;
  }
  return Flow::kNext;
}

void Evaluator::assign(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const auto list = iterate(runtime_, value.defined());
    if (list->items.size() != target.parts.size()) {
      fail("cannot unpack " + std::to_string(list->items.size()) + " values into " +
           std::to_string(target.parts.size()));
    }
    for (std::size_t i = 0; i < target.parts.size(); ++i) assign(target.parts[i], list->items[i]);
    return;
  }
  runtime_.budget.allocate(128);
  if (target.attribute.empty()) {
    scope_->set(target.name, value);
    return;
  }
  const Value* const object = scope_->find(target.name);
  auto* const space =
      object && object->is_object() ? dynamic_cast<Namespace*>(&object->as_object()) : nullptr;
  if (!space) fail("cannot set an attribute of " + quote(target.name) + ": it is no namespace");
  space->set(target.attribute, value);
}

Evaluator::Flow Evaluator::exec(const Set& node) {
  assign(node.target, eval(node.value));
  return Flow::kNext;
}

Value Evaluator::capture(const Body& body) {
  MarkedString text;
  MarkedString* const outer = std::exchange(out_, &text);
  exec(body);  // if it throws the rendering is over, and out_ with it
  out_ = outer;
  return new_string(runtime_, std::move(text));
}

Evaluator::Flow Evaluator::exec(const SetBlock& node) {
  Value text;
  {
    const ScopeGuard scope(*this);
    text = capture(node.body);
  }
  if (node.filters) {
    captured_ = std::move(text);
    text = eval(node.filters);
  }
  assign(node.target, text);
  return Flow::kNext;
}

Evaluator::Flow Evaluator::exec(const FilterBlock& node) {
  const ScopeGuard scope(*this);
  captured_ = capture(node.body);
  write(to_text(runtime_, eval(node.filters)));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::exec(const Scoped& node) {
  std::vector<Value> values;  // all before the scope: they see the names around it
  for (const auto& [target, value] : node.variables) values.push_back(eval(value));
  const ScopeGuard scope(*this);
  for (std::size_t i = 0; i < values.size(); ++i) assign(node.variables[i].first, values[i]);
  return exec(node.body);
}

Value Evaluator::make_macro(MacroPtr macro) {
  runtime_.budget.allocate(512);
  arena_.keep(scope_);
  return Value::object(std::make_shared<MacroObject>(*this, std::move(macro), scope_));
}

Evaluator::Flow Evaluator::exec(const Macro& node) {
  scope_->set(node.macro->name, make_macro(node.macro));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::exec(const CallBlock& node) {
  const auto& call_node = std::get<Call>(node.call->node);
  Args args = eval_arguments(call_node.args);
  args.named.emplace_back("caller", make_macro(node.caller));
  write(to_text(runtime_, call(call_node, std::move(args))));
  return Flow::kNext;
}

Value Evaluator::call_macro(const MacroDefinition& macro, const std::shared_ptr<Scope>& closure,
                            Args args) {
  const std::string who = "macro " + quote(macro.name);
  if (++call_depth_ > kMaxCallDepth) {
    fail(who + ": calls nest deeper than " + std::to_string(kMaxCallDepth));
  }
  const int line = line_;
  const ScopeGuard scope(*this, closure);
  scope_->set("caller", args.take("caller"));
  const std::size_t n = macro.parameters.size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto& [name, fallback] = macro.parameters[i];
    bool given = i < args.positional.size();
    for (const auto& [named, value] : args.named) {
      if (named != name) continue;
      if (given) fail(who + ": argument " + quote(name) + " given twice");
      given = true;
    }
    if (i < args.positional.size()) {
      scope_->set(name, args.positional[i]);
    } else if (given) {
      scope_->set(name, args.take(name));
    } else if (fallback) {
      scope_->set(name, eval(fallback));
    } else {
      scope_->set(name, Value::undefined("parameter " + quote(name) + " was not provided"));
    }
  }
  if (args.positional.size() > n && !macro.takes_more_positional) {
    fail(who + ": takes at most " + std::to_string(n) + " arguments, found " +
         std::to_string(args.positional.size()));
  }
  if (!args.named.empty() && !macro.takes_more_named) {
    fail(who + ": unknown argument " + quote(args.named[0].first));
  }
  if (macro.takes_more_positional) {
    const auto begin =
        args.positional.begin() + static_cast<std::ptrdiff_t>(std::min(n, args.positional.size()));
    scope_->set("varargs", Value::tuple({begin, args.positional.end()}));
  }
  if (macro.takes_more_named) {
    std::vector<Value::Entry> entries;
    for (const auto& [name, value] : args.named) entries.emplace_back(Value::string(name), value);
    scope_->set("kwargs", Value::dict(std::move(entries)));
  }
  Value text = capture(macro.body);
  --call_depth_;
  line_ = line;
  return text;
}

}  // namespace onebit::jinja
