#include "models/bitnet.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "ops/rows.h"

namespace onebit {
namespace {

constexpr std::array<std::pair<const char*, ActQuant>, 3> kActQuantNames = {
    {{"a8", ActQuant::kInt8}, {"a1", ActQuant::kSign}, {"f32", ActQuant::kF32}}};
constexpr std::array<std::pair<const char*, Activation>, 3> kActivationNames = {
    {{"relu2", Activation::kRelu2},
     {"signed_square", Activation::kSignedSquare},
     {"silu", Activation::kSilu}}};

template <typename Table>
auto value_of(const Table& table, const std::string& key, const std::string& name) {
  std::string known;
  for (const auto& [text, value] : table) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  throw Error(ErrorCode::kUnsupported,
              key + ": expected one of " + known + ", found " + quote(name));
}

template <typename Table, typename Value>
std::string name_of(const Table& table, Value value) {
  for (const auto& [text, v] : table) {
    if (v == value) return text;
  }
  return {};
}

struct Layer {
  std::vector<float> attn_norm;      // [hidden]
  Linear wq, wk, wv;                 // [q_size | kv_size | kv_size, hidden]
  std::vector<float> attn_sub_norm;  // [q_size]
  Linear wo;                         // [hidden, q_size]
  std::vector<float> ffn_norm;       // [hidden]
  Linear w_gate, w_up;               // [intermediate, hidden]
  std::vector<float> ffn_sub_norm;   // [intermediate]
  Linear w_down;                     // [hidden, intermediate]
};

class BitNet final : public Model {
 public:
  BitNet(const ModelConfig& config, WeightSource& weights, int64_t context);
  int64_t bytes_per_token() const override;
  void forward(const OpContext& ctx, std::span<const int32_t> tokens, const KvView& kv,
               Workspace& ws, bool all_logits, float* logits) const override;

 private:
  const Linear& head() const { return config_.tie_embeddings ? tok_embd_ : lm_head_; }

