#include "vocab/pre_tokenizer_json.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "vocab/checks.h"

namespace onebit {
namespace {

constexpr std::string_view kMetaspace = "\xe2\x96\x81";  // U+2581

constexpr std::size_t kMaxSteps = 64;  // real files have up to 4

// ByteLevel's own, when it is told to use it.
constexpr std::string_view kGpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

#define LLAMA3_REGEX(contractions, digits)              \
  contractions "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
               "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define ANY_CASE "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define BOTH_CASES "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"

struct Known {
  std::string_view name;
  std::vector<std::string_view> steps;
};

const std::vector<Known>& known() {
  static const std::vector<Known> rows = {
      {"gpt-2", {kGpt2}},
      {"llama-bpe", {LLAMA3_REGEX(ANY_CASE, "\\p{N}{1,3}")}},
      {"llama-bpe", {LLAMA3_REGEX(BOTH_CASES, "\\p{N}{1,3}")}},
      {"qwen2", {LLAMA3_REGEX(ANY_CASE, "\\p{N}")}},
      {"qwen2", {LLAMA3_REGEX(BOTH_CASES, "\\p{N}")}},
      {"qwen35",
       {ANY_CASE
        "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"
        "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      // Digits after ByteLevel sees bytes as characters: only ASCII digits are the same there as
      // here, where no such step is. llama.cpp leaves it out too.
      {"falcon", {"Punctuation Contiguous", kGpt2, "Digits", "[0-9][0-9][0-9]"}},
  };
  return rows;
}

std::string type_of(const JsonCursor& step) {
  return step.at("type").string();
}

// A pre-tokeniser or normaliser with its Sequences opened.
void flatten(const JsonCursor& step, const char* member, std::vector<JsonCursor>& out) {
  if (type_of(step) != "Sequence") {
    if (out.size() == kMaxSteps) step.fail("at most 64 steps", "more");
    out.push_back(step);
    return;
  }
  const JsonCursor steps = step.at(member);
  // The nesting is what the JSON reader allows, so this recursion ends.
  for (std::size_t i = 0; i < steps.array().size(); ++i) flatten(steps.element(i), member, out);
}

std::vector<JsonCursor> pre_tokenizers_of(const JsonCursor& file) {
  std::vector<JsonCursor> steps;
  if (const auto root = file.find("pre_tokenizer")) flatten(*root, "pretokenizers", steps);
  return steps;
}

std::vector<JsonCursor> normalizers_of(const JsonCursor& file) {
  std::vector<JsonCursor> steps;
  if (const auto root = file.find("normalizer")) flatten(*root, "normalizers", steps);
  return steps;
}

// The regex of a Split that keeps all of the text; else "Split" and why it is another.
std::string split_text(const JsonCursor& step) {
  const JsonCursor pattern = step.at("pattern");
  const std::string behavior = step.at("behavior").string();
  const bool invert = step.bool_or("invert", false);
  const auto regex = pattern.find("Regex");
  // Removing what is between matches removes nothing where the regex matches everything, as those
  // that are known here do.
  const bool keeps = behavior == (invert ? "Removed" : "Isolated");
  if (regex && keeps) return regex->string();
  const std::string what = regex ? regex->string() : pattern.at("String").string();
  return "Split " + behavior + (invert ? " inverted " : " ") + what;
}

// One line per step; nullopt for a step that cuts nothing.
std::optional<std::string> canonical(const JsonCursor& step) {
  const std::string type = type_of(step);
  if (type == "Split") return split_text(step);
  if (type == "ByteLevel") {
    if (step.bool_or("add_prefix_space", true)) return "ByteLevel add_prefix_space";
    if (!step.bool_or("use_regex", true)) return std::nullopt;
    return std::string(kGpt2);
  }
  if (type == "Digits") {
    return step.bool_or("individual_digits", false) ? "Digits individual" : "Digits";
  }
  if (type == "Punctuation") return "Punctuation " + step.string_or("behavior", "Isolated");
  return type;
}

[[noreturn]] void unsupported(const JsonCursor& step, const std::string& expected) {
  std::string text = type_of(step);
  if (text == "Split") text = split_text(step);
  step.fail(expected, quote(text, 400), ErrorCode::kUnsupported);
}

}  // namespace

bool is_byte_level(const JsonCursor& file) {
  return std::ranges::any_of(pre_tokenizers_of(file),
                             [](const JsonCursor& s) { return type_of(s) == "ByteLevel"; });
}

std::string pre_tokenizer_name(const JsonCursor& file) {
  std::vector<std::string> found;
  for (const JsonCursor& step : pre_tokenizers_of(file)) {
    if (auto text = canonical(step)) found.push_back(std::move(*text));
  }
  std::string names;
  for (const Known& row : known()) {
    if (std::ranges::equal(row.steps, found)) return std::string(row.name);
    if (names.ends_with(row.name)) continue;
    names.append(names.empty() ? "" : ", ").append(row.name);
  }
  std::string text;
  for (const std::string& step : found) text.append(text.empty() ? "" : " then ").append(step);
  file.at("pre_tokenizer")
      .fail("that of " + names, text.empty() ? "no regex" : quote(text, 400),
            ErrorCode::kUnsupported);
}

void check_byte_level_normalizer(const JsonCursor& file) {
  for (const JsonCursor& step : normalizers_of(file)) {
    if (type_of(step) != "NFC") unsupported(step, "NFC or none");
  }
}

MetaspaceRule read_metaspace(const JsonCursor& file) {
  MetaspaceRule rule;
  bool replaces = false;
  for (const JsonCursor& step : normalizers_of(file)) {
    const std::string type = type_of(step);
    if (type == "Prepend" && step.at("prepend").string() == kMetaspace) {
      rule.add_prefix = true;
    } else if (type == "Replace" && step.at("pattern").string_or("String", "") == " " &&
               step.at("content").string() == kMetaspace) {
      replaces = true;
    } else {
      unsupported(step, "Prepend of U+2581 or Replace of ' ' by it");
    }
  }
  for (const JsonCursor& step : pre_tokenizers_of(file)) {
    const std::string type = type_of(step);
    if (type == "Metaspace" && step.string_or("replacement", kMetaspace) == kMetaspace) {
      const auto scheme = step.find("prepend_scheme");
      rule.add_prefix = rule.add_prefix || (scheme ? scheme->string() != "never"
                                                   : step.bool_or("add_prefix_space", true));
      rule.split = step.bool_or("split", true);
      replaces = true;
    } else if (type != "Split" || !replaces || step.at("pattern").string_or("String", "") != " ") {
      // (Gemma's Split at spaces finds none: the normaliser has replaced them.)
      unsupported(step, "Metaspace");
    }
  }
  if (!replaces) {
    file.fail("byte-level BPE or SentencePiece's U+2581 for spaces",
              "neither ByteLevel nor Metaspace nor Replace", ErrorCode::kUnsupported);
  }
  return rule;
}

}  // namespace onebit
