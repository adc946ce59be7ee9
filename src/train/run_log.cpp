#include "train/run_log.h"

#include <cstring>
#include <fstream>

#include "base/file.h"

namespace onebit {

RunLog::RunLog(std::filesystem::path dir) : dir_(std::move(dir)) {}

void RunLog::start(const std::string& config_json, int64_t step) {
  AtomicFile config(dir_ / "config.json");
  config.write(config_json);
  config.commit();

  const auto path = dir_ / "log.jsonl";
  std::string kept;
  if (step > 0) {
    std::ifstream old(path);
    std::string line;
    for (int64_t i = 0; i < step && std::getline(old, line); ++i) kept += line + "\n";
  }
  AtomicFile log(path);
  log.write(kept);
  log.commit();
  file_.reset(std::fopen(path.c_str(), "ae"));
  if (file_ == nullptr) throw_errno("cannot open", path.string());
}

void RunLog::step(const StepReport& r) {
  const std::string val =
      r.val_loss ? ", \"val_loss\": " + std::to_string(*r.val_loss) : std::string();
  const int written = std::fprintf(
      file_.get(),
      "{\"step\": %lld, \"loss\": %.6f, \"lr\": %.6g, \"wd\": %.6g, \"grad_norm\": %.6g, "
      "\"tok_s\": %.1f, \"zeros\": %.5f, \"flips\": %.6f%s}\n",
      static_cast<long long>(r.step), r.loss, r.lr, r.weight_decay, r.grad_norm,
      r.tokens_per_second, r.zero_fraction, r.flip_fraction, val.c_str());
  if (written < 0 || std::fflush(file_.get()) != 0) {
    throw_errno("cannot write", (dir_ / "log.jsonl").string());
  }
}

}  // namespace onebit
