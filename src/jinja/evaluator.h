// Walks the tree of a template and writes its output.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "jinja/ast.h"
#include "jinja/runtime.h"
#include "jinja/scope.h"

namespace onebit::jinja {

class Evaluator {
 public:
  // `context`: a dict, the variables of the template.
  Evaluator(const Value& context, const std::tm& now);

  // Throws Error(kInvalidArgument) without a line: line() is where it was.
  MarkedString run(const Body& body);
  int line() const { return line_; }

  // For macros.
  Value call_macro(const MacroDefinition& macro, const std::shared_ptr<Scope>& closure, Args args);

 private:
  enum class Flow { kNext, kBreak, kContinue };
  class Nested;      // counts kMaxEvalDepth
  class ScopeGuard;  // a scope of its own until it dies

  // Statements (evaluate_statement.cpp).
  Flow exec(const Body& body);
  Flow exec(const Text& node);
  Flow exec(const Print& node);
  Flow exec(const If& node);
  Flow exec(const For& node);
  Flow exec(const Set& node);
  Flow exec(const SetBlock& node);
  Flow exec(const Macro& node);
  Flow exec(const CallBlock& node);
  Flow exec(const FilterBlock& node);
  Flow exec(const Scoped& node);
  Flow exec(const Break&) { return Flow::kBreak; }
  Flow exec(const Continue&) { return Flow::kContinue; }
  void assign(const Target& target, const Value& value);
  void write(const MarkedString& text);
  Value capture(const Body& body);  // its output as a string
  Value make_macro(MacroPtr macro);

  // Expressions (evaluate_expression.cpp).
  Value eval(const ExprPtr& expr);
  Value eval_or_undefined(const ExprPtr& expr) { return expr ? eval(expr) : Value(); }
  Value eval(const Literal& node) { return node.value; }
  Value eval(const Name& node);
  Value eval(const ListDisplay& node);
  Value eval(const DictDisplay& node);
  Value eval(const GetAttribute& node);
  Value eval(const GetItem& node);
  Value eval(const GetSlice& node);
  Value eval(const Call& node);
  Value eval(const ApplyFilter& node);
  Value eval(const ApplyTest& node);
  Value eval(const Unary& node);
  Value eval(const Binary& node);
  Value eval(const Concat& node);
  Value eval(const Compare& node);
  Value eval(const Conditional& node);
  bool compare(Compare::Op op, const Value& a, const Value& b);
  Args eval_arguments(const Arguments& arguments);
  Value call(const Call& node, Args args);
  Value make_namespace(const Args& args);

  Arena arena_;  // first: dies last
  Runtime runtime_;
  std::shared_ptr<Scope> scope_;
  MarkedString* out_ = nullptr;
  Value captured_;  // the text that a {% filter %} or {% set | filter %} starts from
  int line_ = 0;
  int depth_ = 0;
  int call_depth_ = 0;
};

class Evaluator::Nested {
 public:
  explicit Nested(Evaluator& evaluator) : evaluator_(evaluator) {
    if (++evaluator_.depth_ > kMaxEvalDepth) {
      --evaluator_.depth_;
      fail("evaluation nests deeper than " + std::to_string(kMaxEvalDepth));
    }
    evaluator_.runtime_.budget.step();
  }
  ~Nested() { --evaluator_.depth_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  Evaluator& evaluator_;
};

}  // namespace onebit::jinja
