#include "models/model.h"

#include <algorithm>

namespace onebit {
namespace {

int64_t widest(const ModelConfig& c) {
  return std::max({c.hidden_size, c.q_size(), c.intermediate_size});
}

}  // namespace

Workspace::Workspace(const ModelConfig& c, int64_t max)
    : max_tokens(max),
      x(max * c.hidden_size),
      h(max * c.hidden_size),
      q(max * c.q_size()),
      k(max * c.kv_size()),
      v(max * c.kv_size()),
      att(max * c.q_size()),
      gate(max * c.intermediate_size),
      up(max * c.intermediate_size),
      normed(c.projection_norms ? max * widest(c) : 0),
      acts(max, widest(c)),
      positions(static_cast<std::size_t>(max)) {}

}  // namespace onebit
