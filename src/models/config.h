// The shape of a model and the choices of its architecture, in the field's usual names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/gguf.h"
#include "ops/linear.h"
#include "ops/rows.h"

namespace onebit {

// How a text becomes one vector (llama.cpp's pooling_type).
enum class Pooling : uint8_t { kNone, kLast };

struct ModelConfig {
  std::string architecture = "bitnet-b1.58";
  std::string name;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t n_layers = 0;
  int64_t n_heads = 0;
  int64_t n_kv_heads = 0;
  int64_t head_dim = 0;
  int64_t vocab_size = 0;
  int64_t max_seq_len = 0;
  float rope_theta = 10000.0f;
  float rope_scale = 1;  // positions are divided by it (linear scaling)
  float rms_norm_eps = 1e-5f;
  bool tie_embeddings = true;
  // How activations enter ternary and binary weights; float weights always take f32.
  ActQuant act_quant = ActQuant::kInt8;
  Activation activation = Activation::kRelu2;

  // What an architecture has besides the pre-norms, attention and gated feed-forward of all:
  bool sub_norms = false;         // RMSNorm before wo and w_down (BitNet)
  bool qk_norms = false;          // RMSNorm of every query and key head (Qwen3)
  bool projection_norms = false;  // each projection has an RMSNorm of its input of its own
  float projection_norm_eps = 1e-6f;
  bool post_norms = false;    // RMSNorm of what attention and feed-forward add (Gemma 3)
  float embedding_scale = 1;  // of token embeddings (Gemma: sqrt(hidden_size))
  float attention_scale = 0;  // of q . k; 0: 1 / sqrt(head_dim)
  // Of every `sliding_period` layers all but the last see only the last `sliding_window` positions,
  // and turn by rope_theta_local; 0: no such layers.
  int64_t sliding_window = 0;
  int64_t sliding_period = 0;
  float rope_theta_local = 10000.0f;
  Pooling pooling = Pooling::kNone;

  // Oddities of the metadata and how they were treated, one line each.
  std::vector<std::string> quirks;

  int64_t q_size() const { return n_heads * head_dim; }
  int64_t kv_size() const { return n_kv_heads * head_dim; }
  // How keys and values are kept unless the user says otherwise: f32 activations are the exact
  // path, which rounds nothing.
  KvType kv_type() const { return act_quant == ActQuant::kF32 ? KvType::kF32 : KvType::kF16; }
  bool is_local(int64_t layer) const {
    return sliding_period > 0 && layer % sliding_period != sliding_period - 1;
  }
};

// Bounds that every model must keep (RELIABILITY limits: layers <= 1024, vocabulary <= 2^21,
// context <= 2^24, widths <= 2^20, n_heads % n_kv_heads == 0, even head_dim, finite floats).
// Throws Error(kInvalidFile) "WHERE: field: expected, found".
void check_config(const ModelConfig& config, const std::string& where);

// Metadata keys of our own, beside llama.cpp's (A is the architecture): how activations enter the
// linear layers (a8, a8g32, a1, f32; absent: what the architecture trained with), and
// "A.hidden_activation" (relu2, signed_square, silu, gelu_tanh; absent: the architecture's).
inline constexpr char kActQuantKey[] = "onebit.activation_quantization";
inline constexpr char kProjectionNormEpsKey[] = "onebit.projection_norm_epsilon";

// What all architectures have in common, under llama.cpp's keys; the optional parts stay off.
// `activation` stands where the metadata has no A.hidden_activation.
ModelConfig read_config(const GgufMetadata& metadata, Activation activation);

// The inverse, for every field that read_config and the architectures read.
void write_config(const ModelConfig& config, GgufMetadata& metadata);

}  // namespace onebit
