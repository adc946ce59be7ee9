#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "base/error.h"
#include "base/portable_math.h"
#include "base/sanitized.h"

namespace onebit {
namespace {

const std::vector<float> kLogits = {1.0f, 3.0f, 2.0f, 3.0f, -1.0f};

std::map<int32_t, double> frequencies(const SamplerOptions& options,
                                      const std::vector<int32_t>& recent = {}) {
  Sampler sampler(options);
  std::map<int32_t, double> counts;
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) counts[sampler.sample(kLogits, recent)] += 1.0 / kDraws;
  return counts;
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheLikeliest) {
  Sampler sampler({.temperature = 0});
  EXPECT_EQ(sampler.sample(kLogits, {}), 1);
  const std::vector<float> bad = {std::numeric_limits<float>::quiet_NaN(), -5.0f,
                                  std::numeric_limits<float>::infinity()};
  EXPECT_EQ(sampler.sample(bad, {}), 1);
}

TEST(Sampler, DrawsFromTheSoftmaxAtItsTemperature) {
  const auto f = frequencies({.temperature = 2, .top_k = 0, .top_p = 1});
  double total = 0;
  for (const float l : kLogits) total += std::exp(l / 2);
  for (std::size_t i = 0; i < kLogits.size(); ++i) {
    EXPECT_NEAR(f.at(static_cast<int32_t>(i)), std::exp(kLogits[i] / 2) / total, 0.01);
  }
}

TEST(Sampler, CutsKeepAPrefixOfTheDistribution) {
  // At temperature 1 the probabilities are 0.40, 0.40, 0.15, 0.05, 0.01 for ids 1, 3, 2, 0, 4.
  auto f = frequencies({.temperature = 1, .top_k = 1, .top_p = 1});
  EXPECT_EQ(f.size(), 1u);
  EXPECT_EQ(f.begin()->first, 1);  // the tie with 3 goes to the lower id
  f = frequencies({.temperature = 1, .top_k = 0, .top_p = 0.5f});
  EXPECT_EQ(f.size(), 2u);
  EXPECT_NEAR(f.at(3), 0.5, 0.02);
  f = frequencies({.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0.3f});
  EXPECT_EQ(f.size(), 3u);
  EXPECT_EQ(f.count(0), 0u);
}

TEST(Sampler, RepetitionPenaltyActsOnTheWindowOnly) {
  const SamplerOptions greedy{.temperature = 0, .repetition_penalty = 2, .repetition_window = 2};
  Sampler sampler(greedy);
  EXPECT_EQ(sampler.sample(kLogits, std::vector<int32_t>{1, 1, 1}), 3);
  EXPECT_EQ(sampler.sample(kLogits, std::vector<int32_t>{1, 3}), 2);
  EXPECT_EQ(sampler.sample(kLogits, std::vector<int32_t>{1, 0, 0}), 1);  // 1 is out of the window
  const std::vector<float> negative = {-1.0f, -1.5f};  // a negative logit moves away from 0
  EXPECT_EQ(sampler.sample(negative, std::vector<int32_t>{0}), 1);
}

// OpenAI's: what the answer has, not what the prompt has, and for frequency how often.
TEST(Sampler, PresenceAndFrequencyPenaltiesAreOnWhatWasGenerated) {
  const std::vector<int32_t> text = {1, 1, 1, 3, 3, 2};
  const auto greedy = [&](float presence, float frequency, int64_t prompt_tokens) {
    return Sampler({.temperature = 0, .presence_penalty = presence, .frequency_penalty = frequency},
                   prompt_tokens)
        .sample(kLogits, text);
  };
  EXPECT_EQ(greedy(1.5f, 0, 6), 1);   // all of it is prompt
  EXPECT_EQ(greedy(1.5f, 0, 3), 1);   // 3 and 2 are less likely
  EXPECT_EQ(greedy(1.5f, 0, 2), 1);   // 1.5, 1.5, 0.5: a tie of 1 and 3
  EXPECT_EQ(greedy(0, 0.7f, 0), 3);   // 0.9, 1.6, 1.3
  EXPECT_EQ(greedy(2, 0.7f, 0), 0);   // -1.1, -0.4, -0.7 and 1
  EXPECT_EQ(greedy(-1.0f, 0, 5), 1);  // 3, 3, 3: the lowest
  EXPECT_EQ(greedy(0, -1.5f, 3), 3);  // 3, 6, 3.5
}

TEST(Sampler, PenaltiesCountATextAsItGrows) {
  const SamplerOptions options{.temperature = 0, .frequency_penalty = 0.75f};
  Sampler sampler(options, 1);
  std::vector<int32_t> text = {1};
  for (int i = 0; i < 8; ++i) {
    const int32_t token = sampler.sample(kLogits, text);
    EXPECT_EQ(token, Sampler(options, 1).sample(kLogits, text)) << i;
    Sampler copy(sampler);
    EXPECT_EQ(copy.sample(kLogits, text), token);
    text.push_back(token);
  }
  EXPECT_EQ(text, (std::vector<int32_t>{1, 1, 3, 1, 3, 2, 1, 3, 2}));
}

TEST(Sampler, ABiasRulesATokenOutOrIn) {
  auto f = frequencies({.temperature = 1, .top_k = 0, .top_p = 1, .logit_bias = {{1, -100}}});
  EXPECT_EQ(f.count(1), 0u);
  EXPECT_EQ(f.size(), 4u);
  f = frequencies({.temperature = 1, .top_k = 0, .top_p = 1, .logit_bias = {{4, 100}}});
  EXPECT_EQ(f.size(), 1u);
  EXPECT_EQ(f.count(4), 1u);
}

TEST(Sampler, TheSeedIsTheWholeState) {
  const SamplerOptions options{.temperature = 1, .seed = 42};
  Sampler a(options);
  Sampler b(options);
  Sampler other({.temperature = 1, .seed = 43});
  int same = 0;
  for (int i = 0; i < 200; ++i) {
    const int32_t x = a.sample(kLogits, {});
    EXPECT_EQ(x, b.sample(kLogits, {}));
    same += x == other.sample(kLogits, {}) ? 1 : 0;
  }
  EXPECT_LT(same, 200);
}

// Sampler in its plainest form: every candidate copied, sorted and weighed.
class PlainSampler {
 public:
  explicit PlainSampler(const SamplerOptions& options, int64_t prompt_tokens = 0)
      : o_(options), prompt_tokens_(prompt_tokens), rng_(options.seed) {}

