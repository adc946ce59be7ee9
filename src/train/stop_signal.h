// SIGINT and SIGTERM ask the training loop to save and end.
#pragma once

namespace onebit {

// Installs the handlers. A second signal ends the process at once.
void catch_stop_signals();
// True once a signal has come.
bool stop_signal_received();

}  // namespace onebit
