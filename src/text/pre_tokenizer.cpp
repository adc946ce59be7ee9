#include "text/pre_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/utf8.h"

namespace onebit {
namespace {

#define GPT2_REGEX "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
// Llama 3 and its relatives differ in how many digits make a piece.
#define LLAMA3_REGEX(digits)                                                                    \
  "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

// Regexes as llama.cpp has them (src/llama-vocab.cpp). No regex may match the empty string.
const std::vector<PreTokenizerSpec>& table() {
  static const std::vector<PreTokenizerSpec> rows = {
      {.names = {"gpt-2"}, .regexes = {GPT2_REGEX}},
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon_e"},
       .regexes = {LLAMA3_REGEX("\\p{N}{1,3}")},
       .ignore_merges = true,
       .add_bos = true},
      {.names = {"qwen2"}, .regexes = {LLAMA3_REGEX("\\p{N}")}},
      {.names = {"falcon"},
       .regexes = {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2_REGEX, "[0-9][0-9][0-9]"}},
      {.names = {"default"},
       .regexes = {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2_REGEX, "\\p{N}+", "[0-9][0-9][0-9]"}},
      // Ours: every character a piece; with ignore_merges, every character a token.
      {.names = {"char"}, .regexes = {"(?s:.)"}, .ignore_merges = true},
      // Ours: the whole text one piece.
      {.names = {"none"}, .regexes = {}},
  };
  return rows;
}

// Cuts `piece` at the matches of `regex` and at the gaps between them.
void cut(const Regex& regex, Matcher& matcher, std::string_view piece,
         std::vector<std::string_view>& out) {
  std::size_t done = 0;
  while (done < piece.size()) {
    const auto match = matcher.find(regex, piece, done);
    if (!match) break;
    const auto [begin, end] = *match;
    ONEBIT_CHECK(begin < end);  // see the table
    if (begin > done) out.push_back(piece.substr(done, begin - done));
    out.push_back(piece.substr(begin, end - begin));
    done = end;
  }
  if (done < piece.size()) out.push_back(piece.substr(done));
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
  for (const auto& regex : find_pre_tokenizer(name).regexes) passes_.emplace_back(regex);
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  Matcher matcher;
  return split(text, matcher);
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text, Matcher& matcher) const {
  std::vector<std::string_view> pieces;
  std::vector<std::string_view> run;
  std::vector<std::string_view> previous;
  while (!text.empty()) {
    const std::size_t valid = utf8_valid_prefix(text);
    if (valid == 0) {
      pieces.push_back(text.substr(0, 1));
      text.remove_prefix(1);
      continue;
    }
    run.assign(1, text.substr(0, valid));
    for (const Regex& pass : passes_) {
      previous.swap(run);
      run.clear();
      for (const auto piece : previous) cut(pass, matcher, piece, run);
    }
    pieces.insert(pieces.end(), run.begin(), run.end());
    text.remove_prefix(valid);
  }
  return pieces;
}

}  // namespace onebit
