// Chat templates: the subset of Jinja2 that they use, as Hugging Face transformers renders them
// (ImmutableSandboxedEnvironment, trim_blocks, lstrip_blocks, loop controls, {% generation %}).
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "jinja/value.h"

namespace onebit::jinja {

// A piece of the output. Special tokens may be parsed in pieces that are not from the user only.
struct Fragment {
  std::string text;
  bool from_user;
};

struct RenderOptions {
  std::tm now{};  // for strftime_now: year, month, day, hour, minute, second
};

// A template may come from a hostile file: whatever it holds, both functions end quickly, in
// bounded memory and stack (jinja/budget.h), with a result or an Error. One Template may be
// rendered by many threads at a time.
class Template {
 public:
  // Throws Error(kInvalidFile) "template line N: what".
  explicit Template(const std::string& source);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  // `context`: a dict of the template's variables (messages, tools, add_generation_prompt, ...).
  // Its strings carry the marks. No fragment is empty, neighbours differ in from_user.
  // Throws Error(kInvalidArgument) "template line N: what"; raise_exception gives `what`.
  std::vector<Fragment> render(const Value& context, const RenderOptions& options = {}) const;

 private:
  struct Tree;
  std::unique_ptr<const Tree> tree_;
};

}  // namespace onebit::jinja
