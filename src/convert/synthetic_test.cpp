#include "convert/synthetic.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "io/gguf.h"
#include "models/architectures.h"

namespace onebit {
namespace {

TEST(Synthetic, TheArchitectureReadsWhatTheShapeSays) {
  for (const SyntheticShape& shape : synthetic_shapes()) {
    SCOPED_TRACE(shape.name);
    const ModelConfig& c = shape.config;
    check_config(c, shape.name);
    GgufMetadata metadata;
    write_config(c, metadata);
    const ModelConfig read = find_architecture(c.architecture).read_config(metadata);
    EXPECT_EQ(read.sub_norms, c.sub_norms);
    EXPECT_EQ(read.qk_norms, c.qk_norms);
    EXPECT_EQ(read.activation, c.activation);
    EXPECT_EQ(read.act_quant, c.act_quant);
    EXPECT_EQ(read.head_dim, c.head_dim);
    EXPECT_EQ(read.rope_theta, c.rope_theta);
    EXPECT_GT(format(shape.type).bytes(c.intermediate_size, c.hidden_size), 0);
    EXPECT_GT(format(shape.type).bytes(c.hidden_size, c.intermediate_size), 0);
    EXPECT_GT(format(shape.embedding_type).bytes(c.vocab_size, c.hidden_size), 0);
  }
}

// Parameters in the linear layers, as the models' cards round them.
TEST(Synthetic, SizesAreThoseOfThePublishedModels) {
  const auto linear = [](const char* name) {
    const ModelConfig& c = synthetic_shape(name).config;
    return c.n_layers * c.hidden_size *
           (2 * c.q_size() + 2 * c.kv_size() + 3 * c.intermediate_size);
  };
  EXPECT_EQ(linear("2b4t"), 2'084'044'800);  // its I2_S file has 521 MB of them
  EXPECT_NEAR(static_cast<double>(linear("llama3-8b")), 6.98e9, 5e6);
  EXPECT_NEAR(static_cast<double>(linear("70b")), 68.5e9, 5e7);
  EXPECT_NEAR(static_cast<double>(linear("100b")), 99.5e9, 1e9);
  EXPECT_THROW(synthetic_shape("2B4T"), Error);
}

TEST(Synthetic, TheModelInMemoryIsTheOneInTheFile) {
  SyntheticShape shape = synthetic_shape("2b4t");
  shape.config.hidden_size = 256;
  shape.config.intermediate_size = 512;
  shape.config.n_layers = 2;
  shape.config.n_heads = 2;
  shape.config.n_kv_heads = 1;
  shape.config.vocab_size = 300;
  const auto path = std::filesystem::temp_directory_path() /
                    ("synthetic_test." + std::to_string(getpid()) + ".gguf");
  for (const TensorType type : {kI2_S, kQ1_0}) {
    write_synthetic(shape, format(type), path, 5);
    const ModelFile file = ModelFile::open(path);
    std::filesystem::remove(path);
    const ModelFile memory = synthetic_model(shape, format(type), 5);
    ASSERT_EQ(memory.tensors().size(), file.tensors().size());
    for (std::size_t i = 0; i < file.tensors().size(); ++i) {
      const ModelTensor& a = memory.tensors()[i];
      const ModelTensor& b = file.tensors()[i];
      EXPECT_EQ(a.name, b.name);
      EXPECT_EQ(a.shape, b.shape);
      EXPECT_EQ(a.format, b.format);
      EXPECT_TRUE(std::ranges::equal(a.bytes, b.bytes)) << a.name;
    }
    EXPECT_EQ(memory.metadata().get_strings("tokenizer.ggml.tokens"),
              file.metadata().get_strings("tokenizer.ggml.tokens"));
  }
}

}  // namespace
}  // namespace onebit
