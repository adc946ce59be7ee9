// A tiny random file of any architecture on disk, for tests: the tensors that its ModelConfig asks
// for.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "io/gguf.h"
#include "models/config.h"
#include "quant/weights.h"
#include "vocab/gguf.h"

namespace onebit {

struct TestModel {
  ModelConfig config;
  WeightClass weight_class = WeightClass::kTernary;
  TensorType type = kI2_S;  // of the linear layers; kF32 for float ones
  // Called on the metadata and on the tensor list before they are written.
  std::function<void(GgufMetadata&)> edit_metadata;
  std::string drop_tensor;
};

inline TestModel small_test_model() {
  TestModel m;
  m.config.name = "test";
  m.config.hidden_size = 128;
  m.config.intermediate_size = 256;
  m.config.n_layers = 2;
  m.config.n_heads = 4;
  m.config.n_kv_heads = 2;
  m.config.head_dim = 32;
  m.config.vocab_size = 64;
  m.config.max_seq_len = 64;
  m.config.sub_norms = true;
  return m;
}

// Writes the model and returns the path; weights depend on the seed only.
inline std::filesystem::path write_test_model(const TestModel& m, const std::string& name,
                                              uint64_t seed = 1) {
  const auto& c = m.config;
  GgufMetadata metadata;
  write_config(c, metadata);
  Vocab vocab;
  for (int64_t i = 0; i < c.vocab_size; ++i) {
    vocab.tokens.push_back(std::string(1, static_cast<char>('!' + i)));
    vocab.types.push_back(1);
  }
  vocab.pre = "none";
  write_vocab(vocab, metadata);
  if (m.edit_metadata) m.edit_metadata(metadata);

  Rng rng(seed);
  std::vector<std::vector<uint8_t>> payloads;
  const auto path =
      std::filesystem::temp_directory_path() / (name + "." + std::to_string(getpid()) + ".gguf");
  GgufWriter writer(path, metadata);
  const auto add = [&](const std::string& tensor, int64_t rows, int64_t cols, bool linear) {
    if (tensor == m.drop_tensor) return;
    std::vector<float> w(static_cast<std::size_t>(rows * cols));
    const bool is_norm = rows == 1;
    for (float& x : w)
      x = static_cast<float>(is_norm ? 1 + 0.1 * rng.normal() : rng.normal() * 0.5);
    const Format& f = format(linear ? m.type : kF32);
    auto& bytes = payloads.emplace_back(static_cast<std::size_t>(f.bytes(rows, cols)));
    if (f.weight_class == WeightClass::kFloat) {
      f.from_float(w.data(), rows, cols, bytes.data());
    } else {
      f.from_codes(quantize_weights(w.data(), rows, cols, m.weight_class, Granularity::kTensor,
                                    ScaleType::kF16),
                   bytes.data());
    }
    const std::vector<int64_t> shape =
        rows == 1 ? std::vector<int64_t>{cols} : std::vector<int64_t>{cols, rows};
    writer.add_tensor(tensor, shape, f.id, static_cast<int64_t>(bytes.size()));
  };
  const auto norm = [&](const std::string& tensor, bool wanted, int64_t n) {
    if (wanted) add(tensor + ".weight", 1, n, false);
  };
  const auto projection = [&](const std::string& tensor, int64_t rows, int64_t cols) {
    norm(tensor + "_norm_in", c.projection_norms, cols);
    add(tensor + ".weight", rows, cols, true);
  };
  add("token_embd.weight", c.vocab_size, c.hidden_size, false);
  for (int64_t l = 0; l < c.n_layers; ++l) {
    const std::string blk = "blk." + std::to_string(l) + ".";
    norm(blk + "attn_norm", true, c.hidden_size);
    projection(blk + "attn_q", c.q_size(), c.hidden_size);
    projection(blk + "attn_k", c.kv_size(), c.hidden_size);
    projection(blk + "attn_v", c.kv_size(), c.hidden_size);
    norm(blk + "attn_q_norm", c.qk_norms, c.head_dim);
    norm(blk + "attn_k_norm", c.qk_norms, c.head_dim);
    norm(blk + "attn_sub_norm", c.sub_norms, c.q_size());
    projection(blk + "attn_output", c.hidden_size, c.q_size());
    norm(blk + "post_attention_norm", c.post_norms, c.hidden_size);
    norm(blk + "ffn_norm", true, c.hidden_size);
    projection(blk + "ffn_gate", c.intermediate_size, c.hidden_size);
    projection(blk + "ffn_up", c.intermediate_size, c.hidden_size);
    norm(blk + "ffn_sub_norm", c.sub_norms, c.intermediate_size);
    projection(blk + "ffn_down", c.hidden_size, c.intermediate_size);
    norm(blk + "post_ffw_norm", c.post_norms, c.hidden_size);
  }
  norm("output_norm", true, c.hidden_size);
  writer.begin();
  for (const auto& bytes : payloads) writer.write_tensor(bytes);
  writer.commit();
  return path;
}

}  // namespace onebit
