#include <algorithm>
#include <cmath>
#include <vector>

#include "train/functions.h"
#include "train/gemm.h"
#include "train/loops.h"

namespace onebit {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Logits made at a time: 4 MiB of them stay in the caches, and memory does not grow with M * V.
constexpr int64_t kChunkLogits = 1 << 20;

// One row of logits: returns its cross-entropy and, if asked, turns it into the gradient
// (softmax - onehot) * weight.
float cross_entropy_row(const FloatOps& f, float* logits, int64_t n, int32_t target, bool gradient,
                        float weight) {
  const int64_t top = std::max_element(logits, logits + n) - logits;
  const float margin = logits[top] - logits[target];
  f.softmax(logits, n);
  // log sum exp(logit - max) = -log p(top): exact even where p(target) underflows.
  const float loss = margin - std::log(logits[top]);
  if (gradient) {
    logits[target] -= 1;
    loops::scale(weight, n, logits);
  }
  return loss;
}

class HeadLoss : public torch::autograd::Function<HeadLoss> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& latent,
                        const Tensor& targets, const OpContext* ops, int64_t rounded_address,
                        bool gradient) {
    const auto* w = reinterpret_cast<const float*>(rounded_address);
    const int64_t m = x.size(0), n = x.size(1), vocab = latent.size(0);
    const auto* ids = targets.data_ptr<int32_t>();
    const int64_t chunk = std::min(m, std::max<int64_t>(16, kChunkLogits / vocab));
    Tensor logits = torch::empty({chunk, vocab});
    std::vector<float> losses(static_cast<std::size_t>(m));
    Tensor dx = gradient ? torch::empty({m, n}) : Tensor();
    Tensor dw = gradient ? torch::empty({vocab, n}) : Tensor();
    for (int64_t first = 0; first < m; first += chunk) {
      const int64_t rows = std::min(chunk, m - first);
      const float* input = x.data_ptr<float>() + first * n;
      float* z = logits.data_ptr<float>();
      gemm(ops->pool, Transpose::kNo, Transpose::kYes, rows, vocab, n, input, w, 0, z);
      ops->pool.parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          losses[static_cast<std::size_t>(first + r)] =
              cross_entropy_row(ops->f(), z + r * vocab, vocab, ids[first + r], gradient,
                                1.0f / static_cast<float>(m));
        }
      });
      if (!gradient) continue;
      gemm(ops->pool, Transpose::kNo, Transpose::kNo, rows, n, vocab, z, w, 0,
           dx.data_ptr<float>() + first * n);
      gemm(ops->pool, Transpose::kYes, Transpose::kNo, vocab, n, rows, z, input,
           first == 0 ? 0.0f : 1.0f, dw.data_ptr<float>());
    }
    double sum = 0;
    for (const float loss : losses) sum += static_cast<double>(loss);
    if (gradient) ctx->save_for_backward({dx, dw});
    ctx->saved_data["ops"] = reinterpret_cast<int64_t>(ops);
    return torch::full({}, sum / static_cast<double>(m), torch::kFloat32);
  }

  static variable_list backward(AutogradContext* ctx, variable_list dy) {
    const auto& ops = *reinterpret_cast<const OpContext*>(ctx->saved_data["ops"].toInt());
    const float factor = dy[0].item<float>();
    variable_list grads = ctx->get_saved_variables();
    for (Tensor& grad : grads) {
      if (factor == 1.0f) continue;
      // Out of place: the saved tensors serve again if the graph is kept.
      grad = grad.clone();
      float* data = grad.data_ptr<float>();
      ops.pool.parallel_for(grad.numel(), 1024, [&](int64_t begin, int64_t end) {
        loops::scale(factor, end - begin, data + begin);
      });
    }
    grads.resize(6);
    return grads;
  }
};

}  // namespace

Tensor head_loss(const OpContext& ctx, const Tensor& x, const Tensor& targets, const Tensor& latent,
                 const float* rounded) {
  const bool gradient =
      torch::GradMode::is_enabled() && (x.requires_grad() || latent.requires_grad());
  return HeadLoss::apply(x, latent, targets, &ctx, reinterpret_cast<int64_t>(rounded), gradient);
}

}  // namespace onebit
