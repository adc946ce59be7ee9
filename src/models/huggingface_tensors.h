// The tensors of a Hugging Face folder under GGUF's names, with what is to be done with them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/safetensors.h"
#include "models/huggingface_config.h"
#include "models/model_file.h"

namespace onebit {

enum class TensorRole {
  kTable,       // embeddings or head: [vocab, hidden], never BitLinear
  kProjection,  // a linear layer of the decoder: [out, in]
  kScale,       // its weight_scale: one number
  kInputNorm,   // the norm of its own input
  kNorm,        // any other norm
};

struct TensorName {
  std::string gguf;    // of kScale: the name of the weight that it scales
  std::string module;  // the module the tensor belongs to, e.g. "model.layers.0.self_attn.q_proj"
  TensorRole role;
};

// Nothing for tensors that a model of this configuration does not use.
std::optional<TensorName> map_tensor_name(std::string_view name, const HuggingfaceConfig& config);

// Adds tensors, files and quirks to `model`, and to `config` what only the tensors tell: how
// activations enter the layers, norms of projections, tied embeddings. Throws Error(kInvalidFile |
// kUnsupported), one line that names the file and the tensor.
void add_tensors(const SafetensorsFolder& folder, HuggingfaceConfig& config,
                 ModelFile::Contents& model);

}  // namespace onebit
