// Tokens to statements, by Jinja2's grammar.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "jinja/ast.h"
#include "jinja/lexer.h"

namespace onebit::jinja {

// Recursive descent. parse_statement.cpp holds the tags, parse_expression.cpp the expressions.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  // Throws Error(kInvalidFile) that names the line.
  Body parse();

 private:
  class Nested;  // counts kMaxSyntaxDepth

  // Statements.
  Body parse_body(std::initializer_list<std::string_view> ends);
  Stmt parse_tag();
  Stmt parse_if(int line);
  Stmt parse_for(int line);
  Stmt parse_set(int line);
  Stmt parse_macro(int line);
  Stmt parse_call_block(int line);
  Stmt parse_filter_block(int line);
  Stmt parse_with(int line);
  Target parse_target(bool allow_attribute);
  Target parse_one_target(bool allow_attribute);
  void parse_parameters(MacroDefinition& macro);
  Body parse_macro_body(MacroDefinition& macro, std::string_view end);

  // Expressions.
  ExprPtr parse_tuple(bool with_conditional = true);  // an expression, or several with commas
  ExprPtr parse_expression();
  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_compare();
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filters);
  ExprPtr parse_primary();
  ExprPtr parse_display();
  ExprPtr parse_postfix(ExprPtr expr);
  ExprPtr parse_subscript(ExprPtr expr);
  ExprPtr parse_filters(ExprPtr expr);  // | filter, is test, call
  ExprPtr parse_filter(ExprPtr input);  // behind the |
  ExprPtr parse_test(ExprPtr input);    // behind the `is`
  Arguments parse_arguments();          // behind the (
  std::string parse_dotted_name(const char* what);

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  Token take();
  bool is_operator(std::string_view text) const;
  bool is_name(std::string_view text) const;
  bool skip_operator(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_operator(std::string_view text);
  std::string expect_name(const char* what);
  void expect_tag_end();
  [[noreturn]] void unexpected(const std::string& expected) const;
  void chain();  // counts kMaxChain
  template <typename Node>
  ExprPtr make(int line, Node node) {
    return std::make_unique<Expr>(Expr{line, std::move(node)});
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int chain_ = 0;
  int loops_ = 0;                     // enclosing {% for %} of this macro
  MacroDefinition* macro_ = nullptr;  // the enclosing one
};

class Parser::Nested {
 public:
  explicit Nested(Parser& parser);
  ~Nested() { --parser_.depth_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  Parser& parser_;
};

}  // namespace onebit::jinja
