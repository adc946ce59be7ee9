#include "train/trainer.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <vector>

#include "base/cpus.h"
#include "kernels/dispatch.h"
#include "train/checkpoint.h"
#include "train/dataset.h"
#include "train/export.h"
#include "train/gemm.h"
#include "train/run_log.h"

namespace onebit {
namespace {

namespace fs = std::filesystem;

// How far the first loss may be from ln(vocab_size), that of a model that knows nothing. Farther
// means a wrong initialisation (public trainers have started at 249).
constexpr double kFirstLossTolerance = 0.1;

class Trainer {
 public:
  Trainer(TrainConfig config, const TrainCallbacks& callbacks);
  TrainResult run();

 private:
  void resume();
  StepReport update();
  double validate();
  void save();
  int64_t validation_tokens() const {
    return config_.eval_tokens == 0 ? data_.val.size()
                                    : std::min(config_.eval_tokens, data_.val.size());
  }
  void check_first_loss(double loss) const;
  void note(const std::string& line) const {
    if (callbacks_.note) callbacks_.note(line);
  }
  fs::path out(const char* name) const { return fs::path(config_.out_dir) / name; }

  TrainConfig config_;
  const TrainCallbacks& callbacks_;
  Dataset data_;
  ThreadPool pool_;
  OpContext ops_;
  Network network_;
  AdamW optimizer_;
  Schedule schedule_;
  RunLog log_;
  int64_t step_ = 0;  // updates done
  double best_val_loss_ = std::numeric_limits<double>::infinity();
  std::optional<double> val_loss_;
};

ModelConfig model_config(const TrainConfig& config, int64_t vocab_size) {
  ModelConfig model = config.model;
  model.vocab_size = vocab_size;
  return model;
}

Trainer::Trainer(TrainConfig config, const TrainCallbacks& callbacks)
    : config_(std::move(config)),
      callbacks_(callbacks),
      data_(config_.data_dir),
      pool_(config_.threads > 0 ? static_cast<int>(config_.threads) : default_threads()),
      ops_{pool_, default_kernels()},
      network_(model_config(config_, data_.info.vocab_size), quant_spec(config_),
               embedding_format(config_.embedding_type), ops_, static_cast<uint64_t>(config_.seed)),
      optimizer_(network_.parameters(), pool_,
                 {config_.beta1, config_.beta2, config_.adam_eps, config_.grad_clip}),
      schedule_(make_schedule(config_)),
      log_(config_.out_dir) {
  if (data_.train.size() <= config_.seq_len) {
    throw Error(ErrorCode::kInvalidArgument, config_.data_dir + ": expected more than seq_len " +
                                                 std::to_string(config_.seq_len) +
                                                 " training tokens, found " +
                                                 std::to_string(data_.train.size()));
  }
  if (callbacks_.evaluate && validation_tokens() < 2) {
    throw Error(ErrorCode::kInvalidArgument, config_.data_dir +
                                                 ": expected at least 2 validation tokens, found " +
                                                 std::to_string(validation_tokens()));
  }
  constexpr double kSlowBlas = 15;
  if (const double speed = blas_gflops(); speed < kSlowBlas) {
    note("BLAS is slow (" + std::to_string(static_cast<int>(speed)) +
         " GFLOP/s a thread): install OpenBLAS (Debian: libopenblas0-pthread)");
  }
}

void Trainer::resume() {
  std::vector<std::string> notes;
  const auto info = load_checkpoint(config_.out_dir, network_, optimizer_, notes);
  for (const auto& line : notes) note(line);
  if (!info) {
    note("no checkpoint in " + config_.out_dir + ": starting from step 0");
    return;
  }
  if (info->tokenizer_hash != data_.info.tokenizer_hash) {
    throw Error(ErrorCode::kInvalidArgument,
                config_.data_dir + ": tokenizer is not the one that the checkpoint was trained on");
  }
  step_ = info->step;
  best_val_loss_ = info->best_val_loss;
  note("resumed at step " + std::to_string(step_));
  const auto before = train_options(train_config_from_json(info->config_json, "checkpoint"));
  const auto now = train_options(config_);
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::string& key = now[i].key;
    if (key == "threads") continue;  // has a note of its own
    if (now[i].value == before[i].value) continue;
    note("changed since the checkpoint: " + key + " was " + before[i].value + ", is " +
         now[i].value);
  }
  if (info->threads != pool_.size() || info->isa != ops_.kernels.isa) {
    note("checkpoint was made with " + std::to_string(info->threads) + " threads on " + info->isa +
         ", this run has " + std::to_string(pool_.size()) + " on " + ops_.kernels.isa +
         ": the run goes on, but not bit for bit");
  }
}

// One optimiser update: grad_accumulation passes, clip, step, quantise anew.
StepReport Trainer::update() {
  const auto start = std::chrono::steady_clock::now();
  const int64_t rows = config_.batch_size, len = config_.seq_len,
                passes = config_.grad_accumulation;
  torch::Tensor tokens = torch::empty({rows * len}, torch::kInt32);
  torch::Tensor targets = torch::empty({rows * len}, torch::kInt32);
  double loss_sum = 0;
  for (int64_t pass = 0; pass < passes; ++pass) {
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t first = window_start(static_cast<uint64_t>(config_.seed), step_, pass, row,
                                         data_.train.size() - len);
      data_.train.read(first, len, tokens.data_ptr<int32_t>() + row * len);
      data_.train.read(first + 1, len, targets.data_ptr<int32_t>() + row * len);
    }
    torch::Tensor loss = network_.loss(tokens, targets, len);
    loss_sum += static_cast<double>(loss.item<float>());
    if (!std::isfinite(loss_sum)) {
      throw Error(ErrorCode::kInvalidArgument, "step " + std::to_string(step_) +
                                                   ": loss is not finite; lower lr (" +
                                                   std::to_string(config_.lr) + ")");
    }
    if (step_ == 0 && pass == 0) check_first_loss(loss_sum);
    (passes == 1 ? loss : loss / static_cast<double>(passes)).backward();
  }

