#include "train/adamw.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "train/loops.h"

namespace onebit {
namespace {

constexpr int64_t kBlock = 4096;  // values per partial sum of the norm

double squared_norm(ThreadPool& pool, const torch::Tensor& grad) {
  if (!grad.defined()) return 0;
  const float* data = grad.data_ptr<float>();
  const int64_t n = grad.numel();
  std::vector<double> partial(static_cast<std::size_t>(ceil_div(n, kBlock)));
  pool.parallel_for(n, kBlock, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kBlock) {
      partial[static_cast<std::size_t>(i / kBlock)] =
          loops::sum_squares(data + i, std::min(kBlock, end - i));
    }
  });
  double sum = 0;
  for (const double p : partial) sum += p;
  return sum;
}

}  // namespace

AdamW::AdamW(std::vector<Parameter>& parameters, ThreadPool& pool, const AdamWOptions& options)
    : parameters_(parameters), pool_(pool), options_(options) {
  for (const Parameter& p : parameters) {
    m_.emplace_back(p.value.numel());
    v_.emplace_back(p.value.numel());
  }
}

double AdamW::grad_norm() const {
  double sum = 0;
  for (const Parameter& p : parameters_) sum += squared_norm(pool_, p.value.grad());
  return std::sqrt(sum);
}

std::string AdamW::first_bad() const {
  for (const Parameter& p : parameters_) {
    if (!std::isfinite(squared_norm(pool_, p.value.grad()))) return p.name;
  }
  return {};
}

void AdamW::step(int64_t step, double lr, double weight_decay, double norm) {
  const double t = static_cast<double>(step + 1);
  const double clip = options_.grad_clip;
  loops::AdamWStep s{};
  s.lr = static_cast<float>(lr);
  s.beta1 = static_cast<float>(options_.beta1);
  s.beta2 = static_cast<float>(options_.beta2);
  s.eps = static_cast<float>(options_.eps);
  s.correction1 = static_cast<float>(1 - std::pow(options_.beta1, t));
  s.correction2 = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t)));
  s.grad_scale = clip > 0 ? static_cast<float>(std::min(1.0, clip / (norm + 1e-6))) : 1.0f;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = parameters_[i];
    if (!p.value.grad().defined()) continue;
    s.weight_decay = p.is_linear ? static_cast<float>(weight_decay) : 0.0f;
    const float* grad = p.value.grad().data_ptr<float>();
    float* value = p.value.data_ptr<float>();
    pool_.parallel_for(p.value.numel(), 1024, [&](int64_t begin, int64_t end) {
      loops::adamw(s, grad + begin, end - begin, value + begin, m_[i].data() + begin,
                   v_[i].data() + begin);
    });
    p.value.mutable_grad() = torch::Tensor();
  }
}

}  // namespace onebit