  int32_t sample(std::span<const float> logits, std::span<const int32_t> recent) {
    std::vector<float> values(logits.begin(), logits.end());
    for (const auto& [id, bias] : o_.logit_bias) values[static_cast<std::size_t>(id)] += bias;
    const auto window = std::min(static_cast<std::size_t>(o_.repetition_window), recent.size());
    for (const int32_t id :
         std::set<int32_t>(recent.end() - static_cast<std::ptrdiff_t>(window), recent.end())) {
      float& v = values[static_cast<std::size_t>(id)];
      v = v > 0 ? v / o_.repetition_penalty : v * o_.repetition_penalty;
    }
    std::map<int32_t, int> counts;
    for (const int32_t id : recent.subspan(static_cast<std::size_t>(prompt_tokens_))) ++counts[id];
    for (const auto& [id, count] : counts) {
      float& v = values[static_cast<std::size_t>(id)];
      v = v - o_.frequency_penalty * static_cast<float>(count) - o_.presence_penalty;
    }
    std::vector<std::pair<float, int32_t>> sorted;  // minus the logit, id
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) sorted.emplace_back(-values[i], static_cast<int32_t>(i));
    }
    if (sorted.empty()) return 0;
    std::sort(sorted.begin(), sorted.end());
    if (o_.temperature == 0) return sorted.front().second;
    if (o_.top_k > 0 && o_.top_k < std::ssize(values)) {
      sorted.resize(std::min(sorted.size(), static_cast<std::size_t>(o_.top_k)));
    }
    const double inverse_temperature = 1.0 / static_cast<double>(o_.temperature);
    std::vector<double> weights;
    double total = 0;
    for (const auto& [negative, id] : sorted) {
      const double below = static_cast<double>(sorted[0].first) - static_cast<double>(negative);
      weights.push_back(portable_exp(below * inverse_temperature));
      total += weights.back();
    }
    double kept = 0;
    std::size_t n = 0;
    while (n < weights.size()) {
      if (n > 0 && (kept >= static_cast<double>(o_.top_p) * total ||
                    weights[n] < static_cast<double>(o_.min_p) * weights[0])) {
        break;
      }
      kept += weights[n++];
    }
    double pick = rng_.uniform() * kept;
    for (std::size_t i = 0; i + 1 < n; ++i) {
      pick -= weights[i];
      if (pick < 0) return sorted[i].second;
    }
    return sorted[n - 1].second;
  }

 private:
  SamplerOptions o_;
  int64_t prompt_tokens_;
  Rng rng_;
};

