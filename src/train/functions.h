// The differentiable steps of the network. Each forward pass is the engine's own code (ops/), so
// the numbers of training are the numbers of the packed model; each backward pass is written here.
//
// Shapes: M = batch * seq tokens, tensors are f32, contiguous, row-major. Pointers handed in
// (context, weights, tables) must outlive the backward pass.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/config.h"
#include "ops/rope.h"
#include "train/quantized_weights.h"

namespace onebit {

// Linear layers that share one input: q, k, v, or gate and up. The input is quantised once.
struct LinearGroup {
  const QuantSpec* spec;
  std::vector<const QuantizedWeights*> weights;  // empty in fp32 mode
};

// y_i [M, N_i] = x [M, K] W_i^T, both sides fake-quantised. Straight-through estimators: identity
// to the latents; identity to x for int8, clipped for sign (QuantSpec::sign_clip).
std::vector<torch::Tensor> bit_linear(const OpContext& ctx, const LinearGroup& group,
                                      const torch::Tensor& x,
                                      const std::vector<torch::Tensor>& latents);

// y [M, n] = rms_norm(x) * weight [n].
torch::Tensor rms_norm(const OpContext& ctx, const torch::Tensor& x, const torch::Tensor& weight,
                       float eps);

// Rotary embedding of q and k, then causal attention within each of M / seq_len sequences.
// q, out [M, n_heads * head_dim]; k, v [M, n_kv_heads * head_dim].
torch::Tensor rope_attention(const OpContext& ctx, const ModelConfig& config,
                             const RopeTable& table, int64_t seq_len, const torch::Tensor& q,
                             const torch::Tensor& k, const torch::Tensor& v);

// relu(gate)^2 * up, or gate * |gate| * up; all [M, n].
torch::Tensor gated_activation(const OpContext& ctx, Activation activation,
                               const torch::Tensor& gate, const torch::Tensor& up);

// Rows of a table [V, n] for tokens [M] (int32, in range). `rounded` is the table as the file will
// hold it; the gradient goes to `latent` unchanged.
torch::Tensor embedding(const OpContext& ctx, const torch::Tensor& tokens,
                        const torch::Tensor& latent, const float* rounded);

// Mean cross-entropy of the next tokens: logits = x [M, n] rounded^T, targets [M] (int32, in
// range). The logits are made and used in chunks; the gradients come with the forward pass.
torch::Tensor head_loss(const OpContext& ctx, const torch::Tensor& x, const torch::Tensor& targets,
                        const torch::Tensor& latent, const float* rounded);

}  // namespace onebit
