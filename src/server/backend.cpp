#include "server/backend.h"

#include <chrono>
#include <utility>

namespace onebit {
namespace {

constexpr std::chrono::milliseconds kIdle{200};  // how late an idle server may notice its end

}  // namespace

Backend::Backend(BackendOptions options)
    : options_(std::move(options)),
      preparation_(std::make_unique<PreparationThreads>(metrics_, options_.max_queued,
                                                        options_.preparation_threads)) {}

Backend::~Backend() {
  preparation_.reset();
  compute_thread_.request_stop();
  if (compute_thread_.joinable()) compute_thread_.join();
  model_.reset();  // its requests hold answers, which count in the metrics
}

void Backend::start() {
  compute_thread_ = std::jthread([this](const std::stop_token& stop) { compute(stop); });
}

// One thread loads and computes: the threads that it starts for the loops are beside it.
void Backend::compute(const std::stop_token& stop) try {
  const auto model = std::make_shared<ServedModel>(options_.model);
  {
    const std::lock_guard lock(mutex_);
    model_ = model;
  }
  Phase loading = Phase::kLoading;  // it may drain already
  if (phase_.compare_exchange_strong(loading, Phase::kReady)) options_.on_change();
  while (!stop.stop_requested()) {
    if (!model->scheduler().step()) model->scheduler().wait(kIdle);
  }
} catch (...) {
  {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  phase_ = Phase::kFailed;
  options_.on_change();
}

const char* Backend::phase_name() const {
  switch (phase_) {
    case Phase::kLoading:
      return "loading";
    case Phase::kReady:
      return "ok";
    case Phase::kDraining:
      return "draining";
    case Phase::kFailed:
      break;
  }
  return "failed";
}

std::exception_ptr Backend::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::shared_ptr<ServedModel> Backend::model() const {
  const std::lock_guard lock(mutex_);
  return model_;
}

void Backend::drain() {
  Phase now = phase_;
  while (now != Phase::kFailed && !phase_.compare_exchange_weak(now, Phase::kDraining)) {
  }
  options_.on_change();
}

}  // namespace onebit
