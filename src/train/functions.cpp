#include "train/functions.h"

#include <algorithm>

#include "base/checked.h"
#include "ops/rows.h"
#include "train/loops.h"

namespace onebit {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const OpContext& ops_of(AutogradContext* ctx) {
  return *reinterpret_cast<const OpContext*>(ctx->saved_data["ops"].toInt());
}

void save_ops(AutogradContext* ctx, const OpContext* ops) {
  ctx->saved_data["ops"] = reinterpret_cast<int64_t>(ops);
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight,
                        const OpContext* ops, double eps) {
    Tensor y = torch::empty_like(x);
    rms_norm_rows(*ops, x.data_ptr<float>(), weight.data_ptr<float>(), static_cast<float>(eps),
                  x.size(0), x.size(1), y.data_ptr<float>());
    ctx->save_for_backward({x, weight});
    ctx->saved_data["eps"] = eps;
    save_ops(ctx, ops);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list dy) {
    // Rows are summed into the weight's gradient in blocks of this many, then block by block, so
    // that the sum does not depend on the number of threads.
    constexpr int64_t kBlockRows = 64;
    const OpContext& ops = ops_of(ctx);
    const variable_list saved = ctx->get_saved_variables();
    const int64_t m = saved[0].size(0), n = saved[0].size(1);
    const auto eps = static_cast<float>(ctx->saved_data["eps"].toDouble());
    const Tensor d = dy[0].contiguous();
    const float* x = saved[0].data_ptr<float>();
    const float* w = saved[1].data_ptr<float>();
    const float* upstream = d.data_ptr<float>();
    Tensor dx = torch::empty({m, n});
    Tensor blocks = torch::zeros({ceil_div(m, kBlockRows), n});
    float* dx_data = dx.data_ptr<float>();
    float* dw_data = blocks.data_ptr<float>();
    ops.pool.parallel_for(m, kBlockRows, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        loops::rms_norm_backward(x + t * n, w, upstream + t * n, eps, n, dx_data + t * n,
                                 dw_data + t / kBlockRows * n);
      }
    });
    Tensor dw = torch::zeros({n});
    for (int64_t b = 0; b < blocks.size(0); ++b) {
      loops::add(dw_data + b * n, n, dw.data_ptr<float>());
    }
    return {dx, dw, Tensor(), Tensor()};
  }
};

class GatedActivation : public torch::autograd::Function<GatedActivation> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& gate, const Tensor& up,
                        const OpContext* ops, bool signed_square) {
    Tensor y = torch::empty_like(gate);
    const auto step = signed_square ? ops->f().signed_square_mul : ops->f().relu2_mul;
    const float* g = gate.data_ptr<float>();
    const float* u = up.data_ptr<float>();
    float* out = y.data_ptr<float>();
    const int64_t n = gate.size(1);
    ops->pool.parallel_for(gate.size(0), 1, [&](int64_t begin, int64_t end) {
      step(g + begin * n, u + begin * n, (end - begin) * n, out + begin * n);
    });
    ctx->save_for_backward({gate, up});
    ctx->saved_data["signed"] = signed_square;
    save_ops(ctx, ops);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list dy) {
    const OpContext& ops = ops_of(ctx);
    const variable_list saved = ctx->get_saved_variables();
    const auto step = ctx->saved_data["signed"].toBool() ? loops::signed_square_mul_backward
                                                         : loops::relu2_mul_backward;
    const Tensor d = dy[0].contiguous();
    Tensor dgate = torch::empty_like(saved[0]), dup = torch::empty_like(saved[1]);
    const float* g = saved[0].data_ptr<float>();
    const float* u = saved[1].data_ptr<float>();
    const float* upstream = d.data_ptr<float>();
    float* dg = dgate.data_ptr<float>();
    float* du = dup.data_ptr<float>();
    const int64_t n = d.size(1);
    ops.pool.parallel_for(d.size(0), 1, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * n;
      step(g + first, u + first, upstream + first, (end - begin) * n, dg + first, du + first);
    });
    return {dgate, dup, Tensor(), Tensor()};
  }
};

class Embedding : public torch::autograd::Function<Embedding> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& latent, const Tensor& tokens,
                        const OpContext* ops, int64_t rounded_address) {
    const auto* rounded = reinterpret_cast<const float*>(rounded_address);
    const int64_t m = tokens.size(0), n = latent.size(1);
    Tensor y = torch::empty({m, n});
    const auto* ids = tokens.data_ptr<int32_t>();
    float* out = y.data_ptr<float>();
    ops->pool.parallel_for(m, 1, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) std::copy_n(rounded + ids[t] * n, n, out + t * n);
    });
    ctx->save_for_backward({tokens});
    ctx->saved_data["rows"] = latent.size(0);
    save_ops(ctx, ops);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list dy) {
    const OpContext& ops = ops_of(ctx);
    const Tensor tokens = ctx->get_saved_variables()[0];
    const int64_t rows = ctx->saved_data["rows"].toInt();
    const Tensor d = dy[0].contiguous();
    const int64_t n = d.size(1);
    Tensor grad = torch::zeros({rows, n});
    const auto* ids = tokens.data_ptr<int32_t>();
    const float* upstream = d.data_ptr<float>();
    float* out = grad.data_ptr<float>();
    // By columns: every row is then summed in the order of the tokens, whatever the thread count.
    ops.pool.parallel_for(n, 16, [&](int64_t begin, int64_t end) {
      for (int64_t t = 0; t < tokens.size(0); ++t) {
        loops::add(upstream + t * n + begin, end - begin, out + ids[t] * n + begin);
      }
    });
    return {grad, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor rms_norm(const OpContext& ctx, const Tensor& x, const Tensor& weight, float eps) {
  return RmsNorm::apply(x, weight, &ctx, static_cast<double>(eps));
}

Tensor gated_activation(const OpContext& ctx, Activation activation, const Tensor& gate,
                        const Tensor& up) {
  if (activation != Activation::kRelu2 && activation != Activation::kSignedSquare) {
    throw Error(ErrorCode::kUnsupported, "activation: training knows relu2 and signed_square");
  }
  return GatedActivation::apply(gate, up, &ctx, activation == Activation::kSignedSquare);
}

Tensor embedding(const OpContext& ctx, const Tensor& tokens, const Tensor& latent,
                 const float* rounded) {
  return Embedding::apply(latent, tokens, &ctx, reinterpret_cast<int64_t>(rounded));
}

}  // namespace onebit
