// Every optional part of the decoder, on random models that no other engine has run: f32
// activations equal the forward pass in double.
#include <gtest/gtest.h>

#include "eval/perplexity.h"
#include "logits_difference.h"
#include "models/test_model.h"
#include "reference_model.h"

namespace onebit {
namespace {

TestModel model(const std::string& architecture, Activation activation) {
  TestModel m = small_test_model();
  m.config.architecture = architecture;
  m.config.activation = activation;
  m.config.sub_norms = architecture.starts_with("bitnet");
  m.config.qk_norms = architecture == "qwen3" || architecture == "gemma3";
  m.config.post_norms = architecture == "gemma3";
  return m;
}

std::vector<int32_t> tokens(int64_t n) {
  Rng rng(7);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(rng.next() % 64));
  return ids;
}

// Returns the loaded config.
ModelConfig expect_reference(const TestModel& m) {
  const auto path = write_test_model(m, "architectures_test");
  const ModelFile file = ModelFile::open(path);
  std::filesystem::remove(path);
  Engine engine(file, {.threads = 2, .prefill_chunk = 7, .activations = ActQuant::kF32});
  const auto ids = tokens(40);
  const testing::ReferenceModel reference(file, engine.config());
  const auto d = testing::compare(all_logits(engine, ids), reference.logits(ids), 64);
  EXPECT_LE(d.max_abs, 2e-3) << m.config.architecture;
  EXPECT_LE(d.rms, 2e-4) << m.config.architecture;
  return engine.config();
}

TEST(Architectures, EachEqualsTheReference) {
  for (const auto& [name, activation] :
       {std::pair{"bitnet-b1.58", Activation::kRelu2}, std::pair{"bitnet", Activation::kSilu},
        std::pair{"bitnet-b1.58", Activation::kSignedSquare}, std::pair{"llama", Activation::kSilu},
        std::pair{"qwen3", Activation::kSilu}, std::pair{"gemma3", Activation::kGeluTanh}}) {
    const ModelConfig c = expect_reference(model(name, activation));
    EXPECT_EQ(c.activation, activation);
  }
}

TEST(Architectures, HeadsOf100AndWidthsOfNoBlockSize) {  // 1bitLLM's 3B: 3200, 8640, heads of 100
  TestModel m = model("bitnet", Activation::kSilu);
  m.config.hidden_size = 200;
  m.config.n_heads = m.config.n_kv_heads = 2;
  m.config.head_dim = 100;
  m.config.intermediate_size = 540;
  m.type = kF32;
  m.weight_class = WeightClass::kFloat;
  expect_reference(m);
}

// BitNet-embedding-0.6B: Qwen3 with a norm before each projection, last-token pooling.
TEST(Architectures, ProjectionNorms) {
  TestModel m = model("qwen3", Activation::kSilu);
  m.config.projection_norms = true;
  m.config.projection_norm_eps = 1e-3f;  // seen in the logits if it were ignored
  m.edit_metadata = [](GgufMetadata& metadata) { metadata.set("qwen3.pooling_type", uint32_t{1}); };
  const ModelConfig c = expect_reference(m);
  EXPECT_EQ(c.pooling, Pooling::kLast);
  ASSERT_EQ(c.quirks.size(), 1u);
  EXPECT_NE(c.quirks[0].find("pooling_type 1"), std::string::npos);
}

// BitNet-embedding-270M is Gemma 3 with them; hidden 640 is no multiple of 256.
TEST(Architectures, Gemma3WithProjectionNormsAndSlidingWindow) {
  TestModel m = model("gemma3", Activation::kGeluTanh);
  m.config.hidden_size = 640;
  m.config.n_layers = 7;
  m.config.projection_norms = true;
  const ModelConfig whole = expect_reference(m);
  EXPECT_NEAR(whole.embedding_scale, 25.298221, 1e-5);
  EXPECT_EQ(whole.sliding_period, 0);
  m.config.sliding_window = 5;
  m.config.rope_theta = 1e6f;
  const ModelConfig sliding = expect_reference(m);
  EXPECT_EQ(sliding.sliding_period, 6);
  EXPECT_TRUE(sliding.is_local(4));
  EXPECT_FALSE(sliding.is_local(5));
}

TEST(Architectures, LinearRopeScaling) {
  TestModel m = model("llama", Activation::kSilu);
  m.config.rope_scale = 4;
  EXPECT_EQ(expect_reference(m).rope_scale, 4);
}

}  // namespace
}  // namespace onebit
