// BitNet b1.58: sub-norms before wo and w_down, half-split RoPE, no biases (arXiv 2402.17764).
// Microsoft's 2B-4T (arXiv 2504.12285) squares a ReLU; the models of 1bitLLM have SiLU.
#include "models/architectures.h"

namespace onebit {
namespace {

ModelConfig read_any(const GgufMetadata& metadata, Activation activation) {
  ModelConfig c = read_config(metadata, activation);
  c.sub_norms = true;
  return c;
}

}  // namespace

ModelConfig read_bitnet_b158_config(const GgufMetadata& metadata) {
  return read_any(metadata, Activation::kRelu2);
}

ModelConfig read_bitnet_config(const GgufMetadata& metadata) {
  ModelConfig c = read_any(metadata, Activation::kSilu);
  // llama.cpp's converter writes 2B-4T as `bitnet` too, and llama.cpp then computes SiLU: the
  // perplexity of WikiText-2 becomes 99.8 in place of 17.1. Only the shape tells.
  const bool is_2b4t = c.hidden_size == 2560 && c.intermediate_size == 6912;
  if (is_2b4t && metadata.find("bitnet.hidden_activation") == nullptr) {
    c.activation = Activation::kRelu2;
    c.quirks.push_back(
        "architecture bitnet with the shape of BitNet-b1.58-2B-4T: squared ReLU, not SiLU");
  }
  return c;
}

}  // namespace onebit
