#include "train/network.h"

#include <cmath>

#include "base/rng.h"

namespace onebit {

using torch::Tensor;

// Indices into parameters_, and the linear layers that share an input.
struct Network::Layer {
  std::size_t attn_norm, wq, wk, wv, attn_sub_norm, wo;
  std::size_t ffn_norm, w_gate, w_up, ffn_sub_norm, w_down;
  LinearGroup qkv, out, gate_up, down;
};

Network::Network(const ModelConfig& config, const QuantSpec& spec, const Format& embedding_format,
                 const OpContext& ops, uint64_t seed)
    : config_(config), spec_(spec), embedding_format_(embedding_format), ops_(ops), seed_(seed) {
  check_config(config, "model config");
  rope_ = RopeTable(config.max_seq_len, config.head_dim, config.rope_theta);
  const int64_t d = config.hidden_size, ff = config.intermediate_size;
  const int64_t q = config.q_size(), kv = config.kv_size();
  constexpr double kStddev = 0.02;
  const double residual = kStddev / std::sqrt(2.0 * static_cast<double>(config.n_layers));

  // A logit is a sum of d products with a normalised vector: its variance must stay small for the
  // first loss to be near ln(vocab_size), however wide the model.
  const double embedding = std::min(kStddev, 0.32 / std::sqrt(static_cast<double>(d)));

  tok_embd_ = add("token_embd.weight", {config.vocab_size, d}, embedding);
  for (int64_t i = 0; i < config.n_layers; ++i) {
    const std::string blk = "blk." + std::to_string(i) + ".";
    Layer& l = layers_.emplace_back();
    l.attn_norm = add(blk + "attn_norm.weight", {d}, 0);
    l.wq = add(blk + "attn_q.weight", {q, d}, kStddev);
    l.wk = add(blk + "attn_k.weight", {kv, d}, kStddev);
    l.wv = add(blk + "attn_v.weight", {kv, d}, kStddev);
    l.attn_sub_norm = add(blk + "attn_sub_norm.weight", {q}, 0);
    l.wo = add(blk + "attn_output.weight", {d, q}, residual);
    l.ffn_norm = add(blk + "ffn_norm.weight", {d}, 0);
    l.w_gate = add(blk + "ffn_gate.weight", {ff, d}, kStddev);
    l.w_up = add(blk + "ffn_up.weight", {ff, d}, kStddev);
    l.ffn_sub_norm = add(blk + "ffn_sub_norm.weight", {ff}, 0);
    l.w_down = add(blk + "ffn_down.weight", {d, ff}, residual);
  }
  out_norm_ = add("output_norm.weight", {d}, 0);
  lm_head_ =
      config.tie_embeddings ? tok_embd_ : add("output.weight", {config.vocab_size, d}, embedding);

  for (Layer& l : layers_) {
    const auto group = [&](std::initializer_list<std::size_t> members) {
      LinearGroup result{&spec_, {}};
      for (const std::size_t p : members) {
        if (quantized_[p] != nullptr) result.weights.push_back(quantized_[p].get());
      }
      return result;
    };
    l.qkv = group({l.wq, l.wk, l.wv});
    l.out = group({l.wo});
    l.gate_up = group({l.w_gate, l.w_up});
    l.down = group({l.w_down});
  }
  refresh();
}

Network::~Network() = default;

// A norm (shape [n], all ones) or a matrix [rows, cols].
std::size_t Network::add(std::string name, std::vector<int64_t> shape, double stddev) {
  const std::size_t index = parameters_.size();
  const bool matrix = shape.size() == 2;
  Parameter p;
  p.name = std::move(name);
  p.is_embedding = p.name == "token_embd.weight" || p.name == "output.weight";
  p.is_linear = matrix && !p.is_embedding;
  p.value = torch::ones(shape);
  if (matrix) {
    try {  // a shape that its format cannot hold is found now, not at the export
      (p.is_linear ? *spec_.format : embedding_format_).bytes(shape[0], shape[1]);
    } catch (const Error& error) {
      throw Error(ErrorCode::kInvalidArgument, p.name + ": " + error.what());
    }
    Rng rng(mix64(seed_) + index);
    float* data = p.value.data_ptr<float>();
    for (int64_t i = 0; i < p.value.numel(); ++i) {
      data[i] = static_cast<float>(stddev * rng.normal());
    }
  }
  p.value.set_requires_grad(true);
  const bool quantize = p.is_linear && spec_.weights != WeightClass::kFloat;
  quantized_.push_back(quantize ? std::make_unique<QuantizedWeights>(shape[0], shape[1]) : nullptr);
  rounded_.emplace_back(p.is_embedding ? p.value.numel() : 0);
  parameters_.push_back(std::move(p));
  return index;
}

void Network::refresh() {
  ops_.pool.parallel_for(static_cast<int64_t>(parameters_.size()), 1, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) {
      const auto p = static_cast<std::size_t>(i);
      if (quantized_[p]) quantized_[p]->refresh(value(p).data_ptr<float>(), spec_);
    }
  });
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    if (!parameters_[p].is_embedding) continue;
    // As the file will hold it: from_float, then to_float, row by row.
    const int64_t rows = value(p).size(0), cols = value(p).size(1);
    const int64_t row_bytes = embedding_format_.bytes(1, cols);
    const float* latent = value(p).data_ptr<float>();
    float* out = rounded_[p].data();
    ops_.pool.parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
      AlignedBuffer<uint8_t> bytes(row_bytes);
      for (int64_t r = begin; r < end; ++r) {
        embedding_format_.from_float(latent + r * cols, 1, cols, bytes.data());
        embedding_format_.to_float(bytes.data(), 1, cols, 0, out + r * cols);
      }
    });
  }
}

