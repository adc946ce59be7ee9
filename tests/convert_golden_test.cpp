// Conversion against the quantisers of llama.cpp and bitnet.cpp: the same bytes from the same F16
// models. Data: tests/golden/models/README.md.
#include "convert/convert.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace onebit {
namespace {

struct Case {
  const char* from;
  const char* made;  // by the other quantiser
  const char* type;
  const char* embedding_type;
  bool allow_lossy;
};

constexpr Case kCases[] = {
    {"bitnet-a.f16", "bitnet-a.tq1_0-embf16", "tq1_0", "f16", false},
    {"bitnet-a.f16", "bitnet-a.tq2_0-embf16", "tq2_0", "f16", false},
    {"bitnet-a.f16", "bitnet-a.tq2_0-embq8_0", "tq2_0", "q8_0", true},
    {"bitnet158-a.f16", "bitnet158-a.i2_s", "i2_s", "f16", false},
    {"llama-tied-a.f16", "llama-tied-a.tq2_0", "tq2_0", "f16", false},
    {"llama-tied-a.f16", "llama-tied-a.q2_0", "q2_0", "q8_0", true},
    {"llama-tied-a.f16", "llama-tied-a.q8_0", "q8_0", "q8_0", true},
    {"llama-tied-a.f16", "llama-tied-a.q4_0", "q4_0", "f16", true},
    {"qwen3-binary-a.f16", "qwen3-binary-a.q1_0", "q1_0", "q1_0", false},
};

ModelFile open_golden(const std::string& name) {
  return ModelFile::open(ONEBIT_GOLDEN_MODELS + name + ".gguf");
}

// The bytes that mean something: the last 28 of I2_S are whatever its writer had in memory.
std::span<const uint8_t> meaning(const ModelTensor& t) {
  return t.bytes.first(t.bytes.size() - (t.format->id == kI2_S ? 28 : 0));
}

class ConvertGolden : public ::testing::TestWithParam<Case> {};

TEST_P(ConvertGolden, GivesTheBytesOfTheOtherQuantiser) {
  const Case& c = GetParam();
  const auto path = std::filesystem::temp_directory_path() /
                    ("onebit_convert_golden_" + std::to_string(getpid()) + ".gguf");
  convert_model(open_golden(c.from), path,
                {.type = &writable_format(c.type),
                 .embedding_type = &writable_format(c.embedding_type),
                 .allow_lossy = c.allow_lossy});
  const ModelFile found = ModelFile::open(path);
  const ModelFile expected = open_golden(c.made);
  int64_t compared = 0;
  for (const ModelTensor& want : expected.tensors()) {
    const ModelTensor* t = found.find(want.name);
    ASSERT_NE(t, nullptr) << want.name;
    if (want.format->id == kQ6_K) continue;  // an embedding that is only read here
    EXPECT_EQ(t->format, want.format) << want.name;
    EXPECT_TRUE(std::ranges::equal(meaning(*t), meaning(want))) << want.name;
    ++compared;
  }
  EXPECT_GE(compared, 19);
  std::filesystem::remove(path);
}

INSTANTIATE_TEST_SUITE_P(Pairs, ConvertGolden, ::testing::ValuesIn(kCases), [](const auto& pair) {
  std::string name = pair.param.made;
  std::ranges::replace_if(
      name, [](char ch) { return ch == '-' || ch == '.'; }, '_');
  return name;
});

}  // namespace
}  // namespace onebit
