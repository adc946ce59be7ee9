#include "convert/synthetic.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace onebit
