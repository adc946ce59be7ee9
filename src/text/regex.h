// PCRE2 behind a small door: compile once, share between threads, search with one Matcher each.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace onebit {

// Rewrites `\s` and `\S` to the explicit White_Space class of Unicode. PCRE2's own `\s` also
// matches U+180E, which lost that property in Unicode 6.3 and which no tokeniser treats as space.
// `\S` inside a class is not supported: Error(kUnsupported).
std::string with_unicode_white_space(std::string_view pattern);

class Regex {
 public:
  // Perl syntax over Unicode characters (UTF | UCP), JIT-compiled where the machine allows it.
  // Throws Error(kUnsupported) with PCRE2's message for a pattern that does not compile.
  explicit Regex(std::string_view pattern);

  const pcre2_real_code_8* code() const { return code_.get(); }

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

// Search state for one thread. The step limit of one search grows with the subject, so a pattern
// that backtracks badly fails instead of hanging.
class Matcher {
 public:
  Matcher();

  // Begin and end of the first match in `subject` at or after `start`, which must be a character
  // border; nullopt if there is none. `subject` must be valid UTF-8. Throws
  // Error(kInvalidArgument) when the step limit is reached.
  std::optional<std::pair<std::size_t, std::size_t>> find(const Regex& regex,
                                                          std::string_view subject,
                                                          std::size_t start);

 private:
  struct Free {
    void operator()(pcre2_real_match_data_8* data) const;
    void operator()(pcre2_real_match_context_8* context) const;
    void operator()(pcre2_real_jit_stack_8* stack) const;
  };
  std::unique_ptr<pcre2_real_match_data_8, Free> data_;
  std::unique_ptr<pcre2_real_match_context_8, Free> context_;
  std::unique_ptr<pcre2_real_jit_stack_8, Free> stack_;
};

}  // namespace onebit
