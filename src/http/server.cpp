#include "http/server.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <list>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "http/answer.h"
#include "http/connection.h"
#include "http/listener.h"

namespace onebit::http {
namespace {

namespace asio = boost::asio;
using Clock = Connection::Clock;
using Time = Limits::Time;

constexpr int64_t kSpareDescriptors = 64;  // for the process's other files
constexpr int64_t kRefusedAtOnce = 64;     // connections over the limit that hear so
constexpr Time kLastWrites{1'000};         // for answers that a stop cut off
constexpr int64_t kNever = INT64_MAX;

// How many files the process may have open, after raising that as far as it may.
int64_t raise_descriptor_limit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, 1 << 30));
}

Time tick_interval(const Limits& limits) {
  const Time shortest = std::min({limits.head_timeout, limits.body_timeout, limits.idle_timeout,
                                  limits.write_timeout, limits.linger_timeout});
  return std::clamp(shortest / 4, Time(5), Time(250));
}

std::vector<Listener> listen(const ServerOptions& options) {
  if (options.addresses.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "expected an address to listen on, found none");
  }
  std::vector<Listener> listeners;
  for (const Address& address : options.addresses) {
    listeners.emplace_back(address);
    if (!listeners.back().is_loopback() && options.guard.keys.empty() && !options.allow_public) {
      throw Error(ErrorCode::kInvalidArgument,
                  "listen on " + listeners.back().name() +
                      ": expected API keys for an address that other machines can reach");
    }
  }
  return listeners;
}

GuardOptions with_own_names(GuardOptions guard, const std::vector<Listener>& listeners) {
  for (const Listener& listener : listeners) {
    if (!listener.is_unix()) guard.hosts.push_back(listener.host());
  }
  return guard;
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, std::vector<Route> routes);
  ~Impl();

  void run();
  void stop(Time grace) noexcept;
  Counters counters() const;

  const std::vector<Listener>& listeners() const { return listeners_; }

 private:
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;
  struct Door {
    Acceptor acceptor;
    bool is_unix;
    // Held by the handler of an accept under way too, even of one that Asio has no memory to call.
    std::shared_ptr<int> accepting = std::make_shared<int>();
  };

  void accept(Door& door) noexcept;
  void accept_all() noexcept;
  void on_accept(Door& door, const boost::system::error_code& error, Connection::Socket socket);
  void on_closed(Connection& connection) noexcept;
  void tick(Clock::time_point now);
  void await_stop();
  void on_stop();
  void finish() noexcept;
  template <typename Call>
  void for_each_connection(Call call);  // which may close it

  const ServerOptions options_;
  std::vector<Listener> listeners_;
  const Policy policy_;
  int64_t max_connections_;
  Shared shared_;
  std::atomic<int64_t> grace_{kNever};  // ms, of the last stop()
  const int stop_event_;

  asio::io_context io_{1};  // what follows lives in it
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::posix::stream_descriptor stop_reader_;
  uint64_t stop_count_ = 0;
  bool is_awaiting_stop_ = false;
  const Time tick_interval_;
  bool accept_has_failed_ = false;
  bool is_finished_ = false;
  std::list<Door> doors_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  Clock::time_point cut_time_ = Clock::time_point::max();
  Clock::time_point end_time_ = Clock::time_point::max();
};

Server::Impl::Impl(ServerOptions options, std::vector<Route> routes)
    : options_(std::move(options)),
      listeners_(listen(options_)),
      policy_{Guard(with_own_names(options_.guard, listeners_)), Router(std::move(routes)),
              static_cast<std::size_t>(options_.limits.max_head)},
      max_connections_(std::max<int64_t>(
          1, std::min(options_.limits.max_connections,
                      raise_descriptor_limit() - kSpareDescriptors - kRefusedAtOnce))),
      shared_{options_, policy_, [this](Connection& connection) { on_closed(connection); }},
      stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      stop_reader_(io_),
      tick_interval_(tick_interval(options_.limits)) {
  if (stop_event_ < 0) throw_errno("create", "eventfd");
  stop_reader_.assign(stop_event_);  // which closes it
  for (Listener& listener : listeners_) {
    doors_.push_back({Acceptor(io_), listener.is_unix()});
    doors_.back().acceptor.assign({listener.family(), listener.is_unix() ? 0 : IPPROTO_TCP},
                                  listener.release());
  }
  await_stop();
  accept_all();
}

Server::Impl::~Impl() {
  shared_.is_stopping = true;
  for_each_connection([](Connection& connection) { connection.close(); });
}

// `call` may close the one that it is called for, which takes that out of the set; no other.
template <typename Call>
void Server::Impl::for_each_connection(Call call) {
  for (auto next = connections_.begin(); next != connections_.end();) {
    const std::shared_ptr<Connection> connection = *next++;
    call(*connection);
  }
}

// A tick looks at all deadlines (they are kept to within a quarter of the shortest), and tries
// again what could not be begun for want of memory. So the clock of the ticks is no timer of the
// loop, which would need some.
void Server::Impl::run() {
  auto next_tick = Clock::now() + tick_interval_;
  while (!io_.stopped()) {
    try {
      io_.run_one_until(next_tick);
      const auto now = Clock::now();
      if (now < next_tick) continue;
      next_tick = now + tick_interval_;
      tick(now);
    } catch (const std::exception& error) {
      report(options_, "serving", error.what());
    }
  }
}

