#include <charconv>
#include <utility>

#include "base/error.h"
#include "jinja/parser.h"

namespace onebit::jinja {
namespace {

template <typename T>
T parse_number(const Token& token) {
  T value{};
  const char* const end = token.text.data() + token.text.size();
  const auto [behind, error] = std::from_chars(token.text.data(), end, value);
  if (error != std::errc() || behind != end) {
    syntax_error(token.line, "number " + quote(token.text) + " is out of range");
  }
  return value;
}

}  // namespace

ExprPtr Parser::parse_tuple(bool with_conditional) {
  const int line = current().line;
  const auto one = [&] { return with_conditional ? parse_expression() : parse_or(); };
  ExprPtr first = one();
  if (!is_operator(",")) return first;
  ListDisplay tuple{{}, true};
  tuple.items.push_back(std::move(first));
  while (skip_operator(",")) {
    const auto kind = current().kind;
    if (kind == Token::kTagEnd || kind == Token::kPrintEnd || is_operator(")")) break;
    tuple.items.push_back(one());
  }
  return make(line, std::move(tuple));
}

ExprPtr Parser::parse_expression() {
  const Nested nested(*this);
  ExprPtr expr = parse_or();
  while (is_name("if")) {
    chain();
    const int line = take().line;
    Conditional node{parse_or(), std::move(expr), nullptr};
    if (skip_name("else")) node.no = parse_expression();
    expr = make(line, std::move(node));
  }
  return expr;
}

ExprPtr Parser::parse_or() {
  ExprPtr left = parse_and();
  while (is_name("or")) {
    chain();
    const int line = take().line;
    left = make(line, Binary{Binary::kOr, std::move(left), parse_and()});
  }
  return left;
}

ExprPtr Parser::parse_and() {
  ExprPtr left = parse_not();
  while (is_name("and")) {
    chain();
    const int line = take().line;
    left = make(line, Binary{Binary::kAnd, std::move(left), parse_not()});
  }
  return left;
}

ExprPtr Parser::parse_not() {
  if (!is_name("not")) return parse_compare();
  const Nested nested(*this);
  const int line = take().line;
  return make(line, Unary{Unary::kNot, parse_not()});
}

ExprPtr Parser::parse_compare() {
  static constexpr std::pair<std::string_view, Compare::Op> kOperators[] = {
      {"==", Compare::kEq}, {"!=", Compare::kNe}, {"<", Compare::kLt},
      {"<=", Compare::kLe}, {">", Compare::kGt},  {">=", Compare::kGe}};
  const int line = current().line;
  Compare node{parse_sum(), {}};
  for (;;) {
    bool found = false;
    for (const auto& [text, op] : kOperators) {
      if (skip_operator(text)) {
        node.rest.emplace_back(op, parse_sum());
        found = true;
        break;
      }
    }
    if (found) continue;
    if (skip_name("in")) {
      node.rest.emplace_back(Compare::kIn, parse_sum());
    } else if (is_name("not") && ahead().kind == Token::kName && ahead().text == "in") {
      at_ += 2;
      node.rest.emplace_back(Compare::kNotIn, parse_sum());
    } else {
      break;
    }
  }
  if (node.rest.empty()) return std::move(node.first);
  return make(line, std::move(node));
}

ExprPtr Parser::parse_sum() {
  ExprPtr left = parse_concat();
  while (is_operator("+") || is_operator("-")) {
    chain();
    const Token token = take();
    const auto op = token.text == "+" ? Binary::kAdd : Binary::kSub;
    left = make(token.line, Binary{op, std::move(left), parse_concat()});
  }
  return left;
}

ExprPtr Parser::parse_concat() {
  const int line = current().line;
  ExprPtr first = parse_product();
  if (!is_operator("~")) return first;
  Concat node;
  node.items.push_back(std::move(first));
  while (skip_operator("~")) node.items.push_back(parse_product());
  return make(line, std::move(node));
}

ExprPtr Parser::parse_product() {
  ExprPtr left = parse_power();
  for (;;) {
    Binary::Op op;
    if (is_operator("*")) {
      op = Binary::kMul;
    } else if (is_operator("/")) {
      op = Binary::kDiv;
    } else if (is_operator("//")) {
      op = Binary::kFloorDiv;
    } else if (is_operator("%")) {
      op = Binary::kMod;
    } else {
      return left;
    }
    chain();
    const int line = take().line;
    left = make(line, Binary{op, std::move(left), parse_power()});
  }
}

ExprPtr Parser::parse_power() {
  ExprPtr left = parse_unary(true);
  while (is_operator("**")) {
    chain();
    const int line = take().line;
    left = make(line, Binary{Binary::kPow, std::move(left), parse_unary(true)});
  }
  return left;
}

ExprPtr Parser::parse_unary(bool with_filters) {
  ExprPtr expr;
  if (is_operator("-") || is_operator("+")) {
    const Nested nested(*this);
    const Token token = take();
    const auto op = token.text == "-" ? Unary::kMinus : Unary::kPlus;
    expr = make(token.line, Unary{op, parse_unary(false)});
  } else {
    expr = parse_postfix(parse_primary());
  }
  return with_filters ? parse_filters(std::move(expr)) : std::move(expr);
}

ExprPtr Parser::parse_primary() {
  const int line = current().line;
  switch (current().kind) {
    case Token::kName: {
      std::string name = take().text;
      if (name == "true" || name == "True") return make(line, Literal{Value::boolean(true)});
      if (name == "false" || name == "False") return make(line, Literal{Value::boolean(false)});
      if (name == "none" || name == "None") return make(line, Literal{Value::null()});
      if (macro_ && name == "varargs") macro_->takes_more_positional = true;
      if (macro_ && name == "kwargs") macro_->takes_more_named = true;
      return make(line, Name{std::move(name)});
    }
    case Token::kString: {
      std::string text = take().text;
      while (current().kind == Token::kString) text += take().text;
      return make(line, Literal{Value::string(std::move(text))});
    }
    case Token::kInteger:
      return make(line, Literal{Value::integer(parse_number<int64_t>(take()))});
    case Token::kFloat:
      return make(line, Literal{Value::real(parse_number<double>(take()))});
    default:
      return parse_display();
  }
}

// (...), [...], {...}
ExprPtr Parser::parse_display() {
  const int line = current().line;
  if (skip_operator("(")) {
    if (skip_operator(")")) return make(line, ListDisplay{{}, true});
    ExprPtr expr = parse_tuple();
    expect_operator(")");
    return expr;
  }
  if (skip_operator("[")) {
    ListDisplay list{{}, false};
    while (!skip_operator("]")) {
      if (!list.items.empty()) {
        expect_operator(",");
        if (skip_operator("]")) break;
      }
      list.items.push_back(parse_expression());
    }
    return make(line, std::move(list));
  }
  if (skip_operator("{")) {
    DictDisplay dict;
    while (!skip_operator("}")) {
      if (!dict.entries.empty()) {
        expect_operator(",");
        if (skip_operator("}")) break;
      }
      ExprPtr key = parse_expression();
      expect_operator(":");
      dict.entries.emplace_back(std::move(key), parse_expression());
    }
    return make(line, std::move(dict));
  }
  unexpected("an expression");
}

ExprPtr Parser::parse_postfix(ExprPtr expr) {
  for (;;) {
    const int line = current().line;
    if (skip_operator(".")) {
      chain();
      if (current().kind == Token::kInteger) {
        ExprPtr key = make(line, Literal{Value::integer(parse_number<int64_t>(take()))});
        expr = make(line, GetItem{std::move(expr), std::move(key)});
      } else {
        expr = make(line, GetAttribute{std::move(expr), expect_name("an attribute")});
      }
    } else if (skip_operator("[")) {
      chain();
      expr = parse_subscript(std::move(expr));
    } else if (skip_operator("(")) {
      chain();
      expr = make(line, Call{std::move(expr), parse_arguments()});
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::parse_subscript(ExprPtr expr) {
  const int line = current().line;
  ExprPtr start;
  if (!is_operator(":")) {
    start = parse_expression();
    if (skip_operator("]")) return make(line, GetItem{std::move(expr), std::move(start)});
  }
  GetSlice slice{std::move(expr), std::move(start), nullptr, nullptr};
  expect_operator(":");
  if (!is_operator(":") && !is_operator("]")) slice.stop = parse_expression();
  if (skip_operator(":") && !is_operator("]")) slice.step = parse_expression();
  expect_operator("]");
  return make(line, std::move(slice));
}

ExprPtr Parser::parse_filters(ExprPtr expr) {
  for (;;) {
    const int line = current().line;
    if (skip_operator("|")) {
      chain();
      expr = parse_filter(std::move(expr));
    } else if (skip_name("is")) {
      chain();
      expr = parse_test(std::move(expr));
    } else if (skip_operator("(")) {  // x|filter is no callee, but (x|filter)(1) is
      chain();
      expr = make(line, Call{std::move(expr), parse_arguments()});
    } else {
      return expr;
    }
  }
}

std::string Parser::parse_dotted_name(const char* what) {
  std::string name = expect_name(what);
  while (skip_operator(".")) name += "." + expect_name(what);
  return name;
}

ExprPtr Parser::parse_filter(ExprPtr input) {
  const int line = current().line;
  ApplyFilter node{std::move(input), parse_dotted_name("the name of a filter"), {}};
  if (skip_operator("(")) node.args = parse_arguments();
  return make(line, std::move(node));
}

ExprPtr Parser::parse_test(ExprPtr input) {
  const int line = current().line;
  const bool is_negated = skip_name("not");
  ApplyTest node{std::move(input), parse_dotted_name("the name of a test"), {}, is_negated};
  const auto kind = current().kind;
  const auto is_keyword = [&] {
    for (const char* word : {"else", "or", "and", "if", "in", "not", "is"}) {
      if (is_name(word)) return true;
    }
    return false;
  };
  if (skip_operator("(")) {
    node.args = parse_arguments();
  } else if (kind == Token::kString || kind == Token::kInteger || kind == Token::kFloat ||
             is_operator("[") || is_operator("{") || (kind == Token::kName && !is_keyword())) {
    node.args.positional.push_back(parse_postfix(parse_primary()));  // x is divisibleby 3
  }
  return make(line, std::move(node));
}

Arguments Parser::parse_arguments() {
  const Nested nested(*this);
  Arguments args;
  bool first = true;
  while (!skip_operator(")")) {
    if (!first) {
      expect_operator(",");
      if (skip_operator(")")) break;
    }
    first = false;
    if (skip_operator("**")) {
      if (args.more_named) unexpected("one ** at most");
      args.more_named = parse_expression();
    } else if (skip_operator("*")) {
      if (args.more_positional) unexpected("one * at most");
      args.more_positional = parse_expression();
    } else if (current().kind == Token::kName && ahead().kind == Token::kOperator &&
               ahead().text == "=") {
      std::string name = take().text;
      take();
      args.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (!args.named.empty()) unexpected("a named argument");
      args.positional.push_back(parse_expression());
    }
  }
  return args;
}

}  // namespace onebit::jinja
