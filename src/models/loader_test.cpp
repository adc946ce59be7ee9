// What the loader accepts and refuses, and that refusals name the culprit.
#include "models/loader.h"

#include <gtest/gtest.h>

#include <cstring>

#include "models/architectures.h"
#include "models/random_model.h"
#include "models/test_model.h"

namespace onebit {
namespace {

LoadedModel load(const std::filesystem::path& path, const LoadOptions& options = {}) {
  const auto file = ModelFile::open(path);
  std::filesystem::remove(path);
  return load_model(file, options);
}

// The message of a refusal; "" if the model loads.
std::string refusal(const TestModel& m) {
  const auto path = write_test_model(m, "loader_test");
  try {
    load(path);
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    return e.what();
  }
  return "";
}

void expect_refusal(const TestModel& m, const std::string& part) {
  EXPECT_NE(refusal(m).find(part), std::string::npos) << refusal(m);
}

TEST(Loader, ReadsEveryTypeOfLinearLayer) {
  for (const auto& [type, weight_class] :
       {std::pair{kF32, WeightClass::kFloat}, std::pair{kF16, WeightClass::kFloat},
        std::pair{kBF16, WeightClass::kFloat}, std::pair{kQ8_0, WeightClass::kFloat},
        std::pair{kI2_S, WeightClass::kTernary}, std::pair{kQ2_0, WeightClass::kTernary},
        std::pair{kQ1_0, WeightClass::kBinary}}) {
    TestModel m = small_test_model();
    m.type = type;
    m.weight_class = weight_class;
    const auto loaded = load(write_test_model(m, "loader_test"));
    EXPECT_EQ(loaded.model->config().hidden_size, 128);
    EXPECT_TRUE(loaded.model->config().tie_embeddings);
    EXPECT_EQ(loaded.model->context(), 64);
    EXPECT_GT(loaded.model->bytes_per_token(), 0);
  }
}

TEST(Loader, ConfigSurvivesTheFile) {
  TestModel m = small_test_model();
  m.config.rope_theta = 5e5f;
  m.config.rms_norm_eps = 1e-6f;
  m.config.activation = Activation::kSignedSquare;
  m.config.act_quant = ActQuant::kSign;
  m.type = kQ1_0;
  m.weight_class = WeightClass::kBinary;
  const auto c = load(write_test_model(m, "loader_test")).model->config();
  EXPECT_EQ(c.rope_theta, 5e5f);
  EXPECT_EQ(c.rms_norm_eps, 1e-6f);
  EXPECT_EQ(c.activation, Activation::kSignedSquare);
  EXPECT_EQ(c.act_quant, ActQuant::kSign);
  EXPECT_EQ(c.n_kv_heads, 2);
}

TEST(Loader, NamesWhatIsWrong) {
  TestModel m = small_test_model();
  m.drop_tensor = "blk.1.ffn_sub_norm.weight";
  expect_refusal(m,
                 "tensor 'blk.1.ffn_sub_norm.weight': expected shape [256], found no such tensor");

  const auto with = [](const std::string& key, const GgufValue& value) {
    TestModel edited = small_test_model();
    edited.edit_metadata = [=](GgufMetadata& metadata) { metadata.set(key, value); };
    return edited;
  };
  expect_refusal(with("general.architecture", std::string("gpt5")), "found 'gpt5'");
  expect_refusal(with("bitnet-b1.58.embedding_length", uint32_t{127}), "token_embd.weight");
  expect_refusal(with("bitnet-b1.58.embedding_length", std::string("x")), "embedding_length");
  expect_refusal(with("bitnet-b1.58.block_count", uint32_t{0}), "n_layers");
  expect_refusal(with("bitnet-b1.58.block_count", uint32_t{3}), "blk.2.");
  expect_refusal(with("bitnet-b1.58.block_count", uint32_t{1000000}), "n_layers");
  expect_refusal(with("bitnet-b1.58.attention.head_count", uint32_t{0}), "n_heads");
  expect_refusal(with("bitnet-b1.58.attention.head_count_kv", uint32_t{3}), "n_kv_heads");
  expect_refusal(with("bitnet-b1.58.attention.key_length", uint32_t{31}), "expected head_dim");
  expect_refusal(with("bitnet-b1.58.context_length", uint32_t{0}), "max_seq_len");
  expect_refusal(with("bitnet-b1.58.rope.freq_base", 0.0f), "rope_theta");
  expect_refusal(with("bitnet-b1.58.attention.layer_norm_rms_epsilon", -1.0f), "rms_norm_eps");
  expect_refusal(with("bitnet-b1.58.hidden_activation", std::string("gelu")), "relu2");
  expect_refusal(with(kActQuantKey, std::string("a2")), "found 'a2'");
  EXPECT_EQ(refusal(with(kActQuantKey, std::string("f32"))), "");  // rows, exact and slow
  expect_refusal(with(kActQuantKey, std::string("a1")), "1-bit activations need binary weights");
  expect_refusal(with("tokenizer.ggml.tokens", std::vector<std::string>{"a"}), "token_type");
  expect_refusal(with("tokenizer.ggml.eos_token_id", uint32_t{64}), "eos_token_id");
}

TEST(Loader, RefusesAHugeContextBeforeAllocatingForIt) {
  const auto path = write_test_model(small_test_model(), "loader_test");
  const auto file = ModelFile::open(path);
  std::filesystem::remove(path);
  EXPECT_THROW(load_model(file, {.context = int64_t{1} << 40}), Error);
  EXPECT_THROW(load_model(file, {.context = -1}), Error);
  EXPECT_EQ(load_model(file, {.context = 17}).model->context(), 17);
}

// Six bits are a saving where the kernels read them; elsewhere the codes take a byte.
TEST(Loader, AHeadOfSixBitsIsSmallerWhereKernelsReadIt) {
  const auto path = write_test_model(small_test_model(), "loader_test");
  const auto file = ModelFile::open(path);
  std::filesystem::remove(path);
  const auto bytes = [&](const LoadOptions& options) {
    return load_model(file, options).model->bytes_per_token();
  };
  const int64_t int8 = bytes({});
  EXPECT_EQ(bytes({.head = Head::kInt6}), int8);  // for any kernels
  EXPECT_EQ(bytes({.head = Head::kInt6, .kernels = &select_kernels("scalar")}),
            int8 - 64 * 128 / 4);
  EXPECT_GT(bytes({.head = Head::kExact}), int8);
}

TEST(RandomModel, HasTheShapeAskedFor) {
  ModelConfig c = small_test_model().config;
  for (const auto weight_class : {WeightClass::kTernary, WeightClass::kBinary}) {
    const auto model = random_model(c, weight_class, 1, 32);
    EXPECT_EQ(model->context(), 32);
    EXPECT_EQ(model->config().vocab_size, 64);
  }
  c.n_heads = 0;
  EXPECT_THROW(random_model(c, WeightClass::kTernary, 1, 32), Error);
}

}  // namespace
}  // namespace onebit
