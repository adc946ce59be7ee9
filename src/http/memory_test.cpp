// Memory runs out at the n-th allocation of the server, for every n (as SQLite is tested): whoever
// needs it gets an error or the end of the connection, and the server goes on.
#include "http/memory_testing.h"

#include <atomic>
#include <mutex>

#include "http/http_testing.h"

namespace onebit::http {
namespace {

// A server, and a thread that writes streams, both of which run out of memory.
class FragileServer {
 public:
  FragileServer()
      : server_(options(), routes()),
        io_thread_([this] {
          g_may_fail = true;
          server_.run();
        }),
        writer_([this] {
          g_may_fail = true;
          while (!is_done_) {
            write_streams();
            std::this_thread::sleep_for(milliseconds(1));
          }
        }) {}
  ~FragileServer() {
    server_.stop(milliseconds(0));
    join();
  }

  Server* operator->() { return &server_; }
  void join() {
    if (io_thread_.joinable()) io_thread_.join();
    is_done_ = true;
    if (writer_.joinable()) writer_.join();
  }

 private:
  static ServerOptions options() {
    ServerOptions options;
    options.last_events = "data: the last one\n\n";
    options.limits.linger_timeout = milliseconds(20);  // a tick every 5 ms
    return options;
  }
  std::vector<Route> routes() {
    const Handler keep = [this](const ExchangePtr& exchange) {
      const std::lock_guard lock(mutex_);
      streams_.push_back(exchange);
    };
    return {make_route("POST", "/echo", echo), make_route("GET", "/forgets", [](const auto&) {}),
            make_route("GET", "/stream", keep)};
  }

  void write_streams() {
    std::vector<ExchangePtr> streams;
    {
      const std::lock_guard lock(mutex_);
      streams.swap(streams_);
    }
    for (const ExchangePtr& exchange : streams) {
      try {
        exchange->on_gone([text = std::string(100, 'x')] {});
        exchange->start_events({{"X-Name-Of-A-Field", "a value of some length"}});
        for (int i = 0; i < 3; ++i) exchange->write("data: of more than fifteen bytes\n\n");
        exchange->end();
      } catch (const std::bad_alloc&) {
      }
    }
  }

  std::mutex mutex_;
  std::vector<ExchangePtr> streams_;
  std::atomic<bool> is_done_ = false;
  Server server_;
  std::thread io_thread_;
  std::thread writer_;
};

// True: all requests were answered.
bool converse(Client& client) {
  for (const std::string& request : {post("/echo", std::string(20'000, 'x')), get("/stream"),
                                     get("/forgets"), get("/none"), get("/stream")}) {
    client.send(request);
    if (client.answer().has_ended) continue;
    EXPECT_TRUE(client.is_closed_within(milliseconds(0))) << "it would wait for ever";
    return false;
  }
  return true;
}

class Memory : public testing::TestWithParam<int64_t> {};

TEST_P(Memory, RunsOutInAConversation) {
  FragileServer server;
  int64_t n = 0;
  int64_t broken = 0;
  do {
    fail_allocations(n, GetParam());
    {
      Client client(server->port());
      broken += !converse(client);
    }
    spare_allocations();
    Client next(server->port());
    ASSERT_TRUE(converse(next)) << n;
    next.close();
    ASSERT_TRUE(eventually([&] { return server->counters().connections == 0; })) << n;
    ASSERT_EQ(server->counters().streams, 0) << n;
  } while (g_allocations > n++);
  EXPECT_GT(n, 50);
  EXPECT_GT(broken, 20);
}

TEST_P(Memory, RunsOutWhileItStops) {
  int64_t n = 0;
  do {
    FragileServer server;
    Client stream(server->port());
    stream.send(get("/stream"));
    ASSERT_TRUE(stream.receive_until("data: "));
    Client half(server->port());
    half.send("GET /get HT");
    ASSERT_TRUE(eventually([&] { return server->counters().connections == 2; }));
    fail_allocations(n, GetParam());
    server->stop(milliseconds(1));
    server.join();
    spare_allocations();
  } while (g_allocations > n++);
}

INSTANTIATE_TEST_SUITE_P(Failures, Memory, testing::Values(1, 10));

}  // namespace
}  // namespace onebit::http
