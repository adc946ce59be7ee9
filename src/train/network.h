// The bitnet-b1.58 transformer with trainable latent weights (arXiv 2402.17764, 2504.12285).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/functions.h"

namespace onebit {

// One trained tensor, under its GGUF name.
struct Parameter {
  std::string name;
  torch::Tensor value;        // f32 latent, [n] or [rows, cols]
  bool is_linear = false;     // a matrix of a linear layer: quantised in 1-bit modes, weight decay
  bool is_embedding = false;  // token embedding or head: rounded to the embedding format
};

class Network {
 public:
  // Weights N(0, 0.02), projections into the residual stream / sqrt(2 n_layers), norms 1; a
  // tensor's values depend on the seed and its place only. Throws Error(kInvalidFile) on a bad
  // config or a shape that a format cannot hold. `ops` must outlive the network.
  Network(const ModelConfig& config, const QuantSpec& spec, const Format& embedding_format,
          const OpContext& ops, uint64_t seed);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Quantises all weights anew. Call after every change of the parameters' values.
  void refresh();

  // Mean cross-entropy over batch * seq_len tokens (int32, row by row).
  torch::Tensor loss(const torch::Tensor& tokens, const torch::Tensor& targets, int64_t seq_len);
  // Logits [M, vocab_size] of M / seq_len sequences, without gradient, by the engine's operators
  // throughout: equal to the engine's on the exported model, bit for bit in the 1-bit modes.
  torch::Tensor logits(const torch::Tensor& tokens, int64_t seq_len);

  const ModelConfig& config() const { return config_; }
  const QuantSpec& spec() const { return spec_; }
  const Format& embedding_format() const { return embedding_format_; }
  std::vector<Parameter>& parameters() { return parameters_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  // The codes of a linear layer's matrix as the last refresh() made them; nullptr in fp32 mode and
  // for other tensors.
  const CodeMatrix* codes(const Parameter& parameter) const;
  // Of the 1-bit weights: how many are 0, and how many changed in the last refresh(), as fractions.
  double zero_fraction() const;
  double flip_fraction() const;

 private:
  struct Layer;

  std::size_t add(std::string name, std::vector<int64_t> shape, double stddev);
  torch::Tensor hidden(const torch::Tensor& tokens, int64_t seq_len);
  const torch::Tensor& value(std::size_t parameter) const { return parameters_[parameter].value; }
  const float* rounded_head() const;

  ModelConfig config_;
  QuantSpec spec_;
  const Format& embedding_format_;
  const OpContext& ops_;
  uint64_t seed_;
  RopeTable rope_;
  std::vector<Parameter> parameters_;
  std::vector<std::unique_ptr<QuantizedWeights>> quantized_;  // by parameter, null if not linear
  std::vector<AlignedBuffer<float>> rounded_;  // by parameter, empty if not embedding
  std::vector<Layer> layers_;
  std::size_t tok_embd_ = 0, out_norm_ = 0, lm_head_ = 0;
};

}  // namespace onebit
