#include "models/config.h"

#include <cmath>

namespace onebit {
namespace {

void check_range(const std::string& where, const char* field, int64_t value, int64_t low,
                 int64_t high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorCode::kInvalidFile, where + ": " + field + ": expected " + std::to_string(low) +
                                           ".." + std::to_string(high) + ", found " +
                                           std::to_string(value));
}

}  // namespace

void check_config(const ModelConfig& c, const std::string& where) {
  constexpr int64_t kWidth = 1 << 20;
  check_range(where, "hidden_size", c.hidden_size, 1, kWidth);
  check_range(where, "intermediate_size", c.intermediate_size, 1, kWidth);
  check_range(where, "n_layers", c.n_layers, 1, 1024);
  check_range(where, "n_heads", c.n_heads, 1, 4096);
  check_range(where, "n_kv_heads", c.n_kv_heads, 1, c.n_heads);
  check_range(where, "head_dim", c.head_dim, 2, 4096);
  check_range(where, "n_heads x head_dim", c.q_size(), 1, kWidth);
  check_range(where, "vocab_size", c.vocab_size, 1, 1 << 21);
  check_range(where, "max_seq_len", c.max_seq_len, 1, 1 << 24);
  if (c.n_heads % c.n_kv_heads != 0) {
    throw Error(ErrorCode::kInvalidFile, where + ": n_kv_heads: expected a divisor of n_heads " +
                                             std::to_string(c.n_heads) + ", found " +
                                             std::to_string(c.n_kv_heads));
  }
  if (c.head_dim % 2 != 0) {
    throw Error(ErrorCode::kInvalidFile,
                where + ": head_dim: expected an even number, found " + std::to_string(c.head_dim));
  }
  if (!std::isfinite(c.rope_theta) || c.rope_theta < 1) {
    throw Error(ErrorCode::kInvalidFile, where + ": rope_theta: expected a finite number >= 1, " +
                                             "found " + std::to_string(c.rope_theta));
  }
  if (!(c.rms_norm_eps > 0 && c.rms_norm_eps < 1)) {  // 0 would make NaN of an all-zero row
    throw Error(ErrorCode::kInvalidFile, where + ": rms_norm_eps: expected 0 < eps < 1, found " +
                                             std::to_string(c.rms_norm_eps));
  }
}

}  // namespace onebit
