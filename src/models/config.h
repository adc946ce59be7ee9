// The shape of a model and the choices of its architecture, in the field's usual names.
#pragma once

#include <cstdint>
#include <string>

#include "ops/linear.h"
#include "ops/rows.h"

namespace onebit {

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
  float rms_norm_eps = 1e-5f;
  bool tie_embeddings = true;
  // How activations enter ternary and binary weights; float weights always take f32.
  ActQuant act_quant = ActQuant::kInt8;
  Activation activation = Activation::kRelu2;

  int64_t q_size() const { return n_heads * head_dim; }
  int64_t kv_size() const { return n_kv_heads * head_dim; }
};

// Bounds that every model must keep (RELIABILITY limits: layers <= 1024, vocabulary <= 2^21,
// context <= 2^24, widths <= 2^20, n_heads % n_kv_heads == 0, even head_dim, finite floats).
// Throws Error(kInvalidFile) "WHERE: field: expected, found".
void check_config(const ModelConfig& config, const std::string& where);

}  // namespace onebit