TEST(Sampler, EqualsThePlainSampler) {
  Rng rng(1);
  for (const std::size_t vocab : {1, 2, 39, 40, 41, 100, 1000, kIsSanitized ? 2000 : 20000}) {
    for (int kind = 0; kind < 3; ++kind) {  // spread, with ties, with impossible tokens
      std::vector<float> logits(vocab);
      for (float& l : logits) {
        l = static_cast<float>(3 * rng.normal());
        if (kind == 1) l = std::round(l);
        if (kind == 2 && rng.below(4) == 0) {
          l = rng.below(2) == 0 ? std::numeric_limits<float>::quiet_NaN()
                                : std::numeric_limits<float>::infinity();
        }
      }
      std::vector<int32_t> recent(80);
      for (int32_t& id : recent) id = static_cast<int32_t>(rng.below(vocab));
      for (const float temperature : {0.0f, 0.01f, 0.8f, 5.0f}) {
        for (const int64_t top_k : {0, 1, 40, 25000}) {
          for (const float top_p : {0.1f, 0.95f, 1.0f}) {
            for (const float min_p : {0.0f, 0.05f}) {
              SamplerOptions options{.temperature = temperature,
                                     .top_k = top_k,
                                     .top_p = top_p,
                                     .min_p = min_p,
                                     .repetition_penalty = rng.below(2) == 0 ? 1.0f : 1.3f,
                                     .presence_penalty = rng.below(2) == 0 ? 0.0f : 0.7f,
                                     .frequency_penalty = rng.below(2) == 0 ? 0.0f : -0.4f,
                                     .logit_bias = {},
                                     .seed = rng.next()};
              for (uint64_t n = rng.below(4); n > 0 && vocab > 1; --n) {
                options.logit_bias.emplace_back(rng.below(vocab / 2), rng.below(2) == 0 ? 5 : -90);
              }
              const auto prompt_tokens = static_cast<int64_t>(rng.below(80));
              Sampler sampler(options, prompt_tokens);
              PlainSampler plain(options, prompt_tokens);
              auto text = recent;
              for (int i = 0; i < 3; ++i) {
                const int32_t token = sampler.sample(logits, text);
                ASSERT_EQ(token, plain.sample(logits, text))
                    << vocab << " kind " << kind << " temperature " << temperature << " top-k "
                    << top_k << " top-p " << top_p << " min-p " << min_p;
                text.push_back(token);
              }
            }
          }
        }
      }
    }
  }
}

