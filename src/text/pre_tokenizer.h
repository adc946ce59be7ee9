// Cuts text into pieces that merges never cross. Which cuts: a named list of rules, the name being
// tokenizer.ggml.pre of GGUF.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/cuts.h"
#include "text/utf8.h"

namespace onebit {

// A regular expression and the hand-written rule that cuts as it does: at its matches and at the
// gaps between them. The regex is the definition; tests compare the two.
struct PreTokenizerPass {
  std::string_view regex;
  Cut cut;
};

// One row of the table in pre_tokenizer.cpp.
struct PreTokenizerSpec {
  std::vector<std::string_view> names;   // the first is the usual one, the others are aliases
  std::vector<PreTokenizerPass> passes;  // each cuts the pieces of the one before
  // What vocabularies of this name mean where their file does not say (llama.cpp, llama-vocab.cpp).
  bool ignore_merges = false;
  bool add_bos = false;
};

std::span<const PreTokenizerSpec> pre_tokenizers();

// The row of `name`; "" means "default". Throws Error(kUnsupported) that lists the known names.
const PreTokenizerSpec& find_pre_tokenizer(std::string_view name);

class PreTokenizer {
 public:
  explicit PreTokenizer(std::string_view name);  // throws like find_pre_tokenizer
  explicit PreTokenizer(std::vector<Cut> passes) : passes_(std::move(passes)) {}

  // Calls f(piece) for the pieces of `text` in order: views into it that together cover it exactly,
  // none empty. A byte that belongs to no valid UTF-8 character is a piece of its own, and rules
  // see the text before and after it as separate texts. Linear time.
  template <typename F>
  void for_each_piece(std::string_view text, F&& f) const {
    while (!text.empty()) {
      const std::size_t valid = utf8_valid_prefix(text);
      if (valid == 0) {
        f(text.substr(0, 1));
        text.remove_prefix(1);
      } else {
        cut(text.substr(0, valid), passes_, f);
        text.remove_prefix(valid);
      }
    }
  }

  std::vector<std::string_view> split(std::string_view text) const;

 private:
  template <typename F>
  static void cut(std::string_view text, std::span<const Cut> passes, F& f) {
    if (passes.empty()) return f(text);
    while (!text.empty()) {
      const std::size_t n = passes[0](text);
      if (passes.size() == 1) {
        f(text.substr(0, n));
      } else {
        cut(text.substr(0, n), passes.subspan(1), f);  // as deep as there are passes
      }
      text.remove_prefix(n);
    }
  }

  std::vector<Cut> passes_;
};

}  // namespace onebit
