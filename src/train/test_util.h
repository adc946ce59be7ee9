// Shared by the tests of this folder.
#pragma once

#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "kernels/dispatch.h"
#include "ops/linear.h"
#include "text/vocab.h"
#include "train/config.h"
#include "train/trainer.h"

namespace onebit {

struct TestOps {
  TestOps() { quiet_other_pools(); }
  ThreadPool pool{2};
  OpContext ctx{pool, default_kernels()};
};

// max |a - b| / max |b|
inline double relative_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / (b.abs().max() + 1e-30)).item<double>();
}

// A folder that goes with the test.
struct TempDir {
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "onebit-train-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

// `n` tokens with printable names.
inline Vocab small_vocab(int n) {
  Vocab vocab;
  for (int i = 0; i < n; ++i) {
    vocab.tokens.push_back(std::string(1, static_cast<char>('!' + i)));
    vocab.types.push_back(static_cast<int32_t>(TokenType::kNormal));
  }
  return vocab;
}

// Two layers, grouped-query attention, width 128 (Q1_0 and I2_S need rows of 128).
inline ModelConfig small_model(const QuantSpec& spec) {
  ModelConfig c;
  c.name = "test";
  c.hidden_size = 128;
  c.intermediate_size = 256;
  c.n_layers = 2;
  c.n_heads = 4;
  c.n_kv_heads = 2;
  c.head_dim = 32;
  c.vocab_size = 40;
  c.max_seq_len = 32;
  c.act_quant = spec.activations;
  c.activation =
      spec.activations == ActQuant::kSign ? Activation::kSignedSquare : Activation::kRelu2;
  return c;
}

constexpr TrainMode kAllModes[] = {TrainMode::kFp32, TrainMode::kW158A8, TrainMode::kW1A8,
                                   TrainMode::kW1A1};

}  // namespace onebit
