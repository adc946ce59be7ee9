// Speculative decoding: the next tokens are guessed cheaply, then checked in one pass of the model,
// which reads its weights once for all of them.
//
// A guess is kept iff it is the token that the sampler draws from the model's own logits, with the
// random numbers of plain decoding. So the tokens are those of plain decoding with the same seed,
// whatever was guessed. (The rule of Leviathan et al. 2023 and Chen et al. 2023 keeps only their
// distribution: a seed would mean another text with another drafter, length or machine.)
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/sampler.h"

namespace onebit {

class Drafter {
 public:
  virtual ~Drafter() = default;
  // Appends to `draft` (empty) up to n >= 1 guesses of what follows `tokens` (not empty); none is
  // an answer. `sampler` is the one that will draw the tokens, in its state before the first.
  virtual void draft(std::span<const int32_t> tokens, int64_t n, const Sampler& sampler,
                     std::vector<int32_t>& draft) = 0;
};

// Prompt lookup: what followed the last tokens when they occurred before (Saxena 2023; the longest
// match, of equally long ones the latest). Costs microseconds; good where a text repeats itself:
// summaries, code, edits, quotations.
class NgramDrafter final : public Drafter {
 public:
  static constexpr int64_t kShortest = 2;  // tokens that must match
  static constexpr int64_t kLongest = 8;   // a longer match is no better
  void draft(std::span<const int32_t> tokens, int64_t n, const Sampler& sampler,
             std::vector<int32_t>& draft) override;
};

// How many tokens to guess: as many as pay, by what was accepted and how long checking took.
// Guesses that do not pay end; one is tried now and then, ever more rarely, to see whether that
// changed.
class DraftLength {
 public:
  explicit DraftLength(int64_t most) : most_(most) {}
  // For the next step: 0..most.
  int64_t next();
  // What the step was like.
  void report(int64_t drafted, int64_t accepted, double seconds);

 private:
  int64_t best() const;

  int64_t most_;
  double accepted_ = 3;       // guesses, old ones fading; at first a mild hope
  double tested_ = 4;         // those that were compared: up to the first wrong one
  double step_seconds_ = 0;   // of a step without guesses; 0: unknown
  double token_seconds_ = 0;  // that a guess adds
  int64_t skipped_ = 0;       // steps since the last guess
  int64_t patience_ = 8;      // steps to skip before the next try
};

struct SpeculationStats {
  int64_t steps = 0;     // passes of the model
  int64_t drafted = 0;   // tokens guessed
  int64_t accepted = 0;  // of these
};

// A drafter with its draft length, for generate(); keeps what it learned from text to text.
class Speculation {
 public:
  // At most `most` guesses a step, exactly so many (if the drafter has them) unless adaptive.
  Speculation(std::unique_ptr<Drafter> drafter, int64_t most, bool adaptive = true);

  // Guesses for the step that follows `tokens`, at most `room` >= 0. Valid until the next call.
  std::span<const int32_t> draft(std::span<const int32_t> tokens, int64_t room,
                                 const Sampler& sampler);
  // The step is over: the first `accepted` guesses were right. `share`: of the step's time, where
  // others had tokens in it.
  void checked(int64_t accepted, double share = 1);
  // Since the construction.
  const SpeculationStats& stats() const { return stats_; }

 private:
  std::unique_ptr<Drafter> drafter_;
  int64_t most_;
  bool adaptive_;
  DraftLength length_;
  std::vector<int32_t> draft_;
  std::chrono::steady_clock::time_point start_;
  SpeculationStats stats_;
};

}  // namespace onebit
