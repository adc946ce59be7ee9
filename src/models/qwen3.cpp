// Qwen3 (arXiv 2505.09388): Llama's layer with an RMSNorm of every query and key head before RoPE.
// Bonsai and BitNet-embedding-0.6B; the latter also has a norm of its own before each projection.
#include "models/architectures.h"

namespace onebit {

ModelConfig read_qwen3_config(const GgufMetadata& metadata) {
  ModelConfig c = read_config(metadata, Activation::kSilu);
  c.qk_norms = true;
  return c;
}

}  // namespace onebit
