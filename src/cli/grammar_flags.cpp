#include "cli/grammar_flags.h"

#include "api/grammar_cache.h"
#include "base/file.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "grammar/token_masks.h"

namespace onebit {
namespace {

std::string read_small(const std::string& path, int64_t max_bytes) {
  const auto bytes = read_file(path, max_bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.span().size()};
}

}  // namespace

void add_grammar_flags(CLI::App& command, GrammarFlags& flags) {
  auto* grammar =
      command.add_option("--grammar", flags.grammar, "GBNF file: write only texts of this grammar");
  command
      .add_option("--json-schema", flags.json_schema,
                  "JSON Schema file: write only JSON that is valid under it")
      ->excludes(grammar);
}

OutputGrammar::OutputGrammar(const GrammarFlags& flags, const Tokenizer& tokenizer)
    : tokenizer_(tokenizer) {
  if (flags.grammar.empty() && flags.json_schema.empty()) return;
  const bool is_gbnf = !flags.grammar.empty();
  const std::string& path = is_gbnf ? flags.grammar : flags.json_schema;
  const std::string text =
      read_small(path, is_gbnf ? static_cast<int64_t>(kMaxGbnfBytes) : kMaxSchemaBytes);
  const Grammar grammar = is_gbnf ? parse_gbnf(text, path) : parse_json_schema(text, path);
  try {
    masks_ = std::make_shared<const TokenMasks>(std::make_shared<const Automaton>(grammar),
                                                std::make_shared<const TokenTrie>(tokenizer));
  } catch (const Error& error) {
    throw Error(error.code(), path + ": " + error.what());
  }
}

std::shared_ptr<TokenConstraint> OutputGrammar::begin(std::span<const int32_t> prompt) const {
  return masks_ == nullptr ? nullptr : api::begin_text(masks_, tokenizer_, prompt);
}

}  // namespace onebit
