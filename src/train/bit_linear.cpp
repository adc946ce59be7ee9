#include <memory>

#include "train/functions.h"
#include "train/gemm.h"
#include "train/loops.h"

namespace onebit {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The quantised input, kept for the backward pass: a quarter of the f32 one.
struct SavedInput : torch::CustomClassHolder {
  SavedInput(int64_t tokens, int64_t cols) : acts(tokens, cols) {}
  Activations acts;
};

// The activations as the kernels saw them: scale * code.
Tensor dequantize(const OpContext& ctx, const Activations& acts) {
  Tensor out = torch::empty({acts.n_tokens(), acts.cols()});
  float* data = out.data_ptr<float>();
  ctx.pool.parallel_for(acts.n_tokens(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {
      float* row = data + m * acts.cols();
      if (acts.quant() == ActQuant::kInt8) {
        loops::dequantize_i8(reinterpret_cast<const int8_t*>(acts.row(m)), acts.scale(m),
                             acts.cols(), row);
      } else {
        loops::dequantize_bits(acts.row(m), acts.scale(m), acts.cols(), row);
      }
    }
  });
  return out;
}

class BitLinear : public torch::autograd::Function<BitLinear> {
 public:
  static variable_list forward(AutogradContext* ctx, const Tensor& x, at::TensorList latents,
                               const OpContext* ops, const LinearGroup* group) {
    const int64_t m = x.size(0), k = x.size(1);
    const ActQuant quant = group->spec->activations;
    variable_list outputs;
    for (const Tensor& latent : latents) outputs.push_back(torch::empty({m, latent.size(0)}));
    variable_list saved;
    if (quant == ActQuant::kF32) {
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        gemm(ops->pool, Transpose::kNo, Transpose::kYes, m, latents[i].size(0), k,
             x.data_ptr<float>(), latents[i].data_ptr<float>(), 0, outputs[i].data_ptr<float>());
      }
      saved.push_back(x);
      for (const Tensor& latent : latents) saved.push_back(latent);
    } else {
      auto input = c10::make_intrusive<SavedInput>(m, k);
      input->acts.set(*ops, x.data_ptr<float>(), m, k, quant);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        group->weights[i]->linear().forward(*ops, input->acts, outputs[i].data_ptr<float>());
      }
      ctx->saved_data["input"] = c10::IValue::make_capsule(std::move(input));
      if (quant == ActQuant::kSign) saved.push_back(x);  // where to clip
    }
    ctx->save_for_backward(std::move(saved));
    ctx->saved_data["ops"] = reinterpret_cast<int64_t>(ops);
    ctx->saved_data["group"] = reinterpret_cast<int64_t>(group);
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, variable_list dy) {
    const auto& ops = *reinterpret_cast<const OpContext*>(ctx->saved_data["ops"].toInt());
    const auto& group = *reinterpret_cast<const LinearGroup*>(ctx->saved_data["group"].toInt());
    const ActQuant quant = group.spec->activations;
    const variable_list saved = ctx->get_saved_variables();

    c10::intrusive_ptr<torch::CustomClassHolder> capsule;
    const Activations* acts = nullptr;
    Tensor x;  // [M, K] as the forward pass multiplied it
    if (quant == ActQuant::kF32) {
      x = saved[0];
    } else {
      capsule = ctx->saved_data["input"].toCapsule();
      acts = &static_cast<const SavedInput&>(*capsule).acts;
      x = dequantize(ops, *acts);
    }
    const int64_t m = x.size(0), k = x.size(1);

    Tensor dx = torch::empty({m, k});
    variable_list grads = {dx};
    for (std::size_t i = 0; i < dy.size(); ++i) {
      const int64_t n = dy[i].size(1);
      const Tensor d = dy[i].contiguous();
      const float* w =
          quant == ActQuant::kF32 ? saved[i + 1].data_ptr<float>() : group.weights[i]->values();
      gemm(ops.pool, Transpose::kNo, Transpose::kNo, m, k, n, d.data_ptr<float>(), w,
           i == 0 ? 0.0f : 1.0f, dx.data_ptr<float>());
      Tensor dw = torch::empty({n, k});
      gemm(ops.pool, Transpose::kYes, Transpose::kNo, n, k, m, d.data_ptr<float>(),
           x.data_ptr<float>(), 0, dw.data_ptr<float>());
      grads.push_back(dw);
    }
    if (quant == ActQuant::kSign) {
      const float* input = saved[0].data_ptr<float>();
      ops.pool.parallel_for(m, 1, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          loops::clip_gradient(input + t * k, acts->scale(t) * group.spec->sign_clip, k,
                               dx.data_ptr<float>() + t * k);
        }
      });
    }
    grads.resize(grads.size() + 2);  // the two pointers
    return grads;
  }
};

}  // namespace

std::vector<Tensor> bit_linear(const OpContext& ctx, const LinearGroup& group, const Tensor& x,
                               const std::vector<Tensor>& latents) {
  return BitLinear::apply(x, at::TensorList(latents), &ctx, &group);
}

}  // namespace onebit
