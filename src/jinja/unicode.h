// Code points as Python's str sees them, on bytes that should be UTF-8 but need not be.
//
// A character is a byte and the continuation bytes (10xxxxxx) after it, so bad bytes cost nothing
// but a strange character.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace onebit::jinja {

// The offset behind the character at `at` (< text.size()).
std::size_t next_character(std::string_view text, std::size_t at);

std::size_t count_characters(std::string_view text);

// Offsets of all characters and of the end: count + 1 numbers.
std::vector<std::size_t> character_offsets(std::string_view text);

// The code point of one character; for bad bytes some number above U+10FFFF.
char32_t code_point(std::string_view character);

void append_code_point(std::string& out, char32_t code);

// str.isspace of one character.
bool is_space(char32_t code);
// First and one past the last byte of `text` without the white space around it.
std::size_t skip_space(std::string_view text, std::size_t begin);
std::size_t skip_space_back(std::string_view text, std::size_t end);

// Simple case mapping of ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic; others stay.
char32_t to_upper(char32_t code);
char32_t to_lower(char32_t code);
// Letters that have a case in to_upper/to_lower, and every other code point from U+00AA on that is
// not a space: an approximation of str.isalpha.
bool is_letter(char32_t code);
inline bool is_digit(char32_t code) {
  return code >= '0' && code <= '9';
}

}  // namespace onebit::jinja
