// A model as the engine sees it: tokens in, logits or hidden states out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/config.h"
#include "ops/attention.h"
#include "ops/rope.h"

namespace onebit {

// Activations between the steps of a forward pass, for up to max_tokens tokens at a time.
struct Workspace {
  Workspace(const ModelConfig& config, int64_t max_tokens);

  int64_t max_tokens;
  AlignedBuffer<float> x;          // [M, hidden_size], the residual stream
  AlignedBuffer<float> h;          // [M, hidden_size]
  AlignedBuffer<float> q;          // [M, q_size]
  AlignedBuffer<float> k;          // [M, kv_size]
  AlignedBuffer<float> v;          // [M, kv_size]
  AlignedBuffer<float> att;        // [M, q_size]
  AlignedBuffer<float> gate;       // [M, intermediate_size]
  AlignedBuffer<float> up;         // [M, intermediate_size]
  AlignedBuffer<float> normed;     // [M, widest], with projection_norms
  Activations acts;                // widest of the above
  std::vector<int64_t> positions;  // [M]
  AttentionScratch attention;
};

class Model {
 public:
  virtual ~Model() = default;

  const ModelConfig& config() const { return config_; }
  // Positions that this instance was loaded for, <= config().max_seq_len.
  int64_t context() const { return rope_.n_positions(); }
  // What the caches of its sequences hold.
  KvShape kv_shape(KvType type) const {
    return {config_.n_layers, config_.n_kv_heads, config_.head_dim, type};
  }
  // Bytes of weights (with their scales) that one decoded token reads.
  virtual int64_t bytes_per_token() const = 0;
  // The same weights where they lie in memory, a span a matrix, without their scales.
  virtual std::vector<std::span<const uint8_t>> weights() const = 0;

  enum class Output {
    kLastLogits,  // [n, vocab_size], of the last token of each of the n segments that want them
    kAllLogits,   // [M, vocab_size]
    kHidden,      // [M, hidden_size], after the output norm
  };

  // Runs a batch of M <= ws.max_tokens tokens and writes their keys and values, for which room must
  // be reserved in the caches; the caller then advances these. Token ids must be in [0,
  // vocab_size), positions below context(). A token's output does not depend on how the tokens were
  // split into calls, nor on the other segments.
  virtual void forward(const OpContext& ctx, std::span<const int32_t> tokens,
                       std::span<const Segment> segments, Workspace& ws, Output output,
                       float* out) const = 0;

 protected:
  Model(ModelConfig config, RopeTable rope) : config_(std::move(config)), rope_(std::move(rope)) {}

  ModelConfig config_;
  RopeTable rope_;
};

}  // namespace onebit
