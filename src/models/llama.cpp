// Llama (arXiv 2302.13971) with 1-bit weights: Llama3-8B-1.58, Falcon3-1.58bit, Falcon-E.
// Pre-norms, grouped-query attention, SwiGLU. GGUF stores the rows of q and k in llama.cpp's order;
// ModelTensor::interleaved_heads tells, so RoPE is half-split as everywhere.
#include "models/architectures.h"

namespace onebit {

ModelConfig read_llama_config(const GgufMetadata& metadata) {
  ModelConfig c = read_config(metadata, Activation::kSilu);
  if (const int64_t experts = metadata.get_int_or("llama.expert_count", 0); experts != 0) {
    throw Error(ErrorCode::kUnsupported,
                "llama.expert_count: expected 0, found " + std::to_string(experts));
  }
  return c;
}

}  // namespace onebit
