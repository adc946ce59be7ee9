// Every Function against autograd of its plain form in torch operators.
#include "train/functions.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/gemm.h"
#include "train/test_util.h"

namespace onebit {
namespace {

using torch::Tensor;

constexpr double kTolerance = 1e-5;

// Both runs get their own leaves with the same values.
Tensor leaf(const Tensor& t) {
  return t.detach().clone().set_requires_grad(true);
}

// ---- BitLinear ----------------------------------------------------------------------------------

Tensor plain_activations(const Tensor& x, const QuantSpec& spec) {
  if (spec.activations == ActQuant::kF32) return x;
  if (spec.activations == ActQuant::kInt8) {
    const Tensor absmax = std::get<0>(x.detach().abs().max(1, true)).clamp_min(1e-5);
    const Tensor quantized = torch::round(x.detach() * (127 / absmax)) * (absmax / 127);
    return x + (quantized - x).detach();
  }
  const Tensor scale = x.detach().abs().mean(1, true);
  const Tensor sign = torch::where(x.detach() >= 0, torch::ones_like(x), -torch::ones_like(x));
  const Tensor limit = scale * spec.sign_clip;
  const Tensor clipped = torch::minimum(torch::maximum(x, -limit), limit);  // gradient 1 inside
  return clipped + (scale * sign - clipped).detach();
}

Tensor plain_weights(const Tensor& w, const QuantSpec& spec) {
  if (spec.weights == WeightClass::kFloat) return w;
  const int64_t rows = w.size(0), cols = w.size(1);
  Tensor quantized = torch::empty_like(w);
  const int64_t group = spec.granularity == Granularity::kGroup128 ? kScaleGroup : cols;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; c += group) {
      using torch::indexing::Slice;
      const int64_t end = std::min(c + group, cols);
      const Tensor part = w.detach().index({Slice(r, r + 1), Slice(c, end)});
      const Tensor over = spec.granularity == Granularity::kTensor ? w.detach() : part;
      Tensor scale = over.to(torch::kDouble).abs().mean().to(torch::kFloat);
      if (spec.weights == WeightClass::kTernary) scale = scale.clamp_min(1e-5);
      if (spec.scale_type == ScaleType::kF16) scale = scale.to(torch::kHalf).to(torch::kFloat);
      const Tensor codes =
          spec.weights == WeightClass::kTernary
              ? torch::clamp(torch::round(part / scale), -1, 1)
              : torch::where(part < 0, -torch::ones_like(part), torch::ones_like(part));
      quantized.index_put_({Slice(r, r + 1), Slice(c, end)}, scale * codes);
    }
  }
  return w + (quantized - w).detach();
}

void check_bit_linear(const QuantSpec& spec, int64_t m, int64_t k, std::vector<int64_t> outputs) {
  SCOPED_TRACE("m " + std::to_string(m) + " k " + std::to_string(k));
  TestOps ops;
  const Tensor x0 = torch::randn({m, k}) * (0.2 + torch::rand({m, 1}) * 3);
  std::vector<Tensor> w0;
  for (const int64_t n : outputs) w0.push_back(torch::randn({n, k}) * 0.02);

  std::vector<std::unique_ptr<QuantizedWeights>> quantized;
  LinearGroup group{&spec, {}};
  if (spec.weights != WeightClass::kFloat) {
    for (const Tensor& w : w0) {
      quantized.push_back(std::make_unique<QuantizedWeights>(w.size(0), k));
      quantized.back()->refresh(w.data_ptr<float>(), spec);
      group.weights.push_back(quantized.back().get());
    }
  }
  const Tensor x = leaf(x0), x_plain = leaf(x0);
  std::vector<Tensor> w, w_plain;
  for (const Tensor& t : w0) {
    w.push_back(leaf(t));
    w_plain.push_back(leaf(t));
  }
  const auto y = bit_linear(ops.ctx, group, x, w);
  const Tensor xq = plain_activations(x_plain, spec);
  Tensor sum = torch::zeros({}), sum_plain = torch::zeros({});
  for (std::size_t i = 0; i < w.size(); ++i) {
    const Tensor expected = torch::mm(xq, plain_weights(w_plain[i], spec).t());
    EXPECT_LT(relative_difference(y[i], expected), kTolerance);
    const Tensor dy = torch::randn_like(expected);
    sum = sum + (y[i] * dy).sum();
    sum_plain = sum_plain + (expected * dy).sum();
  }
  sum.backward();
  sum_plain.backward();
  EXPECT_LT(relative_difference(x.grad(), x_plain.grad()), kTolerance);
  for (std::size_t i = 0; i < w.size(); ++i) {
    EXPECT_LT(relative_difference(w[i].grad(), w_plain[i].grad()), kTolerance);
  }
}

