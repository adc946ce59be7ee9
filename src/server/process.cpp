#include "server/process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/error.h"

namespace onebit {
namespace {

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // a signal handler may
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Process state by nature: a signal has nowhere else to look.
std::atomic<int64_t> ends_from_ns = 0;
static_assert(std::atomic<int64_t>::is_always_lock_free);

void on_ending_signal(int) {
  if (monotonic_ns() >= ends_from_ns) _exit(1);
}

}  // namespace

void notify_supervisor(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  // Who does not read is not waited for.
  static_cast<void>(sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                           reinterpret_cast<const sockaddr*>(&address), size));
  close(fd);
}

Signals::Signals() {
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wakes_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals_ < 0 || wakes_ < 0) throw_errno("cannot make", "signalfd");
}

Signals::~Signals() {
  close(signals_);
  close(wakes_);
}

void Signals::wake() const {
  static_cast<void>(eventfd_write(wakes_, 1));  // fails only when it is full: awake already
}

int Signals::wait(std::chrono::milliseconds timeout) const {
  pollfd fds[] = {{signals_, POLLIN, 0}, {wakes_, POLLIN, 0}};
  const auto milliseconds = std::min<int64_t>(timeout.count(), INT_MAX);
  if (poll(fds, 2, static_cast<int>(milliseconds)) <= 0) return 0;
  eventfd_t count = 0;
  static_cast<void>(eventfd_read(wakes_, &count));
  signalfd_siginfo info{};
  if (read(signals_, &info, sizeof info) != sizeof info) return 0;
  return static_cast<int>(info.ssi_signo);
}

void Signals::exit_on_next() const {
  ends_from_ns = monotonic_ns() + std::chrono::nanoseconds(kSameSignal).count();
  struct sigaction action = {};
  action.sa_handler = on_ending_signal;
  const sigset_t set = ending_signals();
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace onebit
