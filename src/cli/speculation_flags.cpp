#include "cli/speculation_flags.h"

#include <algorithm>

#include "engine/draft_model.h"

namespace onebit {

void add_speculation_flags(CLI::App& command, SpeculationFlags& flags) {
  auto* kind = command
                   .add_option("--speculate", flags.kind,
                               "Guess tokens and check them together, for the same text sooner: "
                               "ngram (what followed the same words before) or none (default)")
                   ->check(CLI::IsMember({"ngram", "none"}));
  command
      .add_option("--draft", flags.draft,
                  "A small model of the same vocabulary that guesses instead")
      ->excludes(kind);
  command.add_option("--draft-tokens", flags.n_tokens, "Guesses at a time, at most")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
}

std::unique_ptr<Speculation> make_speculation(const SpeculationFlags& flags,
                                              const ModelFlags& model, const Engine& engine) {
  std::unique_ptr<Drafter> drafter;
  if (!flags.draft.empty()) {
    const ModelFile file = open_model_file(flags.draft, model.open);
    auto draft = std::make_unique<Engine>(file, EngineOptions{.threads = engine.threads()});
    drafter = std::make_unique<DraftModel>(std::move(draft), engine.tokenizer());
  } else if (flags.kind == "ngram") {
    drafter = std::make_unique<NgramDrafter>();
  } else {
    return nullptr;
  }
  return std::make_unique<Speculation>(std::move(drafter), flags.n_tokens);
}

}  // namespace onebit
