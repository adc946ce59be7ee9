// Gemma 3 text (arXiv 2503.19786): norms before and after attention and feed-forward, GELU gate,
// embeddings times sqrt(hidden_size), q and k norms. BitNet-embedding-270M. GGUF stores norm
// weights with their +1.
#include <cmath>

#include "models/architectures.h"

namespace onebit {

ModelConfig read_gemma3_config(const GgufMetadata& metadata) {
  ModelConfig c = read_config(metadata, Activation::kGeluTanh);
  c.qk_norms = true;
  c.post_norms = true;
  c.embedding_scale = std::sqrt(static_cast<float>(c.hidden_size));
  // Files of BitNet-embedding-270M leave the window out, and then every layer sees everything.
  c.sliding_window = metadata.get_int_or("gemma3.attention.sliding_window", 0);
  if (c.sliding_window > 0) c.sliding_period = 6;
  c.rope_theta_local = metadata.get_float_or("gemma3.rope.freq_base_swa", 10000.0f);
  const float scalar = metadata.get_float_or("gemma3.attention.query_pre_attn_scalar", 0);
  if (scalar > 0) c.attention_scale = 1 / std::sqrt(scalar);
  return c;
}

}  // namespace onebit
