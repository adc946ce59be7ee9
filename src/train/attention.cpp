#include <cmath>
#include <deque>
#include <vector>

#include "base/half.h"
#include "ops/attention.h"
#include "ops/rows.h"
#include "train/functions.h"
#include "train/gemm.h"
#include "train/loops.h"

namespace onebit {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What both passes need beside the tensors; kept in the graph.
struct AttentionInfo : torch::CustomClassHolder {
  const OpContext* ops = nullptr;
  const RopeTable* table = nullptr;
  AttentionShape shape{};
  KvType kv{};
  int64_t seq_len = 0;
  std::vector<int64_t> positions;  // [M], within each sequence
};

// Turns the heads of each sequence.
Tensor rotated(const AttentionInfo& info, const Tensor& x, int64_t n_heads) {
  Tensor y = x.clone();
  rope_rows(*info.ops, *info.table, info.positions, n_heads, y.data_ptr<float>());
  return y;
}

// As the engine keeps keys and values. The gradient passes straight through.
Tensor as_kept(KvType type, const Tensor& x) {
  if (type == KvType::kF32) return x;
  TORCH_CHECK(type == KvType::kF16);
  Tensor y = torch::empty_like(x);
  const float* from = x.data_ptr<float>();
  float* to = y.data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); ++i) to[i] = f16_to_f32(f32_to_f16(from[i]));
  return y;
}

// The transpose of the rotation.
void rotate_back(const AttentionInfo& info, float* x, int64_t m, int64_t n_heads) {
  const int64_t half = info.table->half();
  info.ops->pool.parallel_for(m, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> minus_sine(static_cast<std::size_t>(half));
    for (int64_t t = begin; t < end; ++t) {
      const int64_t position = t % info.seq_len;
      const float* sine = info.table->sine(position);
      for (int64_t i = 0; i < half; ++i) minus_sine[static_cast<std::size_t>(i)] = -sine[i];
      for (int64_t h = 0; h < n_heads; ++h) {
        info.ops->f().rope(x + (t * n_heads + h) * 2 * half, info.table->cosine(position),
                           minus_sine.data(), half);
      }
    }
  });
}

// Gradients of one key/value head of one sequence of T tokens and of the query heads that read it.
// All pointers are to the head's first value of the sequence's first token.
struct HeadGradients {
  const FloatOps& f;
  int64_t seq_len, head_dim, q_row, kv_row;
  std::vector<float> p, dp;  // [T, T]

  HeadGradients(const FloatOps& ops, int64_t t, int64_t hd, int64_t q_stride, int64_t kv_stride)
      : f(ops),
        seq_len(t),
        head_dim(hd),
        q_row(q_stride),
        kv_row(kv_stride),
        p(static_cast<std::size_t>(t * t)),
        dp(static_cast<std::size_t>(t * t)) {}

  void add(const float* q, const float* k, const float* v, const float* dout, float beta, float* dq,
           float* dk, float* dv) {
    const int64_t t = seq_len, hd = head_dim;
    const float scale = 1.0f / std::sqrt(static_cast<float>(hd));
    gemm_serial(Transpose::kNo, Transpose::kYes, t, t, hd, scale, q, q_row, k, kv_row, 0, p.data(),
                t);
    gemm_serial(Transpose::kNo, Transpose::kYes, t, t, hd, 1, dout, q_row, v, kv_row, 0, dp.data(),
                t);
    for (int64_t i = 0; i < t; ++i) {
      float* p_row = p.data() + i * t;
      f.softmax(p_row, i + 1);
      std::fill(p_row + i + 1, p_row + t, 0.0f);
    }
    gemm_serial(Transpose::kYes, Transpose::kNo, t, hd, t, 1, p.data(), t, dout, q_row, beta, dv,
                kv_row);
    for (int64_t i = 0; i < t; ++i) {
      float* row = dp.data() + i * t;
      loops::softmax_backward(p.data() + i * t, scale, i + 1, row);
      std::fill(row + i + 1, row + t, 0.0f);
    }
    gemm_serial(Transpose::kNo, Transpose::kNo, t, hd, t, 1, dp.data(), t, k, kv_row, 0, dq, q_row);
    gemm_serial(Transpose::kYes, Transpose::kNo, t, hd, t, 1, dp.data(), t, q, q_row, beta, dk,
                kv_row);
  }
};

