#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <pcre2.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>

#include "base/error.h"

namespace onebit {
namespace {

// White_Space of PropList.txt; unchanged since Unicode 6.3.
constexpr std::string_view kWhiteSpace =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
    "\\x{205f}\\x{3000}";

constexpr std::size_t kJitStackStart = std::size_t{32} << 10;
constexpr std::size_t kJitStackMax = std::size_t{1} << 20;

std::string message_of(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof(text));
  return reinterpret_cast<const char*>(text);
}

template <typename T>
T* or_bad_alloc(T* p) {
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

std::string with_unicode_white_space(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    if (c != '\\' || i + 1 == pattern.size()) {
      out += c;
      continue;
    }
    const char escaped = pattern[++i];
    if (escaped == 's') {
      out.append(in_class ? "" : "[").append(kWhiteSpace).append(in_class ? "" : "]");
    } else if (escaped == 'S') {
      if (in_class) throw Error(ErrorCode::kUnsupported, "pattern: \\S inside a class");
      out.append("[^").append(kWhiteSpace).append("]");
    } else {
      out.append({c, escaped});
    }
  }
  return out;
}

Regex::Regex(std::string_view pattern) {
  const std::string text = with_unicode_white_space(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
                            nullptr));
  if (code_ == nullptr) {
    throw Error(ErrorCode::kUnsupported, "pattern " + quote(text, 200) + " at " +
                                             std::to_string(offset) + ": " + message_of(error));
  }
  // A failure (no executable memory allowed) leaves the interpreter: slower, same matches.
  pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
}

void Regex::Free::operator()(pcre2_code* code) const {
  pcre2_code_free(code);
}
void Matcher::Free::operator()(pcre2_match_data* data) const {
  pcre2_match_data_free(data);
}
void Matcher::Free::operator()(pcre2_match_context* context) const {
  pcre2_match_context_free(context);
}
void Matcher::Free::operator()(pcre2_jit_stack* stack) const {
  pcre2_jit_stack_free(stack);
}

Matcher::Matcher()
    : data_(or_bad_alloc(pcre2_match_data_create(1, nullptr))),
      context_(or_bad_alloc(pcre2_match_context_create(nullptr))),
      stack_(or_bad_alloc(pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr))) {
  pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
}

std::optional<std::pair<std::size_t, std::size_t>> Matcher::find(const Regex& regex,
                                                                 std::string_view subject,
                                                                 std::size_t start) {
  // Each pattern of the table visits a character of a run at most a few times per search.
  const auto limit = static_cast<uint32_t>(std::min<std::size_t>(
      1000 + 8 * (subject.size() - start), std::numeric_limits<uint32_t>::max()));
  pcre2_set_match_limit(context_.get(), limit);
  pcre2_set_depth_limit(context_.get(), limit);
  const int rc =
      pcre2_match(regex.code(), reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), start,
                  PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
  if (rc == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (rc < 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "text of " + std::to_string(subject.size()) + " bytes: " + message_of(rc));
  }
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data_.get());
  return std::pair{range[0], range[1]};
}

}  // namespace onebit
