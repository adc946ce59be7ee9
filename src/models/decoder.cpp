#include "models/decoder.h"

#include <algorithm>

#include "ops/rows.h"

namespace onebit {
namespace {

// A linear layer; with projection_norms it has an RMSNorm of its input of its own.
struct Projection {
  Linear w;                 // [out, in]
  std::vector<float> norm;  // [in], or empty
};

struct Layer {
  std::vector<float> attn_norm;       // [hidden]
  Projection wq, wk, wv;              // [q_size | kv_size | kv_size, hidden]
  std::vector<float> q_norm, k_norm;  // [head_dim], qk_norms
  std::vector<float> attn_sub_norm;   // [q_size], sub_norms
  Projection wo;                      // [hidden, q_size]
  std::vector<float> attn_post_norm;  // [hidden], post_norms
  std::vector<float> ffn_norm;        // [hidden]
  Projection w_gate, w_up;            // [intermediate, hidden]
  std::vector<float> ffn_sub_norm;    // [intermediate], sub_norms
  Projection w_down;                  // [hidden, intermediate]
  std::vector<float> ffn_post_norm;   // [hidden], post_norms

  auto projections() const { return std::array{&wq, &wk, &wv, &wo, &w_gate, &w_up, &w_down}; }
};

class Decoder final : public Model {
 public:
  Decoder(const ModelConfig& config, WeightSource& weights, int64_t context);
  int64_t bytes_per_token() const override;
  std::vector<std::span<const uint8_t>> weights() const override;
  void forward(const OpContext& ctx, std::span<const int32_t> tokens,
               std::span<const Segment> segments, Workspace& ws, Output output,
               float* out) const override;

 private:
  void attention(const OpContext& ctx, int64_t layer, std::span<const Segment> segments,
                 int64_t n_tokens, Workspace& ws) const;
  void feed_forward(const OpContext& ctx, int64_t layer, int64_t n_tokens, Workspace& ws) const;
  // What enters projections: `x` [M, in], through an RMSNorm of `norm` [in] if there is one, then
  // perhaps written to `normed` [M, in], which may be x.
  struct Input {
    const float* x;
    const float* norm;
    float* normed;
  };
  struct Target {
    const Projection& projection;
    float* y;  // [M, out]
  };
  // Each projection of the input leaves in the buffer beside it.
  void project(const OpContext& ctx, const Input& input, int64_t n_tokens,
               std::initializer_list<Target> targets, Workspace& ws) const;
  // Quantises the input; `packed`: who reads it does not want the floats.
  void set_acts(const OpContext& ctx, const Input& input, int64_t n_tokens, int64_t n, bool packed,
                Workspace& ws) const;
  const Linear& head() const { return config_.tie_embeddings ? tok_embd_ : lm_head_; }

