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
    for (const int32_t id : tokens) x.push_back(weight_row("token_embd.weight", id));
    for (int64_t l = 0; l < c_.n_layers; ++l) {
      const std::string blk = "blk." + std::to_string(l) + ".";
      attention(blk, x);
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

  Row norm(const std::string& name, const Row& x) const {
    double squares = 0;
    for (const double v : x) squares += v * v;
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(x.size()) + c_.rms_norm_eps);
    Row y = weight_row(name, 0);
    for (std::size_t i = 0; i < x.size(); ++i) y[i] *= x[i] * inverse;
    return y;
  }

  // q or k of one token: head norms, then rotation of (i, i + half) by position * theta^(-2i/d).
  void rotate(const std::string& norm_name, int64_t position, Row& heads) const {
    const auto d = static_cast<std::size_t>(c_.head_dim);
    for (std::size_t h = 0; h < heads.size(); h += d) {
      Row head(heads.begin() + static_cast<int64_t>(h),
               heads.begin() + static_cast<int64_t>(h + d));
      if (c_.qk_norms) head = norm(norm_name, head);
      for (std::size_t i = 0; i < d / 2; ++i) {
        const double angle =
            static_cast<double>(position) *
            std::pow(static_cast<double>(c_.rope_theta),
                     -2.0 * static_cast<double>(i) / static_cast<double>(c_.head_dim));
        const double a = head[i], b = head[i + d / 2];
        heads[h + i] = a * std::cos(angle) - b * std::sin(angle);
        heads[h + i + d / 2] = b * std::cos(angle) + a * std::sin(angle);
      }
    }
  }

  void attention(const std::string& blk, std::vector<Row>& x) const {
    const auto d = static_cast<std::size_t>(c_.head_dim);
    std::vector<Row> k, v;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const Row h = norm(blk + "attn_norm.weight", x[t]);
      Row q = multiply(blk + "attn_q.weight", h);
      k.push_back(multiply(blk + "attn_k.weight", h));
      v.push_back(multiply(blk + "attn_v.weight", h));
      rotate(blk + "attn_q_norm.weight", static_cast<int64_t>(t), q);
      rotate(blk + "attn_k_norm.weight", static_cast<int64_t>(t), k.back());
      Row att(q.size(), 0.0);
      for (int64_t head = 0; head < c_.n_heads; ++head) {
        const std::size_t qo = static_cast<std::size_t>(head) * d;
        const std::size_t ko = static_cast<std::size_t>(head / (c_.n_heads / c_.n_kv_heads)) * d;
        Row weights;
        double total = 0;
        for (std::size_t s = 0; s <= t; ++s) {
          double score = 0;
          for (std::size_t i = 0; i < d; ++i) score += q[qo + i] * k[s][ko + i];
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(c_.head_dim))));
          total += weights.back();
        }
        for (std::size_t s = 0; s <= t; ++s) {
          for (std::size_t i = 0; i < d; ++i) att[qo + i] += weights[s] / total * v[s][ko + i];
        }
      }
      if (c_.sub_norms) att = norm(blk + "attn_sub_norm.weight", att);
      add(x[t], multiply(blk + "attn_output.weight", att));
    }
  }

  void feed_forward(const std::string& blk, Row& x) const {
    const Row h = norm(blk + "ffn_norm.weight", x);
    Row gate = multiply(blk + "ffn_gate.weight", h);
    const Row up = multiply(blk + "ffn_up.weight", h);
    for (std::size_t i = 0; i < gate.size(); ++i) {
      const double g = gate[i];
      const double relu = g > 0 ? g : 0;
      gate[i] =
          (c_.activation == Activation::kRelu2 ? relu * relu : g / (1 + std::exp(-g))) * up[i];
    }
    if (c_.sub_norms) gate = norm(blk + "ffn_sub_norm.weight", gate);
    add(x, multiply(blk + "ffn_down.weight", gate));
  }

  static void add(Row& x, const Row& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  const ModelFile& file_;
  const ModelConfig& c_;
};

}  // namespace onebit::testing
