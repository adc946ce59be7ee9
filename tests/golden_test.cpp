// The engine against independent reference numbers, and against itself: instruction sets, threads,
// chunk sizes. Data and tolerances: tests/golden/bitnet-b1.58/README.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>

#include "engine/generate.h"
#include "eval/perplexity.h"
#include "io/npy.h"
#include "kernels/dispatch.h"
#include "logits_difference.h"

namespace onebit {
namespace {

using testing::compare;

const std::string kGolden = std::string(ONEBIT_SOURCE_DIR) + "/tests/golden/bitnet-b1.58/";

std::vector<int32_t> prompt_ids(int prompt) {
  std::ifstream file(kGolden + "bitnet158-a.p" + std::to_string(prompt) + ".ids");
  return {std::istream_iterator<int32_t>(file), std::istream_iterator<int32_t>()};
}

TEST(Golden, FloatWeightsMatchTheFloat64Reference) {
  Engine engine(ModelFile::open(kGolden + "bitnet158-a.f16.gguf"),
                {.kv = KvType::kF32, .head = Head::kExact});
  Engine f16_kv(ModelFile::open(kGolden + "bitnet158-a.f16.gguf"), {.head = Head::kExact});
  for (const int prompt : {0, 1}) {
    const auto expected =
        read_npy<float>(kGolden + "bitnet158-a.f16.p" + std::to_string(prompt) + ".npy");
    const auto found = all_logits(engine, prompt_ids(prompt));
    ASSERT_EQ(found.size(), expected.values.size());
    const auto d = compare(found, expected.values, 512);
    EXPECT_LT(d.max_abs, 1e-4) << "rms " << d.rms << " cosine " << d.min_cosine;
    // With f16 keys and values an rms of 0.0011 to logits of some 30.
    const auto rounded = compare(all_logits(f16_kv, prompt_ids(prompt)), expected.values, 512);
    EXPECT_LT(rounded.max_abs, 0.01) << "rms " << rounded.rms;
    EXPECT_LT(rounded.rms, 2e-3);
  }
}

TEST(Golden, TernaryWeightsMatchTheInt8Reference) {
  Engine engine(ModelFile::open(kGolden + "bitnet158-a.i2_s.gguf"), {.head = Head::kExact});
  for (const int prompt : {0, 1}) {
    const std::string stem = kGolden + "bitnet158-a.i2_s.p" + std::to_string(prompt);
    const auto expected = read_npy<float>(stem + ".npy");
    const auto found = all_logits(engine, prompt_ids(prompt));
    ASSERT_EQ(found.size(), expected.values.size());
    const auto d = compare(found, expected.values, 512);
    // One rounding tie that falls the other way moves a row by 0.1..0.3, whoever computes it.
    EXPECT_LT(d.max_abs, 0.8);
    EXPECT_LT(d.rms, 0.154);
    EXPECT_GT(d.min_cosine, 0.9983);
  }
}

// Steps of the reference's greedy continuation that the engine repeats; it stops to compare where
// the two best logits are closer than `noise`.
std::size_t equal_greedy_steps(const std::string& model, int prompt, double noise) {
  std::ifstream file(kGolden + model + ".p" + std::to_string(prompt) + ".greedy");
  Engine engine(ModelFile::open(kGolden + model + ".gguf"), {.head = Head::kExact});
  Sequence sequence(engine);
  std::size_t equal = 0;
  generate(sequence, prompt_ids(prompt), 32, {.temperature = 0}, [&](int32_t token) {
    int32_t expected = 0;
    double margin = 0;
    if (!(file >> expected >> margin) || margin <= noise) return false;
    EXPECT_EQ(token, expected) << model << " prompt " << prompt << " step " << equal;
    equal += token == expected ? 1 : 0;
    return true;
  });
  return equal;
}

TEST(Golden, GreedyContinuationsMatch) {
  EXPECT_EQ(equal_greedy_steps("bitnet158-a.f16", 0, 1e-3), 32u);
  EXPECT_EQ(equal_greedy_steps("bitnet158-a.f16", 1, 1e-3), 32u);
  EXPECT_GE(equal_greedy_steps("bitnet158-a.i2_s", 0, 0.4), 10u);
  EXPECT_GE(equal_greedy_steps("bitnet158-a.i2_s", 1, 0.4), 10u);
}

TEST(Invariance, LogitsAreTheSameBitsForEveryIsaThreadCountAndChunk) {
  const auto file = ModelFile::open(kGolden + "bitnet158-a.i2_s.gguf");
  const auto tokens = prompt_ids(1);
  for (const Head head : {Head::kInt8, Head::kInt6}) {
    std::vector<float> first;
    for (const Kernels* kernels : usable_kernels()) {
      for (const int threads : {1, 2, 3, 7}) {
        for (const int64_t chunk : {1, 7, 64}) {
          Engine engine(
              file,
              {.threads = threads, .prefill_chunk = chunk, .isa = kernels->isa, .head = head});
          const auto logits = all_logits(engine, tokens);
          if (first.empty()) first = logits;
          ASSERT_EQ(first, logits) << kernels->isa << ' ' << threads << ' ' << chunk;
        }
      }
    }
  }
}

TEST(Invariance, CachedDecodingEqualsTheWholeSequence) {
  Engine engine(ModelFile::open(kGolden + "bitnet158-a.i2_s.gguf"));
  const auto tokens = prompt_ids(1);
  const auto whole = all_logits(engine, tokens);
  Sequence sequence(engine);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto logits = sequence.append({&tokens[i], 1});
    for (std::size_t v = 0; v < logits.size(); ++v) ASSERT_EQ(logits[v], whole[i * 512 + v]);
  }
}

TEST(Perplexity, IsTheMeanOverWindowsOfWhatAllLogitsSay) {
  Engine engine(ModelFile::open(kGolden + "bitnet158-a.i2_s.gguf"));
  const auto tokens = prompt_ids(1);
  double sum = 0;
  for (std::size_t begin = 0; begin + 1 < tokens.size(); begin += 32) {
    const std::size_t n = std::min<std::size_t>(32, tokens.size() - 1 - begin);
    const auto logits = all_logits(engine, std::span(tokens).subspan(begin, n));
    for (std::size_t i = 0; i < n; ++i) {
      double total = 0;
      for (std::size_t v = 0; v < 512; ++v) total += std::exp(logits[i * 512 + v]);
      sum += std::log(total) - logits[i * 512 + static_cast<std::size_t>(tokens[begin + i + 1])];
    }
  }
  const auto result = perplexity(engine, tokens, 32);
  EXPECT_EQ(result.scored_tokens, static_cast<int64_t>(tokens.size()) - 1);
  EXPECT_NEAR(result.mean_nll, sum / static_cast<double>(tokens.size() - 1), 1e-5);
  EXPECT_THROW(perplexity(engine, tokens, 0), Error);
  EXPECT_THROW(perplexity(engine, tokens, 1 << 20), Error);
  EXPECT_THROW(perplexity(engine, std::span(tokens).first(1), 32), Error);
}

TEST(Sequence, RefusesWhatDoesNotFit) {
  Engine engine(ModelFile::open(kGolden + "bitnet158-a.i2_s.gguf"), {.context = 8});
  Sequence sequence(engine);
  const std::vector<int32_t> nine(9, 1);
  EXPECT_THROW(sequence.append(nine), Error);
  EXPECT_EQ(sequence.length(), 0);
  const std::vector<int32_t> wrong = {1, 512};
  EXPECT_THROW(sequence.append(wrong), Error);
  EXPECT_THROW(sequence.append(std::vector<int32_t>{-1}), Error);
  sequence.append(std::span(nine).first(8));
  EXPECT_THROW(sequence.append(std::vector<int32_t>{1}), Error);
  EXPECT_THROW(Engine(ModelFile::open(kGolden + "bitnet158-a.i2_s.gguf"), {.context = 513}), Error);
}

}  // namespace
}  // namespace onebit