  RopeTable local_rope_;  // of the layers with a sliding window
  Linear tok_embd_;       // [vocab, hidden]
  std::vector<Layer> layers_;
  std::vector<float> out_norm_;  // [hidden]
  Linear lm_head_;               // [vocab, hidden], empty when tied
};

RopeTable make_rope(const ModelConfig& c, WeightSource& weights, int64_t context) {
  std::vector<float> divisors;
  if (weights.has("rope_freqs.weight")) {
    divisors = weights.vector("rope_freqs.weight", c.head_dim / 2);
  }
  return RopeTable(context, c.head_dim, c.rope_theta, {c.rope_scale, divisors});
}

Decoder::Decoder(const ModelConfig& config, WeightSource& weights, int64_t context)
    : Model(config, make_rope(config, weights, context)) {
  const auto& c = config_;
  if (c.sliding_period > 0) local_rope_ = RopeTable(context, c.head_dim, c.rope_theta_local);
  config_.tie_embeddings = !weights.has("output.weight");
  // A table that is only looked up stays as it is; one that is also the head is packed like one.
  tok_embd_ = c.tie_embeddings
                  ? weights.head("token_embd.weight", c.vocab_size, c.hidden_size, c.act_quant)
                  : weights.table("token_embd.weight", c.vocab_size, c.hidden_size);
  if (!c.tie_embeddings) {
    lm_head_ = weights.head("output.weight", c.vocab_size, c.hidden_size, c.act_quant);
  }
  out_norm_ = weights.vector("output_norm.weight", c.hidden_size);

  layers_.reserve(static_cast<std::size_t>(c.n_layers));
  for (int64_t l = 0; l < c.n_layers; ++l) {
    const std::string blk = "blk." + std::to_string(l) + ".";
    const auto norm = [&](const char* name, int64_t n) {
      return weights.vector(blk + name + ".weight", n);
    };
    const auto projection = [&](const char* name, int64_t rows, int64_t cols) {
      Projection p;
      p.w = weights.matrix(blk + name + ".weight", rows, cols, c.act_quant);
      if (c.projection_norms) p.norm = norm((std::string(name) + "_norm_in").c_str(), cols);
      return p;
    };
    Layer& w = layers_.emplace_back();
    w.attn_norm = norm("attn_norm", c.hidden_size);
    w.wq = projection("attn_q", c.q_size(), c.hidden_size);
    w.wk = projection("attn_k", c.kv_size(), c.hidden_size);
    w.wv = projection("attn_v", c.kv_size(), c.hidden_size);
    if (c.qk_norms) w.q_norm = norm("attn_q_norm", c.head_dim);
    if (c.qk_norms) w.k_norm = norm("attn_k_norm", c.head_dim);
    if (c.sub_norms) w.attn_sub_norm = norm("attn_sub_norm", c.q_size());
    w.wo = projection("attn_output", c.hidden_size, c.q_size());
    if (c.post_norms) w.attn_post_norm = norm("post_attention_norm", c.hidden_size);
    w.ffn_norm = norm("ffn_norm", c.hidden_size);
    w.w_gate = projection("ffn_gate", c.intermediate_size, c.hidden_size);
    w.w_up = projection("ffn_up", c.intermediate_size, c.hidden_size);
    if (c.sub_norms) w.ffn_sub_norm = norm("ffn_sub_norm", c.intermediate_size);
    w.w_down = projection("ffn_down", c.hidden_size, c.intermediate_size);
    if (c.post_norms) w.ffn_post_norm = norm("post_ffw_norm", c.hidden_size);
  }
}

int64_t Decoder::bytes_per_token() const {
  int64_t bytes = head().bytes();
  for (const Layer& layer : layers_) {
    for (const Projection* p : layer.projections()) bytes += p->w.bytes();
  }
  return bytes;
}

std::vector<std::span<const uint8_t>> Decoder::weights() const {
  std::vector<std::span<const uint8_t>> spans;
  for (const Layer& layer : layers_) {
    for (const Projection* p : layer.projections()) spans.push_back(p->w.stored());
  }
  spans.push_back(head().stored());
  return spans;
}

void Decoder::set_acts(const OpContext& ctx, const Input& input, int64_t n_tokens, int64_t n,
                       bool packed, Workspace& ws) const {
  if (input.norm == nullptr) return ws.acts.set(ctx, input.x, n_tokens, n, config_.act_quant);
  ws.acts.set_normed(ctx, input.x, input.norm, config_.rms_norm_eps, n_tokens, n, config_.act_quant,
                     packed ? nullptr : input.normed);
}

void Decoder::project(const OpContext& ctx, const Input& input, int64_t n_tokens,
                      std::initializer_list<Target> targets, Workspace& ws) const {
  const int64_t n = targets.begin()->projection.w.n_cols();
  if (!config_.projection_norms) {
    std::array<LinearTarget, 3> matrices;
    ONEBIT_CHECK(targets.size() <= matrices.size());
    auto* end = matrices.data();
    bool packed = true;
    for (const auto& [projection, y] : targets) {
      *end++ = {&projection.w, y};
      packed = packed && projection.w.is_packed();
    }
    set_acts(ctx, input, n_tokens, n, packed, ws);
    forward_all(ctx, ws.acts, {matrices.data(), end});
    return;
  }
  const float* h = input.x;
  if (input.norm != nullptr) {
    rms_norm_rows(ctx, h, input.norm, config_.rms_norm_eps, n_tokens, n, input.normed);
    h = input.normed;
  }
  for (const auto& [projection, y] : targets) {
    const bool packed = projection.w.is_packed();
    ws.acts.set_normed(ctx, h, projection.norm.data(), config_.projection_norm_eps, n_tokens, n,
                       config_.act_quant, packed ? nullptr : ws.normed.data());
    projection.w.forward(ctx, ws.acts, y);
  }
}

void Decoder::attention(const OpContext& ctx, int64_t layer, std::span<const Segment> segments,
                        int64_t M, Workspace& ws) const {
  const auto& c = config_;
  const Layer& w = layers_[static_cast<std::size_t>(layer)];
  const bool local = c.is_local(layer);
  const RopeTable& rope = local ? local_rope_ : rope_;
  const std::span positions = std::span(ws.positions).first(static_cast<std::size_t>(M));
  float* x = ws.x.data();      // [M, hidden], the residual stream
  float* h = ws.h.data();      // [M, hidden]
  float* q = ws.q.data();      // [M, q_size]
  float* k = ws.k.data();      // [M, kv_size]
  float* v = ws.v.data();      // [M, kv_size]
  float* att = ws.att.data();  // [M, q_size]

  project(ctx, {x, w.attn_norm.data(), h}, M, {{w.wq, q}, {w.wk, k}, {w.wv, v}}, ws);
  if (c.qk_norms) {
    rms_norm_rows(ctx, q, w.q_norm.data(), c.rms_norm_eps, M * c.n_heads, c.head_dim, q);
    rms_norm_rows(ctx, k, w.k_norm.data(), c.rms_norm_eps, M * c.n_kv_heads, c.head_dim, k);
  }
  rope_rows(ctx, rope, positions, c.n_heads, q);
  rope_rows(ctx, rope, positions, c.n_kv_heads, k);
  store_kv(ctx, layer, segments, k, v);
  const AttentionShape shape{.n_heads = c.n_heads,
                             .n_kv_heads = c.n_kv_heads,
                             .head_dim = c.head_dim,
                             .scale = c.attention_scale,
                             .window = local ? c.sliding_window : 0};
  attention_rows(ctx, shape, layer, segments, q, ws.attention, att);
  project(ctx, {att, c.sub_norms ? w.attn_sub_norm.data() : nullptr, att}, M, {{w.wo, h}}, ws);
  if (c.post_norms) {
    rms_norm_rows(ctx, h, w.attn_post_norm.data(), c.rms_norm_eps, M, c.hidden_size, h);
  }
  add_rows(ctx, x, h, M * c.hidden_size);
}

void Decoder::feed_forward(const OpContext& ctx, int64_t layer, int64_t M, Workspace& ws) const {
  const auto& c = config_;
  const Layer& w = layers_[static_cast<std::size_t>(layer)];
  float* x = ws.x.data();        // [M, hidden], the residual stream
  float* h = ws.h.data();        // [M, hidden]
  float* gate = ws.gate.data();  // [M, intermediate]
  float* up = ws.up.data();      // [M, intermediate]

  const Input normed = {x, w.ffn_norm.data(), h};
  if (c.projection_norms) {
    project(ctx, normed, M, {{w.w_gate, gate}, {w.w_up, up}}, ws);
    gated_rows(ctx, c.activation, gate, up, M * c.intermediate_size, gate);
  } else {
    const bool packed = w.w_gate.w.is_packed() && w.w_up.w.is_packed();
    set_acts(ctx, normed, M, c.hidden_size, packed, ws);
    forward_gated(ctx, ws.acts, w.w_gate.w, w.w_up.w, c.activation, gate);
  }
  project(ctx, {gate, c.sub_norms ? w.ffn_sub_norm.data() : nullptr, gate}, M, {{w.w_down, h}}, ws);
  if (c.post_norms) {
    rms_norm_rows(ctx, h, w.ffn_post_norm.data(), c.rms_norm_eps, M, c.hidden_size, h);
  }
  add_rows(ctx, x, h, M * c.hidden_size);
}

void Decoder::forward(const OpContext& ctx, std::span<const int32_t> tokens,
                      std::span<const Segment> segments, Workspace& ws, Output output,
                      float* out) const {
  const auto& c = config_;
  const auto M = static_cast<int64_t>(tokens.size());
  ONEBIT_CHECK(M >= 1 && M <= ws.max_tokens);
  float* x = ws.x.data();  // [M, hidden], the residual stream
  float* h = ws.h.data();  // [M, hidden]

  int64_t* position = ws.positions.data();  // [M]
  for (const Segment& s : segments) {
    ONEBIT_CHECK(s.n_tokens <= ws.positions.data() + M - position);
    for (int64_t i = 0; i < s.n_tokens; ++i) *position++ = s.kv->length() + i;
  }
  ONEBIT_CHECK(position == ws.positions.data() + M);
  for (int64_t m = 0; m < M; ++m) {
    tok_embd_.row_to_float(tokens[static_cast<std::size_t>(m)], x + m * c.hidden_size);
  }
  if (c.embedding_scale != 1) scale_rows(ctx, x, c.embedding_scale, M * c.hidden_size);
  for (int64_t l = 0; l < c.n_layers; ++l) {
    attention(ctx, l, segments, M, ws);
    feed_forward(ctx, l, M, ws);
  }

  int64_t n = M;  // tokens that are asked for
  if (output == Output::kLastLogits) {
    n = 0;
    int64_t end = 0;
    for (const Segment& s : segments) {
      end += s.n_tokens;
      if (!s.wants_logits) continue;
      std::copy_n(x + (end - 1) * c.hidden_size, c.hidden_size, h + n++ * c.hidden_size);
    }
    x = h;
  }
  float* normed = output == Output::kHidden ? out : h;
  rms_norm_rows(ctx, x, out_norm_.data(), c.rms_norm_eps, n, c.hidden_size, normed);
  if (output == Output::kHidden || n == 0) return;
  ws.acts.set(ctx, h, n, c.hidden_size, head().act_quant());
  head().forward(ctx, ws.acts, out);
}

}  // namespace

std::unique_ptr<Model> make_decoder(const ModelConfig& config, WeightSource& weights,
                                    int64_t context) {
  return std::make_unique<Decoder>(config, weights, context);
}

}  // namespace onebit