  StepReport report;
  report.loss = loss_sum / static_cast<double>(passes);
  report.lr = schedule_.lr(step_);
  report.weight_decay = schedule_.decay(step_);
  report.grad_norm = optimizer_.grad_norm();
  if (!std::isfinite(report.grad_norm)) {
    throw Error(ErrorCode::kInvalidArgument,
                "step " + std::to_string(step_) + ": gradient of " + optimizer_.first_bad() +
                    " is not finite; lower lr (" + std::to_string(config_.lr) + ")");
  }
  optimizer_.step(step_, report.lr, report.weight_decay, report.grad_norm);
  network_.refresh();
  report.step = ++step_;
  report.steps = config_.steps;
  report.zero_fraction = network_.zero_fraction();
  report.flip_fraction = network_.flip_fraction();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  report.tokens_per_second = static_cast<double>(rows * len * passes) / seconds.count();
  return report;
}

void Trainer::check_first_loss(double loss) const {
  const double expected = std::log(static_cast<double>(data_.info.vocab_size));
  if (std::fabs(loss - expected) <= kFirstLossTolerance) return;
  throw Error(ErrorCode::kInvalidArgument,
              "step 0: loss: expected ln(vocab_size) = " + std::to_string(expected) +
                  " +- 0.1, found " + std::to_string(loss) + ": the initialisation is wrong");
}

// Exports, and measures the exported model: what is reported is what will be served.
double Trainer::validate() {
  export_model(network_, data_.vocab, out("model.gguf"));
  const int64_t n = validation_tokens();
  std::vector<int32_t> tokens(static_cast<std::size_t>(n));
  data_.val.read(0, n, tokens.data());
  const double loss = callbacks_.evaluate(out("model.gguf"), tokens, config_.seq_len);
  if (loss < best_val_loss_) {
    best_val_loss_ = loss;
    export_model(network_, data_.vocab, out("best.gguf"));
  }
  val_loss_ = loss;
  return loss;
}

void Trainer::save() {
  save_checkpoint(config_.out_dir,
                  {step_, best_val_loss_, pool_.size(), ops_.kernels.isa, to_json(config_),
                   data_.info.tokenizer_hash},
                  network_, optimizer_);
}

TrainResult Trainer::run() {
  if (config_.resume) resume();
  log_.start(to_json(config_), step_);
  TrainResult result;
  const auto due = [&](int64_t interval) {
    return step_ == config_.steps || (interval > 0 && step_ % interval == 0);
  };
  while (step_ < config_.steps) {
    StepReport report = update();
    if (callbacks_.evaluate && due(config_.eval_interval)) report.val_loss = validate();
    log_.step(report);
    result.train_loss = report.loss;
    if (callbacks_.on_step) callbacks_.on_step(report);
    result.stopped = callbacks_.stop_requested && callbacks_.stop_requested();
    if (result.stopped || due(config_.checkpoint_interval)) save();
    if (result.stopped) break;
  }
  export_model(network_, data_.vocab, out("model.gguf"));
  result.steps_done = step_;
  result.val_loss = val_loss_;
  if (std::isfinite(best_val_loss_)) result.best_val_loss = best_val_loss_;
  result.model = out("model.gguf");
  return result;
}

}  // namespace

void quiet_other_pools() {
  // A second team (OpenMP's under torch, OpenBLAS's own) spins against ours while it waits.
  torch::set_num_threads(1);
  set_blas_single_threaded();
  // A step allocates and frees the same tensors again: keep their pages instead of faulting them in
  // anew (glibc maps and unmaps anything large by default).
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

void require_no_checkpoint(const fs::path& out_dir) {
  if (!has_checkpoint(out_dir)) return;
  throw Error(ErrorCode::kInvalidArgument,
              out_dir.string() +
                  ": expected no checkpoint of another run, found one: "
                  "resume it, or choose or empty the folder");
}

TrainResult train(TrainConfig config, const TrainCallbacks& callbacks) {
  finish_config(config);
  if (!config.resume) require_no_checkpoint(config.out_dir);
  std::error_code failed;
  fs::create_directories(config.out_dir, failed);
  if (failed) {
    throw_errno("cannot create", config.out_dir, failed.value());
  }
  quiet_other_pools();
  return Trainer(std::move(config), callbacks).run();
}

}  // namespace onebit
