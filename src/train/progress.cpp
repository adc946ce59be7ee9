#include "train/progress.h"

#include <unistd.h>

#include <algorithm>
#include <string>

namespace onebit {
namespace {

std::string duration(double seconds) {
  const auto s = static_cast<long long>(seconds);
  char text[32];
  if (s >= 3600) {
    std::snprintf(text, sizeof text, "%lldh%02lldm", s / 3600, s / 60 % 60);
  } else {
    std::snprintf(text, sizeof text, "%lldm%02llds", s / 60, s % 60);
  }
  return text;
}

}  // namespace

Progress::Progress(std::FILE* out)
    : out_(out), terminal_(isatty(fileno(out)) != 0), start_(Clock::now()), last_(start_) {}

void Progress::update(const StepReport& r) {
  const auto now = Clock::now();
  if (first_step_ < 0) {
    first_step_ = r.step - 1;
    loss_ = r.loss;
  }
  loss_ += 0.1 * (r.loss - loss_);
  if (r.val_loss) {
    std::fprintf(out_, "%sstep %lld: validation loss %.4f\n", terminal_ ? "\r\033[K" : "",
                 static_cast<long long>(r.step), *r.val_loss);
  }
  const std::chrono::duration<double> interval(terminal_ ? 0.1 : 10.0);
  if (now - last_ < interval && r.step != r.steps) return;
  last_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double eta = elapsed / static_cast<double>(std::max<int64_t>(1, r.step - first_step_)) *
                     static_cast<double>(r.steps - r.step);
  std::string bar;
  if (terminal_) {
    constexpr int kWidth = 24;
    const auto filled = static_cast<std::size_t>(kWidth * r.step / std::max<int64_t>(1, r.steps));
    bar = "\r\033[K[" + std::string(filled, '=') + std::string(kWidth - filled, ' ') + "] ";
  }
  std::fprintf(out_, "%sstep %lld/%lld  loss %.4f  lr %.2e  %.0f tok/s  ETA %s%s", bar.c_str(),
               static_cast<long long>(r.step), static_cast<long long>(r.steps), loss_, r.lr,
               r.tokens_per_second, duration(eta).c_str(), terminal_ ? "" : "\n");
  std::fflush(out_);
}

void Progress::finish() {
  if (terminal_) std::fputc('\n', out_);
}

}  // namespace onebit
