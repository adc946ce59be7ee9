// Everything that decides a training run: saved with it, checked before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/config.h"
#include "train/quant_spec.h"
#include "train/schedule.h"

namespace onebit {

enum class EmbeddingType { kF32, kF16, kQ8_0 };

struct TrainConfig {
  // Where, and whether anew: not part of the recipe, so neither options nor saved.
  std::string data_dir;  // made by prepare_dataset()
  std::string out_dir;
  bool resume = false;  // go on from out_dir's newest checkpoint

  std::string preset = "shakespeare-char";

  // vocab_size comes from the data; act_quant and activation from the mode (see finish_config).
  ModelConfig model;
  TrainMode mode = TrainMode::kW158A8;
  Granularity granularity = Granularity::kTensor;
  EmbeddingType embedding_type = EmbeddingType::kF16;
  double sign_clip = 1;  // w1a1: gradients pass where |x| <= sign_clip * mean|x|

  int64_t batch_size = 12;        // sequences in one pass
  int64_t grad_accumulation = 1;  // passes in one update
  int64_t seq_len = 0;            // tokens in a sequence; 0: max_seq_len
  int64_t steps = 2000;           // updates
  int64_t warmup_steps = 100;
  double lr = 0;  // peak; 0: the preset's for this mode
  ScheduleKind schedule = ScheduleKind::kTwoStage;
  double min_lr_fraction = 0.1;
  double weight_decay = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double adam_eps = 1e-8;
  double grad_clip = 1;

  int64_t seed = 1337;
  int64_t threads = 0;                // 0: all CPUs of this process
  int64_t eval_interval = 250;        // updates between validations; 0: only at the end
  int64_t eval_tokens = 65536;        // validation tokens used; 0: all
  int64_t checkpoint_interval = 500;  // 0: only at the end
};

// The defaults of a preset, in the mode that TrainConfig has by default. Throws
// Error(kInvalidArgument) that lists the names.
TrainConfig train_preset(std::string_view name);
std::vector<std::string> train_preset_names();

// A field by name. `help` is one line.
struct TrainOption {
  std::string key;
  std::string help;
  std::string value;  // current, as text
};
std::vector<TrainOption> train_options(const TrainConfig& config);
// Throws Error(kInvalidArgument) "KEY: expected ..., found ..." for an unknown key or a bad value.
void set_train_option(TrainConfig& config, std::string_view key, std::string_view value);

// Fills what follows from other fields (learning rate by mode, activation, seq_len, ...) and checks
// the whole. Throws Error(kInvalidArgument). Idempotent.
void finish_config(TrainConfig& config);

std::string to_json(const TrainConfig& config);
// Throws Error(kInvalidFile) that names `where`. Unknown keys are errors.
TrainConfig train_config_from_json(std::string_view json, const std::string& where);

const Format& embedding_format(EmbeddingType type);
QuantSpec quant_spec(const TrainConfig& config);
Schedule make_schedule(const TrainConfig& config);

}  // namespace onebit
