#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "io/gguf.h"
#include "train/dataset.h"
#include "train/test_util.h"

namespace onebit {
namespace {

namespace fs = std::filesystem;

struct RunFolder : TempDir {
  RunFolder() {
    // A text with something to learn: tokens follow each other in runs.
    std::vector<int32_t> ids;
    for (int i = 0; i < 3000; ++i) ids.push_back((i * 7 + i / 13) % 40);
    std::ofstream(path / "t.txt") << "unused";
    const fs::path texts[] = {path / "t.txt"};
    prepare_dataset(
        texts, small_vocab(40), [&](std::string_view) { return ids; }, path / "data");
  }
  TrainConfig config(const char* out, TrainMode mode = TrainMode::kW158A8) const {
    TrainConfig c = train_preset("shakespeare-char");
    c.model = small_model(make_quant_spec(mode, Granularity::kTensor, 1));
    c.mode = mode;
    c.data_dir = path / "data";
    c.out_dir = path / out;
    c.steps = 6;
    c.warmup_steps = 2;
    c.batch_size = 2;
    c.grad_accumulation = 3;
    c.threads = 2;
    return c;
  }
};

std::vector<uint8_t> bytes_of(const fs::path& path) {
  const auto buffer = read_file(path);
  return {buffer.begin(), buffer.end()};
}

// The tensors, and not the metadata, which names the folder.
std::vector<uint8_t> tensors_of(const fs::path& path) {
  const GgufFile file = GgufFile::open(path);
  std::vector<uint8_t> all;
  for (const auto& t : file.tensors()) {
    all.insert(all.end(), t.available.begin(), t.available.end());
  }
  return all;
}

TEST(Trainer, ResumeIsBitIdentical) {
  for (const TrainMode mode : kAllModes) {
    RunFolder run;
    TrainCallbacks none;
    const TrainResult whole = train(run.config("whole", mode), none);
    EXPECT_EQ(whole.steps_done, 6);

    TrainConfig c = run.config("parts", mode);
    int64_t steps = 0;
    TrainCallbacks stop;
    stop.stop_requested = [&] { return ++steps == 3; };
    EXPECT_TRUE(train(c, stop).stopped);
    EXPECT_TRUE(fs::exists(run.path / "parts/checkpoint-3.gguf"));
    c.resume = true;
    EXPECT_EQ(train(c, none).steps_done, 6);
    EXPECT_EQ(tensors_of(run.path / "whole/checkpoint-6.gguf"),
              tensors_of(run.path / "parts/checkpoint-6.gguf"));
    EXPECT_EQ(bytes_of(run.path / "whole/model.gguf"), bytes_of(run.path / "parts/model.gguf"));
    std::ifstream log(run.path / "parts/log.jsonl");
    std::string line;
    int lines = 0;
    while (std::getline(log, line)) ++lines;
    EXPECT_EQ(lines, 6);
  }
}

TEST(Trainer, ResumeFallsBackToTheOlderCheckpoint) {
  RunFolder run;
  TrainConfig c = run.config("out");
  c.checkpoint_interval = 2;
  train(c, {});
  EXPECT_FALSE(fs::exists(run.path / "out/checkpoint-2.gguf"));  // the newest two are kept
  const auto expected = tensors_of(run.path / "out/checkpoint-6.gguf");
  fs::resize_file(run.path / "out/checkpoint-6.gguf", 1000);
  c.resume = true;
  std::vector<std::string> notes;
  TrainCallbacks callbacks;
  callbacks.note = [&](const std::string& line) { notes.push_back(line); };
  train(c, callbacks);
  ASSERT_GE(notes.size(), 2u);
  EXPECT_NE(notes[0].find("skipped an unreadable checkpoint"), std::string::npos);
  EXPECT_EQ(notes[1], "resumed at step 4");
  EXPECT_EQ(tensors_of(run.path / "out/checkpoint-6.gguf"), expected);
}

TEST(Trainer, ResumeRefusesAnotherModel) {
  RunFolder run;
  TrainConfig c = run.config("out");
  train(c, {});
  c.resume = true;
  c.model.hidden_size = 256;
  c.steps = 8;
  try {
    train(c, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("token_embd.weight: expected 10240 F32 values"),
              std::string::npos)
        << error.what();
  }
}

TEST(Trainer, ReportsAndValidates) {
  RunFolder run;
  TrainConfig c = run.config("out");
  c.steps = 30;
  c.grad_accumulation = 1;
  c.eval_interval = 10;
  c.eval_tokens = 100;
  std::vector<StepReport> reports;
  int evaluations = 0;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const StepReport& r) { reports.push_back(r); };
  callbacks.evaluate = [&](const fs::path& model, std::span<const int32_t> tokens, int64_t ctx) {
    EXPECT_TRUE(fs::exists(model));
    EXPECT_EQ(tokens.size(), 100u);
    EXPECT_EQ(ctx, 32);
    return 5.0 - ++evaluations % 3;  // best is the second
  };
  const TrainResult result = train(c, callbacks);
  ASSERT_EQ(reports.size(), 30u);
  EXPECT_LT(reports.back().loss, reports.front().loss - 0.2);
  EXPECT_GT(reports.front().zero_fraction, 0.2);
  EXPECT_GT(reports[5].flip_fraction, 0);
  EXPECT_EQ(evaluations, 3);
  EXPECT_EQ(result.val_loss, 5.0);
  EXPECT_EQ(result.best_val_loss, 3.0);
  EXPECT_TRUE(fs::exists(run.path / "out/best.gguf"));
  EXPECT_TRUE(fs::exists(run.path / "out/config.json"));
}

TEST(Trainer, StopsAtNumbersThatAreNotFinite) {
  RunFolder run;
  TrainConfig c = run.config("out", TrainMode::kFp32);
  c.lr = 1e38;
  try {
    train(c, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("step 1: loss is not finite; lower lr"), 0u)
        << error.what();
  }
}

}  // namespace
}  // namespace onebit
