// The regular expressions of pre-tokenisers, written out by hand: a regex engine spends most of the
// time of encoding. pre_tokenizer.cpp has the regex beside each; tests hold them against PCRE2.
#pragma once

#include <cstddef>
#include <string_view>

namespace onebit {

// The length of the first piece of `text`: the match that begins there, or all before the first
// match. `text` is valid UTF-8 and not empty. Cutting the whole text piece by piece is linear.
using Cut = std::size_t (*)(std::string_view text);

std::size_t cut_gpt2(std::string_view text);
std::size_t cut_llama3(std::string_view text);  // numbers of up to 3 digits
std::size_t cut_qwen2(std::string_view text);   // the same, each digit a piece
std::size_t cut_qwen35(std::string_view text);  // the same, marks belong to words

std::size_t cut_falcon_punctuation(std::string_view text);
std::size_t cut_default_punctuation(std::string_view text);  // the same without the backtick
std::size_t cut_numbers(std::string_view text);
std::size_t cut_three_digits(std::string_view text);

std::size_t cut_character(std::string_view text);
// Spaces (only U+0020), then everything up to the next one.
std::size_t cut_spaced_word(std::string_view text);

}  // namespace onebit
