#include "models/huggingface_rope.h"

#include <boost/json/object.hpp>
#include <numbers>

#include "base/portable_math.h"
#include "models/json_number.h"

namespace onebit {
namespace {

float theta_or(const JsonCursor& object, std::string_view key, double fallback) {
  const auto field = object.find(key);
  return static_cast<float>(field ? number(*field, 1, 1e15) : fallback);
}

// Llama 3.1 (transformers' _compute_llama3_parameters): long waves are slowed by `factor`, short
// ones stay, those between are blended.
std::vector<float> llama3_divisors(const JsonCursor& scaling, int64_t head_dim, float theta) {
  const double factor = number(scaling.at("factor"), 1, 1e6);
  const double low = number(scaling.at("low_freq_factor"), 1e-3, 1e6);
  const double high = number(scaling.at("high_freq_factor"), 1e-3, 1e6);
  if (high <= low) {
    scaling.at("high_freq_factor")
        .fail("above low_freq_factor " + number_text(low), number_text(high));
  }
  const auto original =
      static_cast<double>(scaling.at("original_max_position_embeddings").integer(1, 1 << 24));
  const double log_theta = portable_log(static_cast<double>(theta));
  std::vector<float> divisors;
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
    const double wave_length = 2 * std::numbers::pi * portable_exp(exponent * log_theta);
    const double waves = original / wave_length;  // in the context the model was trained on
    double divisor = 1;
    if (waves < low) {
      divisor = factor;
    } else if (waves <= high) {
      const double smooth = (waves - low) / (high - low);
      divisor = 1 / ((1 - smooth) / factor + smooth);
    }
    divisors.push_back(static_cast<float>(divisor));
  }
  return divisors;
}

void read_scaling(const JsonCursor& scaling, int64_t head_dim, HuggingfaceRope& rope) {
  const auto old_name = scaling.find("type");
  const std::string type =
      scaling.string_or("rope_type", old_name ? old_name->string() : "default");
  if (type == "linear") {
    rope.scale = static_cast<float>(number(scaling.at("factor"), 1e-3, 1e6));
  } else if (type == "llama3") {
    rope.divisors = llama3_divisors(scaling, head_dim, rope.theta);
  } else if (type != "default") {
    scaling.fail("rope_type default, linear or llama3", quote(type), ErrorCode::kUnsupported);
  }
}

void refuse_partial(const JsonCursor& object) {
  const auto field = object.find("partial_rotary_factor");
  if (!field || number(*field, 0, 1) == 1) return;
  field->fail("1", number_text(number(*field, 0, 1)), ErrorCode::kUnsupported);
}

}  // namespace

HuggingfaceRope read_rope(const JsonCursor& root, int64_t head_dim, double theta) {
  HuggingfaceRope rope;
  rope.theta = theta_or(root, "rope_theta", theta);
  rope.local_theta = theta_or(root, "rope_local_base_freq", 10000);
  refuse_partial(root);
  if (const auto parameters = root.find("rope_parameters")) {
    // By kind of layer where these differ (Gemma 3).
    const auto full = parameters->find("full_attention");
    const JsonCursor& global = full ? *full : *parameters;
    rope.theta = theta_or(global, "rope_theta", static_cast<double>(rope.theta));
    refuse_partial(global);
    if (const auto local = parameters->find("sliding_attention")) {
      rope.local_theta = theta_or(*local, "rope_theta", static_cast<double>(rope.local_theta));
    }
    read_scaling(global, head_dim, rope);
  } else if (const auto scaling = root.find("rope_scaling")) {
    read_scaling(*scaling, head_dim, rope);
  }
  return rope;
}

}  // namespace onebit
