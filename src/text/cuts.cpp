#include "text/cuts.h"

#include <algorithm>

#include "text/unicode.h"

namespace onebit {
namespace {

// 's|'t|'re|'ve|'m|'ll|'d at the front: its length, else 0. kFold: capitals too.
template <bool kFold>
std::size_t contraction(std::string_view text) {
  if (text[0] != '\'' || text.size() < 2) return 0;
  // Setting bit 5 makes these letters of their capitals and of nothing else.
  const auto letter = [&](std::size_t i) {
    return kFold ? static_cast<char>(text[i] | 0x20) : text[i];
  };
  const char a = letter(1);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if (text.size() < 3) return 0;
  const char b = letter(2);
  return ((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

// \s+(?!\S)|\s+ where text[0, end) is the white space: all of it at the end of the text, else all
// but the last character, which goes with the word that follows; a single one is a piece.
std::size_t cut_space(std::string_view text, std::size_t end) {
  if (end == text.size()) return end;
  std::size_t last = end - 1;
  while ((text[last] & 0xc0) == 0x80) --last;
  return last > 0 ? last : end;
}

template <unsigned kWord, int kMaxDigits>
std::size_t cut_llama3_like(std::string_view text) {
  constexpr unsigned kSymbols = 0xff & ~(kWord | kNumber | kSpace);
  if (const std::size_t n = contraction<true>(text)) return n;
  const ClassifiedChar first = classify(text, 0);
  const std::size_t next = first.length;
  const bool newline = text[0] == '\r' || text[0] == '\n';
  const unsigned next_kind = next < text.size() ? unsigned{classify(text, next).kind} : 0u;

  // [^\r\n\p{L}\p{N}]?\p{L}+
  if ((first.kind & kWord) != 0) return end_of_run(text, next, kWord);
  if (first.kind != kNumber && !newline && (next_kind & kWord) != 0) {
    return end_of_run(text, next, kWord);
  }
  // \p{N}{1,3}
  if (first.kind == kNumber) {
    std::size_t end = next;
    for (int i = 1; i < kMaxDigits && end < text.size(); ++i) {
      const ClassifiedChar c = classify(text, end);
      if (c.kind != kNumber) break;
      end += c.length;
    }
    return end;
  }
  //  ?[^\s\p{L}\p{N}]+[\r\n]*
  if ((first.kind & kSymbols) != 0 || (text[0] == ' ' && (next_kind & kSymbols) != 0)) {
    std::size_t end = end_of_run(text, next, kSymbols);
    while (end < text.size() && (text[end] == '\r' || text[end] == '\n')) ++end;
    return end;
  }
  // \s*[\r\n]+|\s+(?!\S)|\s+
  const std::size_t end = end_of_run(text, 0, kSpace);
  const std::size_t last_newline = text.substr(0, end).find_last_of("\r\n");
  return last_newline != std::string_view::npos ? last_newline + 1 : cut_space(text, end);
}

template <unsigned kClasses>
std::size_t cut_classes(std::string_view text) {
  const bool inside = (classify(text, 0).kind & kClasses) != 0;
  return end_of_run(text, 0, inside ? kClasses : 0xff & ~kClasses);
}

}  // namespace

std::size_t cut_gpt2(std::string_view text) {
  constexpr unsigned kSymbols = 0xff & ~(kLetter | kNumber | kSpace);
  if (const std::size_t n = contraction<false>(text)) return n;
  const std::size_t begin = text[0] == ' ' ? 1 : 0;
  const CharClass kind = begin < text.size() ? classify(text, begin).kind : kSpace;
  if (kind == kLetter || kind == kNumber) return end_of_run(text, begin, kind);
  if (kind != kSpace) return end_of_run(text, begin, kSymbols);
  return cut_space(text, end_of_run(text, 0, kSpace));
}

std::size_t cut_llama3(std::string_view text) {
  return cut_llama3_like<kLetter, 3>(text);
}

std::size_t cut_qwen2(std::string_view text) {
  return cut_llama3_like<kLetter, 1>(text);
}

std::size_t cut_qwen35(std::string_view text) {
  return cut_llama3_like<kLetter | kMark, 1>(text);
}

std::size_t cut_falcon_punctuation(std::string_view text) {
  return cut_classes<kPunctuation | kAsciiSymbol | kBacktick>(text);
}

std::size_t cut_default_punctuation(std::string_view text) {
  return cut_classes<kPunctuation | kAsciiSymbol>(text);
}

std::size_t cut_numbers(std::string_view text) {
  return cut_classes<kNumber>(text);
}

std::size_t cut_three_digits(std::string_view text) {
  std::size_t n_digits = 0;  // that end at i
  for (std::size_t i = 0; i < text.size(); ++i) {
    n_digits = text[i] >= '0' && text[i] <= '9' ? n_digits + 1 : 0;
    if (n_digits == 3) return i == 2 ? 3 : i - 2;
  }
  return text.size();
}

std::size_t cut_character(std::string_view text) {
  return classify(text, 0).length;
}

std::size_t cut_spaced_word(std::string_view text) {
  const std::size_t word = text.find_first_not_of(' ');
  if (word == std::string_view::npos) return text.size();
  return std::min(text.find(' ', word), text.size());
}

}  // namespace onebit
