// Cuts text into pieces that merges never cross. Which cuts: a named list of regular expressions,
// the name being tokenizer.ggml.pre of GGUF.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/regex.h"

namespace onebit {

// One row of the table in pre_tokenizer.cpp.
struct PreTokenizerSpec {
  std::vector<std::string_view> names;    // the first is the usual one, the others are aliases
  std::vector<std::string_view> regexes;  // passes; each cuts the pieces of the one before
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

  // The pieces of `text` in order: views into it that together cover it exactly, none empty. What
  // no regex matches is kept as a piece. A byte that belongs to no valid UTF-8 character is a piece
  // of its own, and regexes see the text before and after it as separate texts. Linear time.
  std::vector<std::string_view> split(std::string_view text, Matcher& matcher) const;
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  std::vector<Regex> passes_;
};

}  // namespace onebit
