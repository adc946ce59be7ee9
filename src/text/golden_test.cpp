// Against llama.cpp's tokenisation: tests/golden/text/README.md.
#include <gtest/gtest.h>

#include "base/error.h"
#include "text/spm.h"
#include "text/test_vocab.h"
#include "text/tokenizer.h"

namespace onebit {
namespace {

class GoldenTokens : public ::testing::TestWithParam<std::pair<const char*, int>> {};

TEST_P(GoldenTokens, EqualEverywhere) {
  const auto [name, n_cases] = GetParam();
  const GoldenFile golden =
      read_golden(std::string(ONEBIT_SOURCE_DIR "/tests/golden/text/") + name + ".txt");
  ASSERT_EQ(static_cast<int>(golden.cases.size()), n_cases);
  const Tokenizer tokenizer(golden.vocab);
  for (const auto& c : golden.cases) {
    for (std::size_t i = 0; i < c.ids.size(); ++i) {
      const EncodeOptions options{
          .add_bos = i >= 2, .add_eos = i >= 2, .parse_special = i % 2 == 1};
      const auto ids = tokenizer.encode(c.text, options);
      EXPECT_EQ(ids, c.ids[i]) << quote(c.text, 300) << " mode " << i;
      if (golden.vocab.model == VocabModel::kSpm && c.text.find(kSpmSpace) != std::string::npos) {
        continue;  // becomes a space
      }
      if (!options.add_bos) {
        EXPECT_EQ(tokenizer.decode(ids, true), c.text);
      }
      if (!options.parse_special && !options.add_bos) {
        EXPECT_EQ(tokenizer.decode(ids), c.text);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(LlamaCpp, GoldenTokens,
                         ::testing::Values(std::pair{"llama-bpe-tiny", 202},
                                           std::pair{"qwen2-tiny", 205},
                                           std::pair{"gpt-2-part", 247},
                                           std::pair{"llama-spm-part", 247},
                                           std::pair{"falcon-part", 47}));

}  // namespace
}  // namespace onebit