TEST(BitLinear, MatchesPlainFormInAllModes) {
  torch::manual_seed(1);
  for (const TrainMode mode : kAllModes) {
    for (const Granularity g : {Granularity::kTensor, Granularity::kRow, Granularity::kGroup128}) {
      SCOPED_TRACE("mode " + std::to_string(static_cast<int>(mode)) + " granularity " +
                   std::to_string(static_cast<int>(g)));
      const QuantSpec spec = make_quant_spec(mode, g, 1.5f);
      check_bit_linear(spec, 1, 40, {16});
      check_bit_linear(spec, 13, 136, {17, 5, 32});
      check_bit_linear(spec, 33, 128, {48, 48});
      check_bit_linear(spec, 9, 300, {7});
    }
  }
}

// The integer path's own promise: dot products are exact, so y = scale * scale * integer.
TEST(BitLinear, ForwardIsExactIntegers) {
  torch::manual_seed(2);
  TestOps ops;
  const QuantSpec spec = make_quant_spec(TrainMode::kW158A8, Granularity::kTensor, 1);
  const int64_t m = 5, n = 21, k = 104;
  const Tensor x = torch::randn({m, k}), w = torch::randn({n, k});
  QuantizedWeights quantized(n, k);
  quantized.refresh(w.data_ptr<float>(), spec);
  const LinearGroup group{&spec, {&quantized}};
  const Tensor y = bit_linear(ops.ctx, group, x, {w})[0];
  for (int64_t t = 0; t < m; ++t) {
    const float absmax = x[t].abs().max().item<float>();
    for (int64_t r = 0; r < n; ++r) {
      int64_t dot = 0;
      for (int64_t c = 0; c < k; ++c) {
        const float q = std::nearbyint(x[t][c].item<float>() * (127.0f / absmax));
        dot +=
            static_cast<int64_t>(q) * quantized.codes().codes[static_cast<std::size_t>(r * k + c)];
      }
      const float expected =
          absmax / 127.0f * (static_cast<float>(dot) * quantized.codes().scales[0]);
      EXPECT_EQ(y[t][r].item<float>(), expected);
    }
  }
}

TEST(BitLinear, SignGradientIsClipped) {
  TestOps ops;
  const QuantSpec spec = make_quant_spec(TrainMode::kW1A1, Granularity::kTensor, 1);
  Tensor x = torch::full({1, 64}, 0.1f);
  x[0][3] = 5.0f;  // far outside mean|x| ~ 0.18
  x.set_requires_grad(true);
  const Tensor w = torch::ones({16, 64}).set_requires_grad(true);
  QuantizedWeights quantized(16, 64);
  quantized.refresh(w.data_ptr<float>(), spec);
  const LinearGroup group{&spec, {&quantized}};
  bit_linear(ops.ctx, group, x, {w})[0].sum().backward();
  EXPECT_EQ(x.grad()[0][3].item<float>(), 0.0f);
  EXPECT_EQ(x.grad()[0][4].item<float>(), 16.0f);
}

// ---- Norm, activation, attention ----------------------------------------------------------------

TEST(RmsNorm, MatchesPlainForm) {
  torch::manual_seed(3);
  TestOps ops;
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{1, 40}, {150, 128}, {7, 33}}) {
    const Tensor x0 = torch::randn({m, n}), w0 = torch::randn({n}), dy = torch::randn({m, n});
    const Tensor x = leaf(x0), w = leaf(w0), xp = leaf(x0), wp = leaf(w0);
    const Tensor y = rms_norm(ops.ctx, x, w, 1e-5f);
    const Tensor expected = xp * torch::rsqrt(xp.pow(2).mean(1, true) + 1e-5) * wp;
    EXPECT_LT(relative_difference(y, expected), kTolerance);
    y.backward(dy);
    expected.backward(dy);
    EXPECT_LT(relative_difference(x.grad(), xp.grad()), kTolerance);
    EXPECT_LT(relative_difference(w.grad(), wp.grad()), kTolerance);
  }
}

