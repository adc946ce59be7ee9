#include "text/pre_tokenizer.h"

#include <algorithm>

#include "base/error.h"

namespace onebit {
namespace {

#define GPT2_REGEX "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
// Llama 3 and its relatives differ in how many digits make a piece and in what makes a word.
#define LLAMA3_REGEX(word, digits)                                                     \
  "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\\r\\n\\p{L}\\p{N}]?[" word \
  "]+|" digits "| ?[^\\s" word "\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

// Regexes as llama.cpp has them (src/llama-vocab.cpp).
const std::vector<PreTokenizerSpec>& table() {
  static const PreTokenizerPass gpt2{GPT2_REGEX, cut_gpt2};
  static const PreTokenizerPass three_digits{"[0-9][0-9][0-9]", cut_three_digits};
  static const std::vector<PreTokenizerSpec> rows = {
      {.names = {"gpt-2"}, .passes = {gpt2}},
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon_e"},
       .passes = {{LLAMA3_REGEX("\\p{L}", "\\p{N}{1,3}"), cut_llama3}},
       .ignore_merges = true,
       .add_bos = true},
      {.names = {"qwen2"}, .passes = {{LLAMA3_REGEX("\\p{L}", "\\p{N}"), cut_qwen2}}},
      {.names = {"qwen35"}, .passes = {{LLAMA3_REGEX("\\p{L}\\p{M}", "\\p{N}"), cut_qwen35}}},
      {.names = {"falcon"},
       .passes = {{"[\\p{P}\\$\\+<=>\\^~\\|`]+", cut_falcon_punctuation}, gpt2, three_digits}},
      {.names = {"default"},
       .passes = {{"[\\p{P}\\$\\+<=>\\^~\\|]+", cut_default_punctuation},
                  gpt2,
                  {"\\p{N}+", cut_numbers},
                  three_digits}},
      // Ours: every character a piece; with ignore_merges, every character a token.
      {.names = {"char"}, .passes = {{"(?s:.)", cut_character}}, .ignore_merges = true},
      // Ours: the whole text one piece.
      {.names = {"none"}, .passes = {}},
  };
  return rows;
}

}  // namespace

std::span<const PreTokenizerSpec> pre_tokenizers() {
  return table();
}

const PreTokenizerSpec& find_pre_tokenizer(std::string_view name) {
  if (name.empty()) name = "default";
  std::string known;
  for (const auto& row : table()) {
    if (std::ranges::find(row.names, name) != row.names.end()) return row;
    for (const auto& n : row.names) known.append(known.empty() ? "" : ", ").append(n);
  }
  throw Error(ErrorCode::kUnsupported,
              "pre-tokeniser " + quote(name) + " is not known; known: " + known);
}

PreTokenizer::PreTokenizer(std::string_view name) {
  for (const auto& pass : find_pre_tokenizer(name).passes) passes_.push_back(pass.cut);
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  for_each_piece(text, [&](std::string_view piece) { pieces.push_back(piece); });
  return pieces;
}

}  // namespace onebit
