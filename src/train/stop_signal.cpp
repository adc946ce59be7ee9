#include "train/stop_signal.h"

#include <csignal>

namespace onebit {
namespace {

// Process state by nature: a signal has nowhere else to go.
volatile std::sig_atomic_t received = 0;

extern "C" void on_stop_signal(int number) {
  received = 1;
  std::signal(number, SIG_DFL);
}

}  // namespace

void catch_stop_signals() {
  std::signal(SIGINT, on_stop_signal);
  std::signal(SIGTERM, on_stop_signal);
}

bool stop_signal_received() {
  return received != 0;
}

}  // namespace onebit
