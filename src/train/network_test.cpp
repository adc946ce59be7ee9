#include "train/network.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/gguf.h"
#include "models/loader.h"
#include "train/adamw.h"
#include "train/export.h"
#include "train/test_util.h"

namespace onebit {
namespace {

using torch::Tensor;

TEST(AdamW, MatchesTorch) {
  torch::manual_seed(8);
  TestOps ops;
  std::vector<Parameter> parameters(2);
  parameters[0] = {"w", torch::randn({30, 50}).set_requires_grad(true), true, false};
  parameters[1] = {"n", torch::randn({70}).set_requires_grad(true), false, false};
  const Tensor w = parameters[0].value.detach().clone().set_requires_grad(true);
  const Tensor n = parameters[1].value.detach().clone().set_requires_grad(true);
  using Group = torch::optim::OptimizerParamGroup;
  const auto options = [](double decay) {
    return std::make_unique<torch::optim::AdamWOptions>(
        torch::optim::AdamWOptions(1e-2).betas({0.9, 0.95}).weight_decay(decay));
  };
  std::vector<Group> groups{Group({w}, options(0.1)), Group({n}, options(0.0))};
  torch::optim::AdamW reference(groups, torch::optim::AdamWOptions(1e-2));
  AdamW optimizer(parameters, ops.pool, {0.9, 0.95, 1e-8, 1.0});
  for (int64_t step = 0; step < 10; ++step) {
    const double scale = step % 2 == 0 ? 10 : 1e-3;  // clipped and not
    for (auto [mine, theirs] : {std::pair{parameters[0].value, w}, {parameters[1].value, n}}) {
      const Tensor grad = torch::randn_like(mine) * scale;
      mine.mutable_grad() = grad.clone();
      theirs.mutable_grad() = grad.clone();
    }
    const double norm = optimizer.grad_norm();
    EXPECT_NEAR(torch::nn::utils::clip_grad_norm_(std::vector<Tensor>{w, n}, 1.0), norm,
                1e-5 * norm);
    optimizer.step(step, 1e-2, 0.1, norm);
    reference.step();
    EXPECT_TRUE(torch::allclose(parameters[0].value, w, 1e-5, 1e-6));
    EXPECT_TRUE(torch::allclose(parameters[1].value, n, 1e-5, 1e-6));
  }
}

TEST(AdamW, NamesTheTensorThatIsNotFinite) {
  TestOps ops;
  std::vector<Parameter> parameters(2);
  parameters[0] = {"good", torch::ones({3}), false, false};
  parameters[1] = {"bad", torch::ones({3}), false, false};
  parameters[0].value.mutable_grad() = torch::ones({3});
  parameters[1].value.mutable_grad() = torch::full({3}, NAN);
  AdamW optimizer(parameters, ops.pool, {});
  EXPECT_FALSE(std::isfinite(optimizer.grad_norm()));
  EXPECT_EQ(optimizer.first_bad(), "bad");
}

struct Batch {
  Tensor tokens, targets;
};

Batch random_batch(int64_t m, int64_t vocab) {
  const Tensor all = torch::randint(vocab, {m + 1}, torch::kInt32);
  return {all.narrow(0, 0, m).clone(), all.narrow(0, 1, m).clone()};
}

class NetworkModes : public testing::TestWithParam<TrainMode> {
 protected:
  NetworkModes()
      : spec(make_quant_spec(GetParam(), Granularity::kTensor, 1)), config(small_model(spec)) {
    torch::manual_seed(9);
  }
  TestOps ops;
  QuantSpec spec;
  ModelConfig config;
};

TEST_P(NetworkModes, FirstLossIsThatOfKnowingNothing) {
  Network network(config, spec, format(kF16), ops.ctx, 1);
  const Batch b = random_batch(96, config.vocab_size);
  EXPECT_NEAR(network.loss(b.tokens, b.targets, 32).item<float>(),
              std::log(static_cast<double>(config.vocab_size)), 0.1);
}

// Memorising random tokens needs the gradient of every layer.
TEST_P(NetworkModes, OverfitsOneBatch) {
  Network network(config, spec, format(kF16), ops.ctx, 1);
  AdamW optimizer(network.parameters(), ops.pool, {0.9, 0.95, 1e-8, 1.0});
  const Batch b = random_batch(64, config.vocab_size);
  constexpr int64_t kSteps = 150;
  double loss = 0;
  for (int64_t step = 0; step < kSteps; ++step) {
    const Tensor l = network.loss(b.tokens, b.targets, 32);
    loss = l.item<float>();
    l.backward();
    const double fade = 1 - static_cast<double>(step) / kSteps;
    optimizer.step(step, (GetParam() == TrainMode::kFp32 ? 3e-3 : 6e-3) * fade, 0,
                   optimizer.grad_norm());
    network.refresh();
  }
  EXPECT_LT(loss, GetParam() == TrainMode::kW1A1 ? 0.8 : 0.1);
}

TEST_P(NetworkModes, GradientsReachEveryParameter) {
  Network network(config, spec, format(kF16), ops.ctx, 1);
  const Batch b = random_batch(64, config.vocab_size);
  network.loss(b.tokens, b.targets, 32).backward();
  for (const Parameter& p : network.parameters()) {
    ASSERT_TRUE(p.value.grad().defined()) << p.name;
    EXPECT_GT(p.value.grad().abs().max().item<float>(), 0) << p.name;
  }
}

// The file holds the codes and scales that training used.
TEST_P(NetworkModes, ExportKeepsCodesScalesAndLogits) {
  TempDir dir;
  Network network(config, spec, format(kF16), ops.ctx, 3);
  export_model(network, small_vocab(40), dir.path / "m.gguf");
  const GgufFile file = GgufFile::open(dir.path / "m.gguf");
  ASSERT_EQ(file.tensors().size(), network.parameters().size());
  for (const Parameter& p : network.parameters()) {
    const GgufTensor* t = file.find(p.name);
    ASSERT_NE(t, nullptr) << p.name;
    const Format& f = *find_format(t->type);
    ASSERT_EQ(t->cols(), p.value.size(-1));
    const CodeMatrix* codes = network.codes(p);
    EXPECT_EQ(codes != nullptr, p.is_linear && GetParam() != TrainMode::kFp32) << p.name;
    if (codes == nullptr) continue;
    std::vector<int8_t> row(static_cast<std::size_t>(codes->cols));
    std::vector<float> scales(static_cast<std::size_t>(codes->cols));
    for (int64_t r = 0; r < codes->rows; ++r) {
      f.to_codes(t->available.data(), codes->rows, codes->cols, r, row.data(), scales.data());
      const int64_t group = f.group == 0 ? codes->cols : f.group;
      for (int64_t c = 0; c < codes->cols; ++c) {
        ASSERT_EQ(row[static_cast<std::size_t>(c)],
                  codes->codes[static_cast<std::size_t>(r * codes->cols + c)]);
        ASSERT_EQ(scales[static_cast<std::size_t>(c / group)], codes->scale(r, c));
      }
    }
  }
  // And the model that serves gives the trainer's logits, to the bit.
  if (GetParam() == TrainMode::kFp32) return;
  const int64_t m = 24;
  const Batch b = random_batch(m, config.vocab_size);
  const Tensor expected = network.logits(b.tokens, m);
  const LoadedModel loaded = load_model(open_gguf_model(file), {.head = Head::kExact});
  Workspace ws(config, m);
  AlignedBuffer<float> out(m * 40);
  KvPool pool(loaded.model->kv_shape(config.kv_type()));
  KvCache kv(pool);
  kv.reserve(m);
  const Segment segment{&kv, m};
  loaded.model->forward(ops.ctx, {b.tokens.data_ptr<int32_t>(), static_cast<std::size_t>(m)},
                        {&segment, 1}, ws, Model::Output::kAllLogits, out.data());
  for (int64_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], expected.data_ptr<float>()[i]) << i;
}

std::string mode_name(const testing::TestParamInfo<TrainMode>& test) {
  constexpr const char* kNames[] = {"Fp32", "W158A8", "W1A8", "W1A1"};
  return kNames[static_cast<int>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(All, NetworkModes, testing::ValuesIn(kAllModes), mode_name);

TEST(Network, RefusesShapesThatTheFormatCannotHold) {
  TestOps ops;
  const QuantSpec spec = make_quant_spec(TrainMode::kW1A8, Granularity::kTensor, 1);
  ModelConfig config = small_model(spec);
  config.intermediate_size = 200;  // Q1_0: rows of 128
  EXPECT_THROW(Network(config, spec, format(kF16), ops.ctx, 1), Error);
}

TEST(Network, UntiedHeadIsItsOwnTensor) {
  TestOps ops;
  const QuantSpec spec = make_quant_spec(TrainMode::kW158A8, Granularity::kTensor, 1);
  ModelConfig config = small_model(spec);
  config.tie_embeddings = false;
  Network network(config, spec, format(kQ8_0), ops.ctx, 1);
  EXPECT_EQ(network.parameters().back().name, "output.weight");
  const Batch b = random_batch(32, config.vocab_size);
  network.loss(b.tokens, b.targets, 32).backward();
  EXPECT_TRUE(network.parameters().back().value.grad().defined());
}

}  // namespace
}  // namespace onebit