class RopeAttention : public torch::autograd::Function<RopeAttention> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& q_in, const Tensor& k_in,
                        const Tensor& v, c10::intrusive_ptr<AttentionInfo> info) {
    const AttentionShape& shape = info->shape;
    const Tensor q = rotated(*info, q_in, shape.n_heads);
    const Tensor k = rotated(*info, k_in, shape.n_kv_heads);
    Tensor out = torch::empty_like(q);
    const int64_t n_sequences = q.size(0) / info->seq_len;
    KvPool pool({1, shape.n_kv_heads, shape.head_dim, info->kv});
    std::deque<KvCache> caches;
    std::vector<Segment> segments;
    for (int64_t i = 0; i < n_sequences; ++i) {
      caches.emplace_back(pool).reserve(info->seq_len);
      segments.push_back({&caches.back(), info->seq_len});
    }
    store_kv(*info->ops, 0, segments, k.data_ptr<float>(), v.data_ptr<float>());
    AttentionScratch scratch;
    attention_rows(*info->ops, shape, 0, segments, q.data_ptr<float>(), scratch,
                   out.data_ptr<float>());
    ctx->save_for_backward({q, as_kept(info->kv, k), as_kept(info->kv, v)});
    ctx->saved_data["info"] = c10::IValue::make_capsule(info);
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list dy) {
    const auto capsule = ctx->saved_data["info"].toCapsule();
    const auto& info = static_cast<const AttentionInfo&>(*capsule);
    const variable_list saved = ctx->get_saved_variables();
    const Tensor d = dy[0].contiguous();
    Tensor dq = torch::empty_like(saved[0]), dk = torch::empty_like(saved[1]),
           dv = torch::empty_like(saved[2]);
    const float *q = saved[0].data_ptr<float>(), *k = saved[1].data_ptr<float>(),
                *v = saved[2].data_ptr<float>(), *dout = d.data_ptr<float>();
    float *q_grad = dq.data_ptr<float>(), *k_grad = dk.data_ptr<float>(),
          *v_grad = dv.data_ptr<float>();
    const int64_t hd = info.shape.head_dim, t = info.seq_len, kv_heads = info.shape.n_kv_heads;
    const int64_t per_kv = info.shape.n_heads / kv_heads;
    const int64_t q_row = info.shape.n_heads * hd, kv_row = kv_heads * hd;
    const int64_t m = saved[0].size(0);
    info.ops->pool.parallel_for(m / t * kv_heads, 1, [&](int64_t begin, int64_t end) {
      HeadGradients head(info.ops->f(), t, hd, q_row, kv_row);
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t sequence = unit / kv_heads, kv_head = unit % kv_heads;
        const int64_t kv_at = sequence * t * kv_row + kv_head * hd;
        for (int64_t h = kv_head * per_kv; h < (kv_head + 1) * per_kv; ++h) {
          const int64_t at = sequence * t * q_row + h * hd;
          head.add(q + at, k + kv_at, v + kv_at, dout + at, h == kv_head * per_kv ? 0.0f : 1.0f,
                   q_grad + at, k_grad + kv_at, v_grad + kv_at);
        }
      }
    });
    rotate_back(info, q_grad, m, info.shape.n_heads);
    rotate_back(info, k_grad, m, kv_heads);
    return {dq, dk, dv, Tensor()};
  }
};

}  // namespace

Tensor rope_attention(const OpContext& ctx, const ModelConfig& config, const RopeTable& table,
                      int64_t seq_len, const Tensor& q, const Tensor& k, const Tensor& v) {
  auto info = c10::make_intrusive<AttentionInfo>();
  info->ops = &ctx;
  info->table = &table;
  info->shape = {config.n_heads, config.n_kv_heads, config.head_dim};
  info->kv = config.kv_type();
  info->seq_len = seq_len;
  for (int64_t i = 0; i < q.size(0); ++i) info->positions.push_back(i % seq_len);
  return RopeAttention::apply(q, k, v, info);
}

}  // namespace onebit
