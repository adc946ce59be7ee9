// The promise of the numeric law: what the trainer computes is what the engine computes on the
// exported file. A tiny model of each mode, trained for some steps on a text with structure.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/generate.h"
#include "eval/perplexity.h"
#include "train/adamw.h"
#include "train/config.h"
#include "train/export.h"
#include "train/network.h"
#include "train/test_util.h"

namespace onebit {
namespace {

constexpr int64_t kSeqLen = 64;

struct Case {
  TrainMode mode;
  Granularity granularity;
  EmbeddingType embedding;
};

ModelConfig parity_model(const QuantSpec& spec) {
  ModelConfig c = small_model(spec);
  c.hidden_size = 256;  // TQ2_0 needs rows of 256
  c.head_dim = 64;
  c.max_seq_len = 2 * kSeqLen;
  return c;
}

std::vector<int32_t> text_tokens(int64_t n, int64_t from) {
  std::vector<int32_t> ids;
  for (int64_t i = from; i < from + n; ++i)
    ids.push_back(static_cast<int32_t>((i * 7 + i / 13) % 40));
  return ids;
}

torch::Tensor to_tensor(const std::vector<int32_t>& ids) {
  torch::Tensor t = torch::empty({static_cast<int64_t>(ids.size())}, torch::kInt32);
  std::copy(ids.begin(), ids.end(), t.data_ptr<int32_t>());
  return t;
}

void train_some_steps(Network& network, ThreadPool& pool) {
  AdamW optimizer(network.parameters(), pool, {0.9, 0.95, 1e-8, 1.0});
  for (int64_t step = 0; step < 20; ++step) {
    const auto tokens = text_tokens(4 * kSeqLen + 1, step * 100);
    const torch::Tensor all = to_tensor(tokens);
    network
        .loss(all.slice(0, 0, 4 * kSeqLen), all.slice(0, 1, 4 * kSeqLen + 1).contiguous(), kSeqLen)
        .backward();
    const double norm = optimizer.grad_norm();
    optimizer.step(step, 3e-3, 0.1, norm);
    network.refresh();
  }
}

class Parity : public ::testing::TestWithParam<Case> {};

TEST_P(Parity, TrainerAndEngineAgree) {
  TestOps ops;
  const QuantSpec spec = make_quant_spec(GetParam().mode, GetParam().granularity, 1);
  Network network(parity_model(spec), spec, embedding_format(GetParam().embedding), ops.ctx, 7);
  train_some_steps(network, ops.pool);

  const TempDir dir;
  const auto path = dir.path / "model.gguf";
  export_model(network, small_vocab(40), path);
  Engine engine(ModelFile::open(path), {.threads = 1, .head = Head::kExact});

  // Logits of 64 tokens
  std::vector<int32_t> tokens = text_tokens(kSeqLen, 5000);
  const torch::Tensor expected = network.logits(to_tensor(tokens), kSeqLen);
  const auto found = all_logits(engine, tokens);
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    worst =
        std::max(worst, std::fabs(static_cast<double>(found[i]) - expected.data_ptr<float>()[i]));
  }
  EXPECT_LE(worst, 1e-3);
  if (spec.activations != ActQuant::kF32) {
    EXPECT_EQ(worst, 0) << "1-bit modes agree bit for bit";
  }

  // The same greedy continuation: the trainer recomputes the whole sequence, the engine has a cache
  std::vector<int32_t> continuation;
  Sequence sequence(engine);
  generate(sequence, tokens, kSeqLen, {.temperature = 0}, [&](int32_t token) {
    continuation.push_back(token);
    return true;
  });
  ASSERT_EQ(continuation.size(), static_cast<std::size_t>(kSeqLen));
  for (std::size_t i = 0; i < continuation.size(); ++i) {
    const auto length = static_cast<int64_t>(tokens.size());
    const torch::Tensor last = network.logits(to_tensor(tokens), length)[length - 1];
    ASSERT_EQ(last.argmax().item<int64_t>(), continuation[i]) << "token " << i;
    tokens.push_back(continuation[i]);
  }

  // Validation loss: the trainer's loss function against the engine on the packed file
  const auto val = text_tokens(8 * kSeqLen + 1, 9000);
  const torch::Tensor all = to_tensor(val);
  const double trainer_loss = network
                                  .loss(all.slice(0, 0, 8 * kSeqLen),
                                        all.slice(0, 1, 8 * kSeqLen + 1).contiguous(), kSeqLen)
                                  .item<double>();
  const auto engine_loss = perplexity(engine, val, kSeqLen);
  EXPECT_EQ(engine_loss.scored_tokens, 8 * kSeqLen);
  EXPECT_NEAR(trainer_loss, engine_loss.mean_nll, 1e-4);
  EXPECT_LT(trainer_loss, std::log(40.0) - 0.3) << "the model has learnt nothing to agree on";
}

INSTANTIATE_TEST_SUITE_P(
    Modes, Parity,
    ::testing::Values(Case{TrainMode::kFp32, Granularity::kTensor, EmbeddingType::kF32},
                      Case{TrainMode::kW158A8, Granularity::kTensor, EmbeddingType::kF16},  // I2_S
                      Case{TrainMode::kW158A8, Granularity::kRow, EmbeddingType::kQ8_0},    // TQ2_0
                      Case{TrainMode::kW158A8, Granularity::kGroup128,
                           EmbeddingType::kF32},                                             // Q2_0
                      Case{TrainMode::kW1A8, Granularity::kTensor, EmbeddingType::kF16},     // Q1_0
                      Case{TrainMode::kW1A8, Granularity::kGroup128, EmbeddingType::kQ8_0},  // Q1_0
                      Case{TrainMode::kW1A1, Granularity::kTensor, EmbeddingType::kF16},     // Q1_0
                      Case{TrainMode::kW1A1, Granularity::kRow, EmbeddingType::kF16}));      // Q1_0

}  // namespace
}  // namespace onebit