  Linear tok_embd_;  // [vocab, hidden]
  std::vector<Layer> layers_;
  std::vector<float> out_norm_;  // [hidden]
  Linear lm_head_;               // [vocab, hidden], empty when tied
};

BitNet::BitNet(const ModelConfig& config, WeightSource& weights, int64_t context)
    : Model(config, context) {
  const auto& c = config_;
  const ActQuant quant = c.act_quant;
  tok_embd_ = weights.float_matrix("token_embd.weight", c.vocab_size, c.hidden_size);
  layers_.reserve(static_cast<std::size_t>(c.n_layers));
  for (int64_t l = 0; l < c.n_layers; ++l) {
    const std::string blk = "blk." + std::to_string(l) + ".";
    Layer& w = layers_.emplace_back();
    w.attn_norm = weights.vector(blk + "attn_norm.weight", c.hidden_size);
    w.wq = weights.matrix(blk + "attn_q.weight", c.q_size(), c.hidden_size, quant);
    w.wk = weights.matrix(blk + "attn_k.weight", c.kv_size(), c.hidden_size, quant);
    w.wv = weights.matrix(blk + "attn_v.weight", c.kv_size(), c.hidden_size, quant);
    w.attn_sub_norm = weights.vector(blk + "attn_sub_norm.weight", c.q_size());
    w.wo = weights.matrix(blk + "attn_output.weight", c.hidden_size, c.q_size(), quant);
    w.ffn_norm = weights.vector(blk + "ffn_norm.weight", c.hidden_size);
    w.w_gate = weights.matrix(blk + "ffn_gate.weight", c.intermediate_size, c.hidden_size, quant);
    w.w_up = weights.matrix(blk + "ffn_up.weight", c.intermediate_size, c.hidden_size, quant);
    w.ffn_sub_norm = weights.vector(blk + "ffn_sub_norm.weight", c.intermediate_size);
    w.w_down = weights.matrix(blk + "ffn_down.weight", c.hidden_size, c.intermediate_size, quant);
  }
  out_norm_ = weights.vector("output_norm.weight", c.hidden_size);
  config_.tie_embeddings = !weights.has("output.weight");
  if (!config_.tie_embeddings) {
    lm_head_ = weights.float_matrix("output.weight", c.vocab_size, c.hidden_size);
  }
}

int64_t BitNet::bytes_per_token() const {
  int64_t bytes = head().bytes();
  for (const Layer& w : layers_) {
    for (const Linear* m : {&w.wq, &w.wk, &w.wv, &w.wo, &w.w_gate, &w.w_up, &w.w_down}) {
      bytes += m->bytes();
    }
  }
  return bytes;
}

void BitNet::forward(const OpContext& ctx, std::span<const int32_t> tokens, const KvView& kv,
                     Workspace& ws, bool all_logits, float* logits) const {
  const auto& c = config_;
  const auto M = static_cast<int64_t>(tokens.size());
  const int64_t p0 = kv.length;
  ONEBIT_CHECK(M >= 1 && M <= ws.max_tokens && p0 + M <= kv.capacity);
  const AttentionShape heads{c.n_heads, c.n_kv_heads, c.head_dim};
  float* x = ws.x.data();        // [M, hidden], the residual stream
  float* h = ws.h.data();        // [M, hidden]
  float* q = ws.q.data();        // [M, q_size]
  float* att = ws.att.data();    // [M, q_size]
  float* gate = ws.gate.data();  // [M, intermediate]
  float* up = ws.up.data();      // [M, intermediate]

  for (int64_t m = 0; m < M; ++m) {
    tok_embd_.row_to_float(tokens[static_cast<std::size_t>(m)], x + m * c.hidden_size);
  }
  for (int64_t l = 0; l < c.n_layers; ++l) {
    const Layer& w = layers_[static_cast<std::size_t>(l)];
    const KvLayer cache = kv.layer(l);
    float* k = cache.k + p0 * cache.row;  // [M, kv_size], straight into the cache
    float* v = cache.v + p0 * cache.row;

    // Attention
    rms_norm_rows(ctx, x, w.attn_norm.data(), c.rms_norm_eps, M, c.hidden_size, h);
    ws.acts.set(ctx, h, M, c.hidden_size, c.act_quant);
    w.wq.forward(ctx, ws.acts, q);
    w.wk.forward(ctx, ws.acts, k);
    w.wv.forward(ctx, ws.acts, v);
    rope_rows(ctx, rope_, p0, M, c.n_heads, q);
    rope_rows(ctx, rope_, p0, M, c.n_kv_heads, k);
    attention_rows(ctx, heads, q, cache, p0, M, att);
    rms_norm_rows(ctx, att, w.attn_sub_norm.data(), c.rms_norm_eps, M, c.q_size(), att);
    ws.acts.set(ctx, att, M, c.q_size(), c.act_quant);
    w.wo.forward(ctx, ws.acts, h);
    add_rows(ctx, x, h, M * c.hidden_size);

    // Feed-forward
    rms_norm_rows(ctx, x, w.ffn_norm.data(), c.rms_norm_eps, M, c.hidden_size, h);
    ws.acts.set(ctx, h, M, c.hidden_size, c.act_quant);
    w.w_gate.forward(ctx, ws.acts, gate);
    w.w_up.forward(ctx, ws.acts, up);
    gated_rows(ctx, c.activation, gate, up, M * c.intermediate_size, gate);
    rms_norm_rows(ctx, gate, w.ffn_sub_norm.data(), c.rms_norm_eps, M, c.intermediate_size, gate);
    ws.acts.set(ctx, gate, M, c.intermediate_size, c.act_quant);
    w.w_down.forward(ctx, ws.acts, h);
    add_rows(ctx, x, h, M * c.hidden_size);
  }

  // Head: all tokens, or only the last
  const int64_t first = all_logits ? 0 : M - 1;
  const int64_t n = M - first;
  rms_norm_rows(ctx, x + first * c.hidden_size, out_norm_.data(), c.rms_norm_eps, n, c.hidden_size,
                h);
  ws.acts.set(ctx, h, n, c.hidden_size, ActQuant::kF32);
  head().forward(ctx, ws.acts, logits);
}

}  // namespace

ModelConfig read_bitnet_config(const GgufMetadata& metadata) {
  ModelConfig c;
  c.architecture = metadata.get_string("general.architecture");
  c.name = metadata.get_string_or("general.name", "");
  const std::string a = c.architecture + ".";
  c.hidden_size = metadata.get_int(a + "embedding_length");
  c.intermediate_size = metadata.get_int(a + "feed_forward_length");
  c.n_layers = metadata.get_int(a + "block_count");
  c.n_heads = metadata.get_int(a + "attention.head_count");
  c.n_kv_heads = metadata.get_int_or(a + "attention.head_count_kv", c.n_heads);
  const int64_t default_dim = c.n_heads > 0 ? c.hidden_size / c.n_heads : 0;
  c.head_dim = metadata.get_int_or(a + "attention.key_length", default_dim);
  c.max_seq_len = metadata.get_int(a + "context_length");
  c.rope_theta = metadata.get_float_or(a + "rope.freq_base", 10000.0f);
  c.rms_norm_eps = metadata.get_float(a + "attention.layer_norm_rms_epsilon");
  const std::string activation_key = a + "hidden_activation";
  c.activation =
      value_of(kActivationNames, activation_key, metadata.get_string_or(activation_key, "relu2"));
  c.act_quant = value_of(kActQuantNames, kActQuantKey, metadata.get_string_or(kActQuantKey, "a8"));
  const int64_t rotated = metadata.get_int_or(a + "rope.dimension_count", c.head_dim);
  if (rotated != c.head_dim) {
    throw Error(ErrorCode::kUnsupported, a + "rope.dimension_count: expected head_dim " +
                                             std::to_string(c.head_dim) + ", found " +
                                             std::to_string(rotated));
  }
  const int64_t value_dim = metadata.get_int_or(a + "attention.value_length", c.head_dim);
  if (value_dim != c.head_dim) {
    throw Error(ErrorCode::kUnsupported, a + "attention.value_length: expected head_dim " +
                                             std::to_string(c.head_dim) + ", found " +
                                             std::to_string(value_dim));
  }
  return c;
}

void write_bitnet_config(const ModelConfig& c, GgufMetadata& metadata) {
  const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
  const std::string a = c.architecture + ".";
  metadata.set("general.architecture", c.architecture);
  metadata.set("general.name", c.name);
  metadata.set(a + "vocab_size", u32(c.vocab_size));
  metadata.set(a + "context_length", u32(c.max_seq_len));
  metadata.set(a + "embedding_length", u32(c.hidden_size));
  metadata.set(a + "block_count", u32(c.n_layers));
  metadata.set(a + "feed_forward_length", u32(c.intermediate_size));
  metadata.set(a + "attention.head_count", u32(c.n_heads));
  metadata.set(a + "attention.head_count_kv", u32(c.n_kv_heads));
  metadata.set(a + "attention.key_length", u32(c.head_dim));
  metadata.set(a + "attention.value_length", u32(c.head_dim));
  metadata.set(a + "attention.layer_norm_rms_epsilon", c.rms_norm_eps);
  metadata.set(a + "rope.dimension_count", u32(c.head_dim));
  metadata.set(a + "rope.freq_base", c.rope_theta);
  metadata.set(a + "hidden_activation", name_of(kActivationNames, c.activation));
  metadata.set(kActQuantKey, name_of(kActQuantNames, c.act_quant));
}

std::unique_ptr<Model> make_bitnet(const ModelConfig& config, WeightSource& weights,
                                   int64_t context) {
  return std::make_unique<BitNet>(config, weights, context);
}

}  // namespace onebit
