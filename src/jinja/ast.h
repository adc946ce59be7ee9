// What a template is after parsing: statements that print, made of expressions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "jinja/value.h"

namespace onebit::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;
struct Stmt;
using Body = std::vector<Stmt>;

// --- Expressions ---------------------------------------------------------------------------------

struct Arguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr more_positional;  // *args
  ExprPtr more_named;       // **kwargs
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListDisplay {
  std::vector<ExprPtr> items;
  bool is_tuple;
};
struct DictDisplay {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
struct GetAttribute {
  ExprPtr object;
  std::string name;
};
struct GetItem {
  ExprPtr object;
  ExprPtr key;
};
struct GetSlice {
  ExprPtr object;
  ExprPtr start, stop, step;  // may be null
};
struct Call {
  ExprPtr callee;
  Arguments args;
};
struct ApplyFilter {
  ExprPtr input;  // null in {% filter %}: the text of the block
  std::string name;
  Arguments args;
};
struct ApplyTest {
  ExprPtr input;
  std::string name;
  Arguments args;
  bool is_negated;
};
struct Unary {
  enum Op { kNot, kMinus, kPlus } op;
  ExprPtr operand;
};
struct Binary {
  enum Op { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow, kAnd, kOr } op;
  ExprPtr left, right;
};
struct Concat {
  std::vector<ExprPtr> items;
};
// a < b <= c: all must hold.
struct Compare {
  enum Op { kEq, kNe, kLt, kLe, kGt, kGe, kIn, kNotIn };
  ExprPtr first;
  std::vector<std::pair<Op, ExprPtr>> rest;
};
struct Conditional {
  ExprPtr condition, yes, no;  // `no` may be null: undefined
};

struct Expr {
  int line;
  std::variant<Literal, Name, ListDisplay, DictDisplay, GetAttribute, GetItem, GetSlice, Call,
               ApplyFilter, ApplyTest, Unary, Binary, Concat, Compare, Conditional>
      node;
};

// --- Statements ----------------------------------------------------------------------------------

// What an assignment fills: a name, an attribute of a namespace, or several of these.
struct Target {
  std::string name;
  std::string attribute;      // empty: the name itself
  std::vector<Target> parts;  // not empty: unpacks into these
};

struct Text {
  Value text;
};
struct Print {
  ExprPtr value;
};
struct If {
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExprPtr iterable;
  ExprPtr condition;  // may be null
  Body body, otherwise;
};
struct Set {
  Target target;
  ExprPtr value;
};
struct SetBlock {
  Target target;
  ExprPtr filters;  // may be null
  Body body;
};
struct MacroDefinition {
  std::string name;
  std::vector<std::pair<std::string, ExprPtr>> parameters;  // with default or null
  Body body;
  bool takes_more_positional = false;  // uses varargs
  bool takes_more_named = false;       // uses kwargs
};
using MacroPtr = std::shared_ptr<const MacroDefinition>;
struct Macro {
  MacroPtr macro;
};
struct CallBlock {
  ExprPtr call;
  MacroPtr caller;
};
struct FilterBlock {
  ExprPtr filters;
  Body body;
};
// {% with %}, {% generation %}: a scope of its own.
struct Scoped {
  std::vector<std::pair<Target, ExprPtr>> variables;
  Body body;
};
struct Break {};
struct Continue {};

struct Stmt {
  int line;
  std::variant<Text, Print, If, For, Set, SetBlock, Macro, CallBlock, FilterBlock, Scoped, Break,
               Continue>
      node;
};

}  // namespace onebit::jinja