// A mask is as good as impossible logits, and one of all tokens is none.
TEST(Sampler, DrawsOnlyWhatTheMaskAllows) {
  Rng rng(2);
  for (const std::size_t vocab : {1, 63, 64, 65, 1000}) {
    for (int round = 0; round < 60; ++round) {
      std::vector<float> logits(vocab);
      for (float& l : logits) l = static_cast<float>(3 * rng.normal());
      std::vector<int32_t> recent(20);
      for (int32_t& id : recent) id = static_cast<int32_t>(rng.below(vocab));
      const SamplerOptions options{.temperature = round % 3 == 0 ? 0.0f : 1.5f,
                                   .top_k = round % 2 == 0 ? 0 : 5,
                                   .top_p = round % 5 == 0 ? 1.0f : 0.9f,
                                   .repetition_penalty = round % 7 == 0 ? 1.0f : 1.3f,
                                   .seed = rng.next()};
      std::vector<uint64_t> mask((vocab + 63) / 64);
      std::vector<float> possible(vocab, -std::numeric_limits<float>::infinity());
      for (std::size_t id = 0; id < vocab; ++id) {
        if (rng.below(1 + static_cast<uint64_t>(round)) != 0) continue;
        mask[id / 64] |= uint64_t{1} << (id % 64);
        possible[id] = logits[id];
      }
      const bool none = std::ranges::count(mask, uint64_t{0}) == std::ssize(mask);
      Sampler masked(options);
      Sampler plain(options);
      for (int i = 0; i < 3; ++i) {
        const int32_t token = masked.sample(logits, recent, mask);
        ASSERT_EQ(token, none ? -1 : plain.sample(possible, recent));
      }
      const std::vector<uint64_t> all(mask.size(), ~uint64_t{0});
      Sampler free(options);
      Sampler with_all(options);
      for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(with_all.sample(logits, recent, all), free.sample(logits, recent));
      }
      // The mask of a call is not that of the next one.
      ASSERT_GE(masked.sample(logits, recent), 0);
    }
  }
}

TEST(Sampler, ACopyGoesOnAlike) {
  Sampler sampler({.temperature = 1, .seed = 3});
  sampler.sample(kLogits, {});
  Sampler copy(sampler);
  Sampler assigned({.temperature = 0});
  assigned = sampler;
  for (int i = 0; i < 50; ++i) {
    const int32_t token = sampler.sample(kLogits, {});
    EXPECT_EQ(copy.sample(kLogits, {}), token);
    EXPECT_EQ(assigned.sample(kLogits, {}), token);
  }
}

TEST(Sampler, NothingPossibleIsTokenZero) {
  const std::vector<float> none(5, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(Sampler({.temperature = 0}).sample(none, {}), 0);
  EXPECT_EQ(Sampler({.temperature = 1, .top_k = 0}).sample(none, {}), 0);
}

TEST(Sampler, RefusesNonsense) {
  const auto message = [](const SamplerOptions& options) -> std::string {
    try {
      check_sampler_options(options, 10);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message({.temperature = -1}), "temperature: expected 0..100, found -1.000000");
  EXPECT_NE(message({.temperature = std::nanf("")}), "accepted");
  EXPECT_NE(message({.top_k = -1}), "accepted");
  EXPECT_NE(message({.top_p = 0}), "accepted");
  EXPECT_NE(message({.min_p = 1}), "accepted");
  EXPECT_NE(message({.repetition_penalty = 0}), "accepted");
  EXPECT_EQ(message({.presence_penalty = 2.5f}),
            "presence_penalty: expected -2..2, found 2.500000");
  EXPECT_NE(message({.presence_penalty = std::nanf("")}), "accepted");
  EXPECT_NE(message({.frequency_penalty = -2.1f}), "accepted");
  EXPECT_EQ(message({.frequency_penalty = -2, .logit_bias = {{0, -100.0f}, {9, 100.0f}}}),
            "accepted");
  EXPECT_EQ(message({.logit_bias = {{10, 1.0f}}}), "logit_bias: expected tokens 0..9, found 10");
  EXPECT_NE(message({.logit_bias = {{-1, 1.0f}}}), "accepted");
  EXPECT_NE(message({.logit_bias = {{1, 101.0f}}}), "accepted");
  EXPECT_NE(message({.logit_bias = {{1, std::nanf("")}}}), "accepted");
}

}  // namespace
}  // namespace onebit