TEST(GatedActivation, MatchesPlainForm) {
  torch::manual_seed(4);
  TestOps ops;
  for (const Activation kind : {Activation::kRelu2, Activation::kSignedSquare}) {
    const Tensor g0 = torch::randn({11, 37}), u0 = torch::randn({11, 37});
    const Tensor dy = torch::randn({11, 37});
    const Tensor g = leaf(g0), u = leaf(u0), gp = leaf(g0), up = leaf(u0);
    const Tensor y = gated_activation(ops.ctx, kind, g, u);
    const Tensor expected =
        (kind == Activation::kRelu2 ? torch::relu(gp).pow(2) : gp * gp.abs()) * up;
    EXPECT_LT(relative_difference(y, expected), kTolerance);
    y.backward(dy);
    expected.backward(dy);
    EXPECT_LT(relative_difference(g.grad(), gp.grad()), kTolerance);
    EXPECT_LT(relative_difference(u.grad(), up.grad()), kTolerance);
  }
  EXPECT_THROW(
      gated_activation(ops.ctx, Activation::kSilu, torch::ones({1, 1}), torch::ones({1, 1})),
      Error);
}

Tensor plain_rope(const Tensor& x, double theta) {  // [B, T, H, hd]
  const int64_t t = x.size(1), half = x.size(3) / 2;
  const Tensor frequency = torch::pow(theta, -torch::arange(half, torch::kDouble) / half);
  const Tensor angle = torch::arange(t, torch::kDouble).unsqueeze(1) * frequency;
  const Tensor c = torch::cos(angle).to(torch::kFloat).view({1, t, 1, half});
  const Tensor s = torch::sin(angle).to(torch::kFloat).view({1, t, 1, half});
  const Tensor a = x.narrow(3, 0, half), b = x.narrow(3, half, half);
  return torch::cat({a * c - b * s, a * s + b * c}, 3);
}

Tensor plain_attention(const Tensor& q_in, const Tensor& k_in, const Tensor& v_in,
                       const ModelConfig& c, int64_t t) {
  const int64_t b = q_in.size(0) / t;
  const int64_t repeat = c.n_heads / c.n_kv_heads;
  const Tensor q =
      plain_rope(q_in.view({b, t, c.n_heads, c.head_dim}), c.rope_theta).transpose(1, 2);
  const auto keys = [&](const Tensor& x) {  // as they are, or as f16, straight-through
    const bool exact = c.act_quant == ActQuant::kF32;
    const Tensor kept = exact ? x : x + (x.to(torch::kHalf).to(torch::kFloat) - x).detach();
    return kept.transpose(1, 2).repeat_interleave(repeat, 1);
  };
  const Tensor k = keys(plain_rope(k_in.view({b, t, c.n_kv_heads, c.head_dim}), c.rope_theta));
  const Tensor v = keys(v_in.view({b, t, c.n_kv_heads, c.head_dim}));
  const Tensor mask = torch::ones({t, t}, torch::kBool).triu(1);
  const Tensor scores = (torch::matmul(q, k.transpose(2, 3)) / std::sqrt(double(c.head_dim)))
                            .masked_fill(mask, -INFINITY);
  return torch::matmul(torch::softmax(scores, 3), v)
      .transpose(1, 2)
      .reshape({b * t, c.n_heads * c.head_dim});
}

TEST(RopeAttention, MatchesPlainForm) {
  torch::manual_seed(5);
  TestOps ops;
  struct Case {
    int64_t heads, kv_heads, head_dim, batch, seq_len;
    ActQuant act_quant = ActQuant::kInt8;
  };
  for (const Case& s : {Case{4, 4, 16, 2, 9},
                        {4, 2, 10, 3, 17},
                        {6, 1, 32, 1, 33},
                        {1, 1, 2, 1, 1},
                        {4, 2, 10, 3, 17, ActQuant::kF32}}) {
    ModelConfig c;
    c.n_heads = s.heads;
    c.n_kv_heads = s.kv_heads;
    c.head_dim = s.head_dim;
    c.act_quant = s.act_quant;
    const RopeTable table(64, s.head_dim, c.rope_theta);
    const int64_t m = s.batch * s.seq_len;
    const Tensor q0 = torch::randn({m, c.q_size()}), k0 = torch::randn({m, c.kv_size()});
    const Tensor v0 = torch::randn({m, c.kv_size()}), dy = torch::randn({m, c.q_size()});
    const Tensor q = leaf(q0), k = leaf(k0), v = leaf(v0);
    const Tensor qp = leaf(q0), kp = leaf(k0), vp = leaf(v0);
    const Tensor y = rope_attention(ops.ctx, c, table, s.seq_len, q, k, v);
    const Tensor expected = plain_attention(qp, kp, vp, c, s.seq_len);
    EXPECT_LT(relative_difference(y, expected), kTolerance);
    y.backward(dy);
    expected.backward(dy);
    EXPECT_TRUE(torch::allclose(q.grad(), qp.grad(), 1e-4, 1e-5));
    EXPECT_TRUE(torch::allclose(k.grad(), kp.grad(), 1e-4, 1e-5));
    EXPECT_LT(relative_difference(v.grad(), vp.grad()), kTolerance);
  }
}

