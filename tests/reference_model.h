// The forward pass in double, written from the papers as plainly as it goes: no packing, no
// threads, no activation quantisation, every weight through Format::to_float. What the engine must
// equal with f32 activations, whatever its kernels do.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/config.h"
#include "models/model_file.h"
#include "ops/rope.h"

namespace onebit::testing {

using Row = std::vector<double>;

class ReferenceModel {
 public:
  ReferenceModel(const ModelFile& file, const ModelConfig& config) : file_(file), c_(config) {}

  // Logits [tokens, vocab].
  std::vector<float> logits(std::span<const int32_t> tokens) const {
    std::vector<Row> x;
    for (const int32_t id : tokens) {
      x.push_back(weight_row("token_embd.weight", id));
      for (double& v : x.back()) v *= c_.embedding_scale;
    }
    for (int64_t l = 0; l < c_.n_layers; ++l) {
      const std::string blk = "blk." + std::to_string(l) + ".";
      attention(blk, l, x);
      for (Row& row : x) feed_forward(blk, row);
    }
    const std::string head = file_.find("output.weight") ? "output.weight" : "token_embd.weight";
    std::vector<float> out;
    for (const Row& row : x) {
      for (const double v : multiply(head, norm("output_norm.weight", row))) {
        out.push_back(static_cast<float>(v));
      }
    }
    return out;
  }

 private:
  Row weight_row(const std::string& name, int64_t row) const {
    const ModelTensor& t = *file_.find(name);
    std::vector<float> values(static_cast<std::size_t>(t.cols()));
    const int64_t stored =
        t.interleaved_heads > 0 ? interleaved_row(row, t.rows() / t.interleaved_heads) : row;
    t.format->to_float(t.bytes.data(), t.rows(), t.cols(), stored, values.data());
    Row result;
    for (const float v : values) result.push_back(static_cast<double>(v) * t.scale);
    return result;
  }

  // A linear layer, after an RMSNorm of its own if it has one.
  Row project(const std::string& name, const Row& x) const {
    if (!c_.projection_norms) return multiply(name + ".weight", x);
    return multiply(name + ".weight", norm(name + "_norm_in.weight", x, c_.projection_norm_eps));
  }

  Row multiply(const std::string& name, const Row& x) const {
    Row y;
    const int64_t rows = file_.find(name)->rows();
    for (int64_t r = 0; r < rows; ++r) {
      const Row w = weight_row(name, r);
      double sum = 0;
      for (std::size_t i = 0; i < x.size(); ++i) sum += w[i] * x[i];
      y.push_back(sum);
    }
    return y;
  }

  Row norm(const std::string& name, const Row& x) const { return norm(name, x, c_.rms_norm_eps); }

  Row norm(const std::string& name, const Row& x, double eps) const {
    double squares = 0;
    for (const double v : x) squares += v * v;
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
    Row y = weight_row(name, 0);
    for (std::size_t i = 0; i < x.size(); ++i) y[i] *= x[i] * inverse;
    return y;
  }

  // q or k of one token: head norms, then rotation of (i, i + half) by position * theta^(-2i/d).
  void rotate(const std::string& norm_name, double theta, int64_t position, Row& heads) const {
    const auto d = static_cast<std::size_t>(c_.head_dim);
    for (std::size_t h = 0; h < heads.size(); h += d) {
      Row head(heads.begin() + static_cast<int64_t>(h),
               heads.begin() + static_cast<int64_t>(h + d));
      if (c_.qk_norms) head = norm(norm_name, head);
      for (std::size_t i = 0; i < d / 2; ++i) {
        const double angle =
            static_cast<double>(position) / c_.rope_scale *
            std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(c_.head_dim));
        const double a = head[i], b = head[i + d / 2];
        heads[h + i] = a * std::cos(angle) - b * std::sin(angle);
        heads[h + i + d / 2] = b * std::cos(angle) + a * std::sin(angle);
      }
    }
  }

  void attention(const std::string& blk, int64_t layer, std::vector<Row>& x) const {
    const auto d = static_cast<std::size_t>(c_.head_dim);
    const bool local = c_.is_local(layer);
    const double theta = local ? c_.rope_theta_local : c_.rope_theta;
    const auto window = static_cast<std::size_t>(local ? c_.sliding_window : 1 << 24);
    const double scale = c_.attention_scale > 0 ? static_cast<double>(c_.attention_scale)
                                                : 1 / std::sqrt(static_cast<double>(c_.head_dim));
    std::vector<Row> k, v;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const Row h = norm(blk + "attn_norm.weight", x[t]);
      Row q = project(blk + "attn_q", h);
      k.push_back(project(blk + "attn_k", h));
      v.push_back(project(blk + "attn_v", h));
      rotate(blk + "attn_q_norm.weight", theta, static_cast<int64_t>(t), q);
      rotate(blk + "attn_k_norm.weight", theta, static_cast<int64_t>(t), k.back());
      Row att(q.size(), 0.0);
      for (int64_t head = 0; head < c_.n_heads; ++head) {
        const std::size_t qo = static_cast<std::size_t>(head) * d;
        const std::size_t ko = static_cast<std::size_t>(head / (c_.n_heads / c_.n_kv_heads)) * d;
        Row weights;
        double total = 0;
        const std::size_t first = t + 1 > window ? t + 1 - window : 0;
        for (std::size_t s = first; s <= t; ++s) {
          double score = 0;
          for (std::size_t i = 0; i < d; ++i) score += q[qo + i] * k[s][ko + i];
          weights.push_back(std::exp(score * scale));
          total += weights.back();
        }
        for (std::size_t s = first; s <= t; ++s) {
          const double w = weights[s - first] / total;
          for (std::size_t i = 0; i < d; ++i) att[qo + i] += w * v[s][ko + i];
        }
      }
      if (c_.sub_norms) att = norm(blk + "attn_sub_norm.weight", att);
      Row out = project(blk + "attn_output", att);
      if (c_.post_norms) out = norm(blk + "post_attention_norm.weight", out);
      add(x[t], out);
    }
  }

  void feed_forward(const std::string& blk, Row& x) const {
    const Row h = norm(blk + "ffn_norm.weight", x);
    Row gate = project(blk + "ffn_gate", h);
    const Row up = project(blk + "ffn_up", h);
    for (std::size_t i = 0; i < gate.size(); ++i) {
      const double g = gate[i];
      gate[i] = activation(g) * up[i];
    }
    if (c_.sub_norms) gate = norm(blk + "ffn_sub_norm.weight", gate);
    Row out = project(blk + "ffn_down", gate);
    if (c_.post_norms) out = norm(blk + "post_ffw_norm.weight", out);
    add(x, out);
  }

  double activation(double g) const {
    switch (c_.activation) {
      case Activation::kRelu2:
        return g > 0 ? g * g : 0;
      case Activation::kSignedSquare:
        return g * std::fabs(g);
      case Activation::kSilu:
        return g / (1 + std::exp(-g));
      case Activation::kGeluTanh:
        return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
    }
    return NAN;
  }

  static void add(Row& x, const Row& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  const ModelFile& file_;
  const ModelConfig& c_;
};

}  // namespace onebit::testing
