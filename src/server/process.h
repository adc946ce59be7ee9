// What a server asks of the operating system beside sockets.
#pragma once

#include <chrono>
#include <string_view>

namespace onebit {

// Tells systemd (or whoever set NOTIFY_SOCKET) "READY=1" and the like: sd_notify(3). Nothing
// happens where nobody listens.
void notify_supervisor(std::string_view state);

// SIGTERM and SIGINT as something to wait for. Make it before any thread: they inherit that these
// signals are blocked. SIGPIPE is ignored from then on: a socket that closes is a failed write.
class Signals {
 public:
  Signals();  // Throws Error(kIo).
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Ends a wait() (the next one, if there is none). From any thread.
  void wake() const;
  // The number of the signal that came; 0: woken, or the time is over. Negative: wait for ever.
  int wait(std::chrono::milliseconds timeout) const;
  // From now on they end the process at once, with status 1, whatever its threads wait for: but for
  // those of the next kSameSignal, as timeout(1) and terminals tell a process and then its group.
  // On the thread that made this.
  void exit_on_next() const;
  static constexpr std::chrono::milliseconds kSameSignal{100};

 private:
  int signals_;  // signalfd
  int wakes_;    // eventfd
};

}  // namespace onebit
