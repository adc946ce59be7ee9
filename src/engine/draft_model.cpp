#include "engine/draft_model.h"

#include <algorithm>
#include <string>

namespace onebit {
namespace {

void check_same_vocabulary(const Vocab& draft, const Vocab& target) {
  const auto fail = [](const std::string& expected, const std::string& found) {
    throw Error(ErrorCode::kInvalidArgument, "draft model: expected the model's vocabulary, with " +
                                                 expected + ", found " + found);
  };
  if (draft.tokens.size() != target.tokens.size()) {
    fail(std::to_string(target.tokens.size()) + " tokens", std::to_string(draft.tokens.size()));
  }
  const auto other = std::ranges::mismatch(draft.tokens, target.tokens);
  if (other.in1 == draft.tokens.end()) return;
  fail("token " + std::to_string(other.in1 - draft.tokens.begin()) + " " + quote(*other.in2),
       quote(*other.in1));
}

}  // namespace

DraftModel::DraftModel(std::unique_ptr<Engine> engine, const Tokenizer& target)
    : engine_(
          (check_same_vocabulary(engine->tokenizer().vocab(), target.vocab()), std::move(engine))),
      sequence_(*engine_) {}

void DraftModel::draft(std::span<const int32_t> tokens, int64_t n, const Sampler& sampler,
                       std::vector<int32_t>& draft) {
  // Its context may be shorter than the model's: a draft ends where it is full.
  n = std::min(n, sequence_.capacity() - std::ssize(tokens) + 1);
  if (n < 1) return;
  // What it holds of the text is kept; the last token is run again for its logits.
  const auto common = std::ranges::mismatch(tokens.first(tokens.size() - 1), sequence_.tokens());
  sequence_.truncate(common.in1 - tokens.begin());
  text_.assign(tokens.begin(), tokens.end());
  sampler_ = sampler;
  auto logits = sequence_.append({common.in1, tokens.end()});
  for (;;) {
    draft.push_back(sampler_.sample(logits, text_));
    if (std::ssize(draft) == n || engine_->tokenizer().is_stop(draft.back())) return;
    text_.push_back(draft.back());
    logits = sequence_.append({&draft.back(), 1});
  }
}

}  // namespace onebit
