// Speculation by a smaller model of the same vocabulary.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/speculation.h"

namespace onebit {

// Guesses what the small model would write. It draws with a copy of the model's sampler, so with
// the same random numbers: where both models' distributions are alike, so are the tokens (the same
// model guesses all of them right, at any temperature).
class DraftModel final : public Drafter {
 public:
  // Throws Error(kInvalidArgument) unless both vocabularies are the same.
  DraftModel(std::unique_ptr<Engine> engine, const Tokenizer& target);
  void draft(std::span<const int32_t> tokens, int64_t n, const Sampler& sampler,
             std::vector<int32_t>& draft) override;

 private:
  std::unique_ptr<Engine> engine_;
  Sequence sequence_;
  Sampler sampler_{SamplerOptions{}};  // a copy of the model's
  std::vector<int32_t> text_;          // the tokens and the draft
};

}  // namespace onebit
