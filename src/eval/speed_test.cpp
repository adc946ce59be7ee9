#include "eval/speed.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "eval/signature.h"
#include "models/test_model.h"

namespace onebit {
namespace {

TEST(Speed, SpreadHasTheMedian) {
  const Spread odd = spread_of({3, 1, 2});
  EXPECT_EQ(odd.low, 1);
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.high, 3);
  EXPECT_EQ(spread_of({4, 1, 2, 9}).median, 3);
  EXPECT_EQ(spread_of({5}).median, 5);
}

TEST(Speed, SharesFollowFromTheFigures) {
  SpeedReport r;
  r.stream_bytes_per_second = 1000;
  r.decode.tokens_per_second = {4, 5, 6};
  r.weight_bytes_per_token = 90;
  r.kv_bytes_per_token = 10;
  EXPECT_DOUBLE_EQ(r.bandwidth_share(), 0.5);
  EXPECT_EQ(r.peak_share(), std::nullopt);
  r.int8_macs_per_second = 200;
  r.prefill.tokens_per_second = {1, 2, 3};
  r.prefill_macs_per_token = 25;
  EXPECT_DOUBLE_EQ(*r.peak_share(), 0.25);
}

TEST(Speed, NeedsContext) {
  EXPECT_EQ(needed_context({.prompt = 5, .generate = 7}), 8);
  EXPECT_EQ(needed_context({.prompt = 50, .generate = 7, .context = 20}), 50);
  EXPECT_EQ(needed_context({.prompt = 5, .generate = 7, .context = 20}), 20);
}

class SpeedOfAModel : public testing::Test {
 protected:
  SpeedOfAModel()
      : path_(write_test_model(small_test_model(), "speed_test")),
        engine_(ModelFile::open(path_), {.threads = 2}) {}
  ~SpeedOfAModel() override { std::filesystem::remove(path_); }

  std::filesystem::path path_;
  Engine engine_;
};

TEST_F(SpeedOfAModel, IsMeasuredAndCounted) {
  int64_t steps = 0;
  const SpeedOptions options{.prompt = 12, .generate = 4, .context = 20, .batch = 3, .repeats = 2};
  const SpeedReport r =
      measure_speed(engine_, options, [&](int64_t done, int64_t) { steps = done; });
  EXPECT_EQ(r.prefill.n, 12);
  EXPECT_EQ(r.decode.n, 4);
  ASSERT_TRUE(r.batch);
  EXPECT_EQ(r.batch->n, 3);
  EXPECT_EQ(steps, 6);
  for (const Spread& s :
       {r.prefill.tokens_per_second, r.decode.tokens_per_second, r.batch->tokens_per_second}) {
    EXPECT_GT(s.low, 0);
    EXPECT_LE(s.low, s.median);
    EXPECT_LE(s.median, s.high);
  }
  // 2 layers of hidden 128, 4 + 2 + 2 heads of 32, intermediate 256
  EXPECT_EQ(r.prefill_macs_per_token, 2 * (128 * (128 + 64 + 64) + 128 * 128 + 3 * 128 * 256));
  EXPECT_EQ(r.weight_bytes_per_token, static_cast<double>(engine_.model().bytes_per_token()));
  // Tokens 17..20 read as many positions, keys and values of 64 f16 in 2 layers.
  EXPECT_EQ(r.kv_bytes_per_token, 18.5 * 2 * 2 * 64 * 2);
  EXPECT_GT(r.stream_bytes_per_second, 1e8);
  EXPECT_GT(r.rss_bytes, 1 << 20);
}

// f32 keys and values, which f32 activations bring along, are twice those of f16; int8 ones have an
// f32 scale for each head of 32.
TEST_F(SpeedOfAModel, CountsKeysAndValuesAsTheyAreKept) {
  const auto counted = [&](const EngineOptions& options) {
    Engine engine(ModelFile::open(path_), options);
    return measure_speed(engine, {.prompt = 1, .generate = 4, .context = 20, .repeats = 1})
        .kv_bytes_per_token;
  };
  constexpr double kValues = 18.5 * 2 * 2 * 64;
  EXPECT_EQ(counted({.threads = 2, .kv = KvType::kF32}), kValues * 4);
  EXPECT_EQ(counted({.threads = 2, .activations = ActQuant::kF32}), kValues * 4);
  EXPECT_EQ(counted({.threads = 2, .activations = ActQuant::kF32, .kv = KvType::kF16}),
            kValues * 2);
  EXPECT_EQ(counted({.threads = 2, .kv = KvType::kInt8}), kValues * (1 + 4.0 / 32));
}

TEST_F(SpeedOfAModel, RefusesMoreThanTheContext) {
  EXPECT_THROW(measure_speed(engine_, {.prompt = 65}), Error);
  EXPECT_THROW(measure_speed(engine_, {.prompt = 1, .generate = 64}), Error);
}

TEST(Signature, TellsModelsApart) {
  const auto file = ModelFile::open(std::string(ONEBIT_SOURCE_DIR) + "/models/default.gguf");
  Engine engine(file, {.threads = 2});
  Engine alone(file, {.threads = 1, .prefill_chunk = 3});
  Engine exact(file, {.threads = 2, .activations = ActQuant::kF32});
  const std::string signature = model_signature(engine);
  EXPECT_EQ(signature.size(), 16u);
  EXPECT_EQ(model_signature(alone), signature);
  EXPECT_NE(model_signature(exact), signature);
}

TEST(Signature, IsFnv1a) {
  // Bits of 1.0f: 00 00 80 3f.
  EXPECT_EQ(hash_text(hash_bits({})), "cbf29ce484222325");
  const float one[] = {1.0f};
  uint64_t expected = kEmptyHash;
  for (const uint64_t byte : {0x00, 0x00, 0x80, 0x3f}) expected = (expected ^ byte) * 0x100000001b3;
  EXPECT_EQ(hash_bits(one), expected);
}

}  // namespace
}  // namespace onebit