Tensor Network::hidden(const Tensor& tokens, int64_t seq_len) {
  const float eps = config_.rms_norm_eps;
  Tensor x = embedding(ops_, tokens, value(tok_embd_), rounded_[tok_embd_].data());  // [M, d]
  for (const Layer& l : layers_) {
    Tensor h = rms_norm(ops_, x, value(l.attn_norm), eps);
    const auto qkv = bit_linear(ops_, l.qkv, h, {value(l.wq), value(l.wk), value(l.wv)});
    Tensor a = rope_attention(ops_, config_, rope_, seq_len, qkv[0], qkv[1], qkv[2]);  // [M, q]
    a = rms_norm(ops_, a, value(l.attn_sub_norm), eps);
    x = x + bit_linear(ops_, l.out, a, {value(l.wo)})[0];

    h = rms_norm(ops_, x, value(l.ffn_norm), eps);
    const auto gate_up = bit_linear(ops_, l.gate_up, h, {value(l.w_gate), value(l.w_up)});
    Tensor f = gated_activation(ops_, config_.activation, gate_up[0], gate_up[1]);  // [M, ff]
    f = rms_norm(ops_, f, value(l.ffn_sub_norm), eps);
    x = x + bit_linear(ops_, l.down, f, {value(l.w_down)})[0];
  }
  return rms_norm(ops_, x, value(out_norm_), eps);
}

Tensor Network::loss(const Tensor& tokens, const Tensor& targets, int64_t seq_len) {
  return head_loss(ops_, hidden(tokens, seq_len), targets, value(lm_head_), rounded_head());
}

Tensor Network::logits(const Tensor& tokens, int64_t seq_len) {
  torch::NoGradGuard no_grad;
  const Tensor x = hidden(tokens, seq_len);
  AlignedBuffer<uint8_t> bytes(embedding_format_.bytes(config_.vocab_size, config_.hidden_size));
  embedding_format_.from_float(value(lm_head_).data_ptr<float>(), config_.vocab_size,
                               config_.hidden_size, bytes.data());
  const Linear head =
      Linear::rows(embedding_format_, bytes.data(), config_.vocab_size, config_.hidden_size);
  Activations acts(x.size(0), x.size(1));
  acts.set(ops_, x.data_ptr<float>(), x.size(0), x.size(1), ActQuant::kF32);
  Tensor logits = torch::empty({x.size(0), config_.vocab_size});
  head.forward(ops_, acts, logits.data_ptr<float>());
  return logits;
}

const float* Network::rounded_head() const {
  return rounded_[lm_head_].data();
}

const CodeMatrix* Network::codes(const Parameter& parameter) const {
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    if (&parameters_[p] == &parameter) return quantized_[p] ? &quantized_[p]->codes() : nullptr;
  }
  return nullptr;
}

double Network::zero_fraction() const {
  int64_t zeros = 0, total = 0;
  for (const auto& q : quantized_) {
    if (q == nullptr) continue;
    zeros += q->zeros();
    total += q->rows() * q->cols();
  }
  return total == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(total);
}

double Network::flip_fraction() const {
  int64_t flips = 0, total = 0;
  for (const auto& q : quantized_) {
    if (q == nullptr) continue;
    flips += q->flips();
    total += q->rows() * q->cols();
  }
  return total == 0 ? 0 : static_cast<double>(flips) / static_cast<double>(total);
}

}  // namespace onebit
