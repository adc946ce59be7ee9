// A tiny random bitnet-b1.58 file in memory or on disk, for tests.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "io/gguf.h"
#include "models/config.h"
#include "models/vocab_gguf.h"
#include "quant/weights.h"

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
    for (float& x : w) x = rows == 1 ? 1.0f : static_cast<float>(rng.normal() * 0.5);
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
  add("token_embd.weight", c.vocab_size, c.hidden_size, false);
  for (int64_t l = 0; l < c.n_layers; ++l) {
    const std::string blk = "blk." + std::to_string(l) + ".";
    add(blk + "attn_norm.weight", 1, c.hidden_size, false);
    add(blk + "attn_q.weight", c.q_size(), c.hidden_size, true);
    add(blk + "attn_k.weight", c.kv_size(), c.hidden_size, true);
    add(blk + "attn_v.weight", c.kv_size(), c.hidden_size, true);
    add(blk + "attn_sub_norm.weight", 1, c.q_size(), false);
    add(blk + "attn_output.weight", c.hidden_size, c.q_size(), true);
    add(blk + "ffn_norm.weight", 1, c.hidden_size, false);
    add(blk + "ffn_gate.weight", c.intermediate_size, c.hidden_size, true);
    add(blk + "ffn_up.weight", c.intermediate_size, c.hidden_size, true);
    add(blk + "ffn_sub_norm.weight", 1, c.intermediate_size, false);
    add(blk + "ffn_down.weight", c.hidden_size, c.intermediate_size, true);
  }
  add("output_norm.weight", 1, c.hidden_size, false);
  writer.begin();
  for (const auto& bytes : payloads) writer.write_tensor(bytes);
  writer.commit();
  return path;
}

}  // namespace onebit
