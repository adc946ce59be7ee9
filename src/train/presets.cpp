#include <algorithm>
#include <cmath>

#include "train/config.h"

namespace onebit {
namespace {

// nanoGPT's CPU recipe for TinyShakespeare, with a gated feed-forward and rotary positions.
TrainConfig shakespeare_char() {
  TrainConfig c;
  c.model.hidden_size = 128;
  c.model.intermediate_size = 384;
  c.model.n_layers = 4;
  c.model.n_heads = c.model.n_kv_heads = 4;
  c.model.max_seq_len = 64;
  c.batch_size = 12;
  c.steps = 2000;
  c.warmup_steps = 100;
  c.beta2 = 0.99;
  c.eval_tokens = 0;
  return c;
}

// Plain books through a byte-level BPE of 4096 tokens.
TrainConfig books() {
  TrainConfig c;
  c.model.hidden_size = 256;
  c.model.intermediate_size = 768;
  c.model.n_layers = 6;
  c.model.n_heads = c.model.n_kv_heads = 4;
  c.model.max_seq_len = 256;
  c.batch_size = 8;
  c.steps = 6000;
  c.warmup_steps = 200;
  c.eval_interval = 500;
  return c;
}

struct Preset {
  const char* name;
  TrainConfig (*make)();
  // Peak learning rates. Latent weights must cross thresholds to change anything, so the 1-bit
  // modes want a few times the float one.
  double lr_fp32, lr_ternary, lr_binary, lr_sign;
};

constexpr Preset kPresets[] = {
    {"shakespeare-char", shakespeare_char, 1e-3, 4e-3, 4e-3, 4e-3},
    {"books", books, 1e-3, 3e-3, 3e-3, 3e-3},
};

const Preset& find_preset(std::string_view name) {
  std::string known;
  for (const Preset& p : kPresets) {
    if (name == p.name) return p;
    known += (known.empty() ? "" : ", ") + std::string(p.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "preset: expected one of " + known + ", found " + quote(name));
}

double preset_lr(const Preset& p, TrainMode mode) {
  switch (mode) {
    case TrainMode::kFp32:
      return p.lr_fp32;
    case TrainMode::kW158A8:
      return p.lr_ternary;
    case TrainMode::kW1A8:
      return p.lr_binary;
    case TrainMode::kW1A1:
      return p.lr_sign;
  }
  return p.lr_fp32;
}

void require(bool ok, const std::string& message) {
  if (!ok) throw Error(ErrorCode::kInvalidArgument, message);
}

}  // namespace

TrainConfig train_preset(std::string_view name) {
  const Preset& preset = find_preset(name);
  TrainConfig config = preset.make();
  config.preset = name;
  config.model.name = name;
  return config;
}

std::vector<std::string> train_preset_names() {
  std::vector<std::string> names;
  for (const Preset& p : kPresets) names.emplace_back(p.name);
  return names;
}

void finish_config(TrainConfig& c) {
  ModelConfig& model = c.model;
  if (model.head_dim == 0) {
    require(model.n_heads > 0 && model.hidden_size % model.n_heads == 0,
            "hidden_size: expected a multiple of n_heads " + std::to_string(model.n_heads) +
                ", found " + std::to_string(model.hidden_size));
    model.head_dim = model.hidden_size / model.n_heads;
  }
  if (c.seq_len == 0) c.seq_len = model.max_seq_len;
  if (c.lr == 0) c.lr = preset_lr(find_preset(c.preset), c.mode);
  model.act_quant = quant_spec(c).activations;
  // sign() of a non-negative tensor is constant: with relu2 the input of w_down would carry no
  // information.
  model.activation = c.mode == TrainMode::kW1A1 ? Activation::kSignedSquare : Activation::kRelu2;

  require(c.seq_len <= model.max_seq_len, "seq_len: expected at most max_seq_len " +
                                              std::to_string(model.max_seq_len) + ", found " +
                                              std::to_string(c.seq_len));
  require(c.warmup_steps < c.steps, "warmup_steps: expected fewer than steps " +
                                        std::to_string(c.steps) + ", found " +
                                        std::to_string(c.warmup_steps));
  ModelConfig checked = model;
  checked.vocab_size = std::max<int64_t>(1, checked.vocab_size);  // not known before the data is
  try {
    check_config(checked, "train config");
  } catch (const Error& error) {
    throw Error(ErrorCode::kInvalidArgument, error.what());
  }
}

const Format& embedding_format(EmbeddingType type) {
  return format(type == EmbeddingType::kF32 ? kF32 : type == EmbeddingType::kF16 ? kF16 : kQ8_0);
}

QuantSpec quant_spec(const TrainConfig& config) {
  return make_quant_spec(config.mode, config.granularity, static_cast<float>(config.sign_clip));
}

Schedule make_schedule(const TrainConfig& c) {
  return {c.schedule, c.steps, c.warmup_steps, c.lr, c.min_lr_fraction, c.weight_decay};
}

}  // namespace onebit
