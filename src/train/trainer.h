// The training loop: data, network, optimiser, log, checkpoints, validation, export.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "train/config.h"

namespace onebit {

// One update, as the log and the progress line show it.
struct StepReport {
  int64_t step = 0;  // updates done, this one included
  int64_t steps = 0;
  double loss = 0;  // before the update, mean over its tokens
  double lr = 0;
  double weight_decay = 0;
  double grad_norm = 0;
  double tokens_per_second = 0;
  double zero_fraction = 0;  // of the 1-bit weights
  double flip_fraction = 0;  // codes changed by this update
  std::optional<double> val_loss;
};

struct TrainCallbacks {
  // Mean loss (nats/token) of an exported model over `tokens` in windows of `context` tokens. The
  // caller fills it with the engine; without it there is no validation.
  std::function<double(const std::filesystem::path& model, std::span<const int32_t> tokens,
                       int64_t context)>
      evaluate;
  std::function<void(const StepReport&)> on_step;
  std::function<void(const std::string& line)> note;  // things that the user should know
  std::function<bool()> stop_requested;               // asked once a step
};

struct TrainResult {
  int64_t steps_done = 0;
  std::optional<double> train_loss;  // of the last update; none if there was nothing left to do
  std::optional<double> val_loss;    // of the last validation
  std::optional<double> best_val_loss;
  bool stopped = false;  // by stop_requested; the checkpoint has everything
  std::filesystem::path model;
};

// Makes our ThreadPool the only one that works: torch and BLAS run each call on the caller's
// thread, and freed memory stays with the process. For the whole process; train() calls it.
void quiet_other_pools();

// Throws Error(kInvalidArgument) when `out_dir` holds checkpoints of another run: a new one would
// mix with them.
void require_no_checkpoint(const std::filesystem::path& out_dir);

// Trains `config` (finish_config() is applied) on config.data_dir into config.out_dir:
// config.json, log.jsonl, checkpoint-STEP.gguf, model.gguf, and best.gguf when validation is on.
// Resumed runs repeat an uninterrupted one bit for bit on the same machine (CPU and BLAS) at the
// same thread count. Throws Error, also when the first loss is not near ln(vocab_size) or a loss or
// gradient is not finite.
TrainResult train(TrainConfig config, const TrainCallbacks& callbacks);

}  // namespace onebit