void Server::Impl::accept_all() noexcept {
  const auto limit = static_cast<std::size_t>(max_connections_ + kRefusedAtOnce);
  if (shared_.is_stopping || connections_.size() >= limit) return;
  for (Door& door : doors_) accept(door);
}

void Server::Impl::accept(Door& door) noexcept {
  if (door.accepting.use_count() > 1) return;
  try {
    door.acceptor.async_accept([this, &door, accepting = door.accepting](
                                   const auto& error, Connection::Socket socket) mutable {
      accepting.reset();
      on_accept(door, error, std::move(socket));
    });
  } catch (...) {  // no memory: the next tick tries again
  }
}

void Server::Impl::on_accept(Door& door, const boost::system::error_code& error,
                             Connection::Socket socket) {
  if (shared_.is_stopping) return;
  if (error) {  // too many open files, say: tick() tries again, and one line of it is enough
    if (!std::exchange(accept_has_failed_, true)) {
      report(options_, "accept", error.message().c_str());
    }
    return;
  }
  accept_has_failed_ = false;
  ++shared_.accepted;
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::send_buffer_size(options_.limits.send_buffer), ignored);
  if (!door.is_unix) socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  auto connection = std::make_shared<Connection>(shared_, std::move(socket), door.is_unix);
  if (static_cast<int64_t>(connections_.size()) >= max_connections_) {
    auto refusal = error_response(503, "the server has too many connections");
    refusal.headers.emplace_back("Retry-After", "1");
    ++shared_.refused;
    connections_.insert(connection);
    connection->refuse(std::move(refusal));
  } else {
    connections_.insert(connection);
    connection->start();
  }
  accept_all();
}

void Server::Impl::on_closed(Connection& connection) noexcept {
  connections_.erase(connection.shared_from_this());
  if (shared_.is_stopping && connections_.empty()) {
    finish();
  } else {
    accept_all();
  }
}

void Server::Impl::tick(Clock::time_point now) {
  if (now >= end_time_) {
    for_each_connection([](Connection& connection) { connection.close(); });
  } else if (now >= cut_time_) {
    cut_time_ = Clock::time_point::max();
    end_time_ = now + kLastWrites;
    for_each_connection([](Connection& connection) { connection.cut(); });
  } else {
    for_each_connection([now](Connection& connection) { connection.tick(now); });
  }
  accept_all();
  await_stop();
}

void Server::Impl::stop(Time grace) noexcept {
  // The shortest of those not looked at yet.
  int64_t before = grace_.load();
  while (grace.count() < before && !grace_.compare_exchange_weak(before, grace.count())) {
  }
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_event_, &one, sizeof(one));
}

void Server::Impl::await_stop() {
  if (is_awaiting_stop_ || is_finished_) return;
  stop_reader_.async_read_some(asio::buffer(&stop_count_, sizeof(stop_count_)),
                               [this](const auto& error, std::size_t) {
                                 is_awaiting_stop_ = false;
                                 if (error) return;
                                 on_stop();
                                 await_stop();
                               });
  is_awaiting_stop_ = true;
}

void Server::Impl::on_stop() {
  const Time grace(std::max<int64_t>(0, grace_.exchange(kNever)));
  const auto cut_time = Clock::now() + std::min<Time>(grace, std::chrono::hours(24));
  if (end_time_ == Clock::time_point::max()) cut_time_ = std::min(cut_time_, cut_time);
  if (!std::exchange(shared_.is_stopping, true)) {
    boost::system::error_code ignored;
    // In this order: a server that begins now finds this one until its name is gone.
    for (Listener& listener : listeners_) listener.remove();
    for (Door& door : doors_) door.acceptor.close(ignored);
    for_each_connection([](Connection& connection) { connection.drain(); });
  }
  connections_.empty() ? finish() : tick(Clock::now());
}

// run() returns when nothing is left to wait for.
void Server::Impl::finish() noexcept {
  is_finished_ = true;
  work_.reset();
  boost::system::error_code ignored;
  stop_reader_.cancel(ignored);
}

Counters Server::Impl::counters() const {
  Counters counters;
  counters.connections = shared_.connections;
  counters.accepted = shared_.accepted;
  counters.refused = shared_.refused;
  counters.streams = shared_.streams;
  counters.bytes_in = shared_.bytes_in;
  counters.bytes_out = shared_.bytes_out;
  for (std::size_t i = 0; i < shared_.answers.size(); ++i) counters.answers[i] = shared_.answers[i];
  return counters;
}

Server::Server(ServerOptions options, std::vector<Route> routes)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(routes))) {}
Server::~Server() = default;

void Server::run() {
  impl_->run();
}
void Server::stop(std::chrono::milliseconds grace) noexcept {
  impl_->stop(grace);
}
Counters Server::counters() const {
  return impl_->counters();
}

int Server::port() const {
  for (const Listener& listener : impl_->listeners()) {
    if (!listener.is_unix()) return listener.port();
  }
  return 0;
}

std::vector<std::string> Server::names() const {
  std::vector<std::string> names;
  for (const Listener& listener : impl_->listeners()) names.push_back(listener.name());
  return names;
}

}  // namespace onebit::http
