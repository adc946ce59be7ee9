#include "models/config.h"

#include <array>
#include <cmath>
#include <utility>

namespace onebit {
namespace {

constexpr std::array<std::pair<const char*, ActQuant>, 4> kActQuantNames = {
    {{"a8", ActQuant::kInt8},
     {"a8g32", ActQuant::kInt8Group},
     {"a1", ActQuant::kSign},
     {"f32", ActQuant::kF32}}};
constexpr std::array<std::pair<const char*, Activation>, 4> kActivationNames = {
    {{"relu2", Activation::kRelu2},
     {"signed_square", Activation::kSignedSquare},
     {"silu", Activation::kSilu},
     {"gelu_tanh", Activation::kGeluTanh}}};

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

void check_range(const std::string& where, const char* field, int64_t value, int64_t low,
                 int64_t high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorCode::kInvalidFile, where + ": " + field + ": expected " + std::to_string(low) +
                                           ".." + std::to_string(high) + ", found " +
                                           std::to_string(value));
}

void expect_equal(const std::string& key, int64_t expected, int64_t found) {
  if (expected == found) return;
  throw Error(ErrorCode::kUnsupported, key + ": expected head_dim " + std::to_string(expected) +
                                           ", found " + std::to_string(found));
}

void check_positive(const std::string& where, const char* field, float value) {
  if (std::isfinite(value) && value > 0) return;
  throw Error(
      ErrorCode::kInvalidFile,
      where + ": " + field + ": expected a finite number above 0, found " + std::to_string(value));
}

void check_epsilon(const std::string& where, const char* field, float value) {
  if (value > 0 && value < 1) return;  // 0 would make NaN of an all-zero row
  throw Error(ErrorCode::kInvalidFile,
              where + ": " + field + ": expected 0 < eps < 1, found " + std::to_string(value));
}

// One number of heads for all layers; some files hold an array of equal ones.
int64_t n_heads(const GgufMetadata& metadata, const std::string& key, int64_t fallback) {
  const GgufValue* value = metadata.find(key);
  if (value == nullptr && fallback > 0) return fallback;
  const auto common = [&](const auto& values) -> int64_t {
    for (const auto v : values) {
      if (v == values.front()) continue;
      throw Error(ErrorCode::kUnsupported,
                  "metadata key " + quote(key) + ": expected one number for all layers, found " +
                      std::to_string(values.front()) + " and " + std::to_string(v));
    }
    return values.empty() ? 0 : static_cast<int64_t>(values.front());
  };
  if (value != nullptr) {
    if (const auto* u32 = std::get_if<std::vector<uint32_t>>(value)) return common(*u32);
    if (const auto* i32 = std::get_if<std::vector<int32_t>>(value)) return common(*i32);
  }
  return metadata.get_int(key);
}

}  // namespace

ModelConfig read_config(const GgufMetadata& metadata, Activation activation) {
  ModelConfig c;
  c.architecture = metadata.get_string("general.architecture");
  c.name = metadata.get_string_or("general.name", "");
  const std::string a = c.architecture + ".";
  c.hidden_size = metadata.get_int(a + "embedding_length");
  c.intermediate_size = metadata.get_int(a + "feed_forward_length");
  c.n_layers = metadata.get_int(a + "block_count");
  c.n_heads = n_heads(metadata, a + "attention.head_count", 0);
  c.n_kv_heads = n_heads(metadata, a + "attention.head_count_kv", c.n_heads);
  const int64_t default_dim = c.n_heads > 0 ? c.hidden_size / c.n_heads : 0;
  c.head_dim = metadata.get_int_or(a + "attention.key_length", default_dim);
  c.max_seq_len = metadata.get_int(a + "context_length");
  c.rope_theta = metadata.get_float_or(a + "rope.freq_base", 10000.0f);
  c.rms_norm_eps = metadata.get_float(a + "attention.layer_norm_rms_epsilon");
  expect_equal(a + "rope.dimension_count", c.head_dim,
               metadata.get_int_or(a + "rope.dimension_count", c.head_dim));
  expect_equal(a + "attention.value_length", c.head_dim,
               metadata.get_int_or(a + "attention.value_length", c.head_dim));

  const std::string scaling_key = a + "rope.scaling.type";
  const std::string scaling = metadata.get_string_or(scaling_key, "none");
  if (scaling == "linear") {
    c.rope_scale = metadata.get_float(a + "rope.scaling.factor");
  } else if (scaling != "none") {  // llama3's comes as a tensor, rope_freqs.weight
    throw Error(ErrorCode::kUnsupported,
                scaling_key + ": expected none or linear, found " + quote(scaling));
  }

  const std::string activation_key = a + "hidden_activation";
  c.activation =
      value_of(kActivationNames, activation_key,
               metadata.get_string_or(activation_key, name_of(kActivationNames, activation)));
  c.act_quant = value_of(kActQuantNames, kActQuantKey, metadata.get_string_or(kActQuantKey, "a8"));
  c.projection_norm_eps = metadata.get_float_or(kProjectionNormEpsKey, c.rms_norm_eps);
  return c;
}

void write_config(const ModelConfig& c, GgufMetadata& metadata) {
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
  if (c.rope_scale != 1) {
    metadata.set(a + "rope.scaling.type", std::string("linear"));
    metadata.set(a + "rope.scaling.factor", c.rope_scale);
  }
  if (c.sliding_window > 0) metadata.set(a + "attention.sliding_window", u32(c.sliding_window));
  if (c.projection_norms) metadata.set(kProjectionNormEpsKey, c.projection_norm_eps);
  metadata.set(a + "hidden_activation", name_of(kActivationNames, c.activation));
  metadata.set(kActQuantKey, name_of(kActQuantNames, c.act_quant));
}

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
  check_epsilon(where, "rms_norm_eps", c.rms_norm_eps);
  check_epsilon(where, "projection_norm_eps", c.projection_norm_eps);
  check_positive(where, "rope_scale", c.rope_scale);
  check_positive(where, "embedding_scale", c.embedding_scale);
  if (c.attention_scale != 0) check_positive(where, "attention_scale", c.attention_scale);
  check_range(where, "sliding_window", c.sliding_window, 0, 1 << 24);
  check_range(where, "sliding_period", c.sliding_period, 0, 1024);
}

}  // namespace onebit
