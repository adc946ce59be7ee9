#include <utility>

#include "base/error.h"
#include "jinja/budget.h"
#include "jinja/parser.h"

namespace onebit::jinja {

Parser::Nested::Nested(Parser& parser) : parser_(parser) {
  if (++parser.depth_ > kMaxSyntaxDepth) {
    syntax_error(parser.current().line, "nested deeper than " + std::to_string(kMaxSyntaxDepth));
  }
}

void Parser::chain() {
  if (++chain_ > kMaxChain) {
    syntax_error(current().line, "more than " + std::to_string(kMaxChain) + " operators in a tag");
  }
}

Token Parser::take() {
  Token& token = tokens_[at_];
  if (token.kind == Token::kEnd) return token;  // never moves behind it
  ++at_;
  return std::move(token);
}

bool Parser::is_operator(std::string_view text) const {
  return current().kind == Token::kOperator && current().text == text;
}

bool Parser::is_name(std::string_view text) const {
  return current().kind == Token::kName && current().text == text;
}

bool Parser::skip_operator(std::string_view text) {
  if (!is_operator(text)) return false;
  ++at_;
  return true;
}

bool Parser::skip_name(std::string_view text) {
  if (!is_name(text)) return false;
  ++at_;
  return true;
}

void Parser::expect_operator(std::string_view text) {
  if (!skip_operator(text)) unexpected(quote(text));
}

std::string Parser::expect_name(const char* what) {
  if (current().kind != Token::kName) unexpected(what);
  return take().text;
}

void Parser::expect_tag_end() {
  if (current().kind != Token::kTagEnd) unexpected("the end of the tag");
  ++at_;
}

void Parser::unexpected(const std::string& expected) const {
  static constexpr const char* kNames[] = {
      "text",           "{{", "}}", "{%", "%}", "name", "", "an integer", "a number", "operator",
      "end of template"};
  const Token& token = current();
  std::string found = kNames[token.kind];
  if (token.kind == Token::kName || token.kind == Token::kOperator) found = quote(token.text);
  if (token.kind == Token::kString) found = "string " + quote(token.text);
  syntax_error(token.line, "expected " + expected + ", found " + found);
}

Body Parser::parse() {
  return parse_body({});
}

// Up to {% end %}, whose name is then the current token; {} means the end of the template.
Body Parser::parse_body(std::initializer_list<std::string_view> ends) {
  const Nested nested(*this);
  Body body;
  for (;;) {
    const int line = current().line;
    chain_ = 0;
    switch (current().kind) {
      case Token::kText:
        body.push_back({line, Text{Value::string(take().text)}});
        break;
      case Token::kPrintBegin: {
        take();
        Print print{parse_tuple()};
        if (current().kind != Token::kPrintEnd) unexpected("}}");
        take();
        body.push_back({line, std::move(print)});
        break;
      }
      case Token::kTagBegin:
        take();
        for (const auto end : ends) {
          if (is_name(end)) return body;
        }
        body.push_back(parse_tag());
        break;
      default:  // kEnd: every other token is inside a tag
        if (ends.size() > 0) unexpected("{% " + std::string(*(ends.end() - 1)) + " %}");
        return body;
    }
  }
}

Stmt Parser::parse_tag() {
  const int line = current().line;
  const std::string tag = expect_name("the name of a tag");
  if (tag == "if") return parse_if(line);
  if (tag == "for") return parse_for(line);
  if (tag == "set") return parse_set(line);
  if (tag == "macro") return parse_macro(line);
  if (tag == "call") return parse_call_block(line);
  if (tag == "filter") return parse_filter_block(line);
  if (tag == "with") return parse_with(line);
  if (tag == "generation") {
    expect_tag_end();
    Scoped scoped{{}, parse_body({"endgeneration"})};
    take();
    expect_tag_end();
    return {line, std::move(scoped)};
  }
  if (tag == "break" || tag == "continue") {
    if (loops_ == 0) syntax_error(line, "{% " + tag + " %} outside of a loop");
    expect_tag_end();
    if (tag == "break") return {line, Break{}};
    return {line, Continue{}};
  }
  syntax_error(line, "unknown tag " + quote(tag));
}

Stmt Parser::parse_if(int line) {
  If node;
  for (;;) {
    ExprPtr condition = parse_tuple(false);
    expect_tag_end();
    Body body = parse_body({"elif", "else", "endif"});
    node.branches.emplace_back(std::move(condition), std::move(body));
    if (skip_name("elif")) {
      chain_ = 0;
      continue;
    }
    if (skip_name("else")) {
      expect_tag_end();
      node.otherwise = parse_body({"endif"});
    }
    take();
    expect_tag_end();
    return {line, std::move(node)};
  }
}

Stmt Parser::parse_for(int line) {
  For node;
  node.target = parse_target(false);
  if (!skip_name("in")) unexpected("'in'");
  node.iterable = parse_tuple(false);
  if (skip_name("if")) node.condition = parse_expression();
  if (is_name("recursive")) syntax_error(line, "recursive loops are not supported");
  expect_tag_end();
  ++loops_;
  node.body = parse_body({"else", "endfor"});
  --loops_;
  if (skip_name("else")) {
    expect_tag_end();
    node.otherwise = parse_body({"endfor"});
  }
  take();
  expect_tag_end();
  return {line, std::move(node)};
}

Target Parser::parse_one_target(bool allow_attribute) {
  const Nested nested(*this);
  if (skip_operator("(")) {
    Target target = parse_target(allow_attribute);
    expect_operator(")");
    return target;
  }
  Target target;
  target.name = expect_name("a name to assign to");
  for (const char* reserved : {"true", "false", "none", "True", "False", "None", "loop"}) {
    if (target.name == reserved && !is_operator(".")) {
      syntax_error(current().line, "cannot assign to " + quote(target.name));
    }
  }
  if (allow_attribute && skip_operator(".")) target.attribute = expect_name("an attribute");
  return target;
}

Target Parser::parse_target(bool allow_attribute) {
  Target first = parse_one_target(allow_attribute);
  if (!is_operator(",")) return first;
  Target target;
  target.parts.push_back(std::move(first));
  while (skip_operator(",")) {
    if (current().kind != Token::kName && !is_operator("(")) break;  // a comma at the end
    if (is_name("in")) break;
    target.parts.push_back(parse_one_target(allow_attribute));
  }
  return target;
}

Stmt Parser::parse_set(int line) {
  Target target = parse_target(true);
  if (skip_operator("=")) {
    Set set{std::move(target), parse_tuple()};
    expect_tag_end();
    return {line, std::move(set)};
  }
  SetBlock block{std::move(target), nullptr, {}};
  while (skip_operator("|")) {
    chain();
    block.filters = parse_filter(std::move(block.filters));
  }
  expect_tag_end();
  block.body = parse_body({"endset"});
  take();
  expect_tag_end();
  return {line, std::move(block)};
}

// (a, b=1), behind the opening bracket.
void Parser::parse_parameters(MacroDefinition& macro) {
  while (!skip_operator(")")) {
    if (!macro.parameters.empty()) expect_operator(",");
    std::string name = expect_name("a parameter");
    ExprPtr fallback;
    if (skip_operator("=")) {
      fallback = parse_expression();
    } else if (!macro.parameters.empty() && macro.parameters.back().second) {
      syntax_error(current().line, "parameter without default after one with default");
    }
    macro.parameters.emplace_back(std::move(name), std::move(fallback));
  }
}

Body Parser::parse_macro_body(MacroDefinition& macro, std::string_view end) {
  MacroDefinition* const outer = std::exchange(macro_, &macro);
  const int loops = std::exchange(loops_, 0);
  Body body = parse_body({end});
  macro_ = outer;
  loops_ = loops;
  take();
  expect_tag_end();
  return body;
}

Stmt Parser::parse_macro(int line) {
  auto macro = std::make_shared<MacroDefinition>();
  macro->name = expect_name("the name of the macro");
  expect_operator("(");
  parse_parameters(*macro);
  expect_tag_end();
  macro->body = parse_macro_body(*macro, "endmacro");
  return {line, Macro{std::move(macro)}};
}

Stmt Parser::parse_call_block(int line) {
  auto caller = std::make_shared<MacroDefinition>();
  caller->name = "caller";
  if (skip_operator("(")) parse_parameters(*caller);
  ExprPtr call = parse_expression();
  if (!std::holds_alternative<Call>(call->node)) syntax_error(line, "{% call %} needs a call");
  expect_tag_end();
  caller->body = parse_macro_body(*caller, "endcall");
  return {line, CallBlock{std::move(call), std::move(caller)}};
}

Stmt Parser::parse_filter_block(int line) {
  FilterBlock block;
  do {
    chain();
    block.filters = parse_filter(std::move(block.filters));
  } while (skip_operator("|"));
  expect_tag_end();
  block.body = parse_body({"endfilter"});
  take();
  expect_tag_end();
  return {line, std::move(block)};
}

Stmt Parser::parse_with(int line) {
  Scoped scoped;
  while (current().kind != Token::kTagEnd) {
    if (!scoped.variables.empty()) expect_operator(",");
    Target target = parse_one_target(false);
    expect_operator("=");
    scoped.variables.emplace_back(std::move(target), parse_expression());
  }
  expect_tag_end();
  scoped.body = parse_body({"endwith"});
  take();
  expect_tag_end();
  return {line, std::move(scoped)};
}

}  // namespace onebit::jinja
