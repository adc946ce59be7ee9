// config.json of a Hugging Face folder: the shape of the model, and what its weights mean.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "models/config.h"

namespace onebit {

// What the weights of the linear layers inside the decoder (not embeddings and head) are.
enum class HuggingfaceWeights {
  kFloat,           // floats, to be used as they are
  kMaster,          // float masters of ternary weights: rounded when they are read
  kPackedDivide,    // HF_U8; weight_scale divides (linear_class "bitlinear")
  kPackedMultiply,  // HF_U8; weight_scale multiplies (linear_class "autobitlinear")
};

struct HuggingfaceConfig {
  ModelConfig model;  // rope_theta and the rest as GGUF has them; tie_embeddings below
  HuggingfaceWeights weights = HuggingfaceWeights::kFloat;
  // Modules whose linear layers stay float: modules_to_not_convert.
  std::set<std::string, std::less<>> not_converted;
  bool rms_norms = false;            // each BitLinear normalises its input: X.rms_norm.weight
  bool has_head = true;              // false: the body alone, of an embedding model
  bool norms_plus_one = false;       // Gemma stores w where the norm multiplies by 1 + w
  std::optional<bool> tied;          // tie_word_embeddings, or the class' default if it is true
  std::vector<float> rope_divisors;  // [head_dim / 2] of frequencies (llama3); empty: none
  std::optional<float> query_pre_attn_scalar;  // Gemma: q . k is divided by its root

  // Is the linear layer `module` ("model.layers.0.self_attn.q_proj") one of not_converted?
  bool stays_float(std::string_view module) const;
};

// Reads FOLDER/config.json (and 1_Pooling/config.json, if there is one). Throws
// Error(kInvalidFile | kUnsupported | kIo), one line "FILE: field: expected, found".
HuggingfaceConfig read_huggingface_config(const std::filesystem::path& folder);

// The model's metadata under GGUF's keys, but for the vocabulary.
GgufMetadata to_metadata(const HuggingfaceConfig& config);

}  // namespace onebit