// ---- Embedding, head ----------------------------------------------------------------------------

TEST(Embedding, GathersRoundedRowsAndScattersGradients) {
  TestOps ops;
  const Tensor latent = torch::randn({7, 20}).set_requires_grad(true);
  const Tensor rounded = torch::randn({7, 20});
  const Tensor tokens = torch::tensor({3, 0, 3, 6}, torch::kInt32);
  const Tensor dy = torch::randn({4, 20});
  const Tensor y = embedding(ops.ctx, tokens, latent, rounded.data_ptr<float>());
  EXPECT_TRUE(torch::equal(y, rounded.index_select(0, tokens.to(torch::kLong))));
  y.backward(dy);
  EXPECT_TRUE(torch::allclose(latent.grad(),
                              torch::zeros({7, 20}).index_add(0, tokens.to(torch::kLong), dy)));
}

TEST(HeadLoss, MatchesCrossEntropy) {
  torch::manual_seed(6);
  TestOps ops;
  for (const auto& [m, vocab] : {std::pair<int64_t, int64_t>{5, 11}, {40, 65}, {50, 70000}}) {
    const Tensor x0 = torch::randn({m, 24}), w0 = torch::randn({vocab, 24});
    const Tensor targets = torch::randint(vocab, {m}, torch::kInt32);
    const Tensor x = leaf(x0), w = leaf(w0), xp = leaf(x0), wp = leaf(w0);
    const Tensor loss = head_loss(ops.ctx, x, targets, w, w0.data_ptr<float>());
    const Tensor expected =
        torch::nn::functional::cross_entropy(torch::mm(xp, wp.t()), targets.to(torch::kLong));
    EXPECT_NEAR(loss.item<float>(), expected.item<float>(), 1e-5);
    (loss / 3).backward();
    (expected / 3).backward();
    EXPECT_LT(relative_difference(x.grad(), xp.grad()), kTolerance);
    EXPECT_LT(relative_difference(w.grad(), wp.grad()), kTolerance);
    torch::NoGradGuard no_grad;
    EXPECT_EQ(head_loss(ops.ctx, x, targets, w, w0.data_ptr<float>()).item<float>(),
              loss.item<float>());
  }
}

TEST(HeadLoss, StaysFiniteWhereProbabilitiesUnderflow) {
  TestOps ops;
  const Tensor x = torch::ones({1, 1}), w = torch::tensor({{0.0f}, {500.0f}});
  const Tensor targets = torch::tensor({0}, torch::kInt32);
  EXPECT_EQ(head_loss(ops.ctx, x, targets, w, w.data_ptr<float>()).item<float>(), 500.0f);
}

TEST(Gemm, MatchesTorchForAllTransposes) {
  TestOps ops;
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      for (const auto& [m, n] : {std::pair<int64_t, int64_t>{3, 70}, {70, 3}, {64, 64}}) {
        const int64_t k = 29;
        const Tensor a = ta ? torch::randn({k, m}) : torch::randn({m, k});
        const Tensor b = tb ? torch::randn({n, k}) : torch::randn({k, n});
        Tensor c = torch::ones({m, n});
        gemm(ops.pool, ta ? Transpose::kYes : Transpose::kNo, tb ? Transpose::kYes : Transpose::kNo,
             m, n, k, a.data_ptr<float>(), b.data_ptr<float>(), 1, c.data_ptr<float>());
        const Tensor expected = torch::mm(ta ? a.t() : a, tb ? b.t() : b) + 1;
        EXPECT_LT(relative_difference(c, expected), kTolerance);
      }
    }
  }
}

}  // namespace
}  // namespace onebit
