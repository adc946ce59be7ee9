#include "jinja/template.h"

#include "base/error.h"
#include "jinja/evaluator.h"
#include "jinja/lexer.h"
#include "jinja/parser.h"

namespace onebit::jinja {

struct Template::Tree {
  Body body;
};

Template::Template(const std::string& source) {
  if (source.size() > kMaxSourceBytes) {
    throw Error(ErrorCode::kInvalidFile, "template: expected at most " +
                                             std::to_string(kMaxSourceBytes) + " bytes, found " +
                                             std::to_string(source.size()));
  }
  tree_ = std::make_unique<const Tree>(Tree{Parser(tokenize(source)).parse()});
}

Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::vector<Fragment> Template::render(const Value& context, const RenderOptions& options) const {
  if (!context.is_dict()) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string("template context: expected a dict, found ") + context.type_name());
  }
  std::tm now = options.now;
  timegm(&now);  // fills in the day of the week and of the year
  Evaluator evaluator(context, now);
  MarkedString output;
  try {
    output = evaluator.run(tree_->body);
  } catch (const Error& error) {
    throw Error(error.code(),
                "template line " + std::to_string(evaluator.line()) + ": " + error.what());
  }
  std::vector<Fragment> fragments;
  output.for_each_run([&](std::string_view text, bool from_user) {
    fragments.push_back({std::string(text), from_user});
  });
  return fragments;
}

}  // namespace onebit::jinja
