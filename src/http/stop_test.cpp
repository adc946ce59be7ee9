// How a server ends.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <mutex>

#include "http/http_testing.h"

namespace onebit::http {
namespace {

class StopTest : public testing::Test {
 protected:
  StopTest() {
    const Handler hold = [this](const ExchangePtr& exchange) {
      const std::lock_guard lock(mutex_);
      held_ = exchange;
    };
    ServerOptions options;
    options.last_events = "data: {\"error\":\"stopping\"}\n\n";
    server_.emplace(options, std::vector<Route>{make_route("GET", "/get", echo),
                                                make_route("POST", "/hold", hold)});
  }

  ExchangePtr held() {
    ExchangePtr exchange;
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex_);
      exchange = std::move(held_);
      return exchange != nullptr;
    }));
    return exchange;
  }

  std::mutex mutex_;
  ExchangePtr held_;
  std::optional<TestServer> server_;
};

TEST_F(StopTest, WithNothingToDoIsAtOnce) {
  Client idle((*server_)->port());
  Client kept((*server_)->port());
  kept.send(get("/get"));
  EXPECT_EQ(kept.answer().status, 200);
  const auto begin = std::chrono::steady_clock::now();
  server_->stop(milliseconds(60'000));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(2000));
  EXPECT_TRUE(kept.is_closed_within(milliseconds(1000)));
  EXPECT_TRUE(idle.is_closed_within(milliseconds(1000)));
}

TEST_F(StopTest, LetsAnswersEnd) {
  const int port = (*server_)->port();
  Client client(port);
  client.send(post("/hold", "x"));
  auto exchange = held();
  exchange->start_events();
  exchange->write("data: 1\n\n");
  ASSERT_TRUE(client.receive_until("data: 1"));
  (**server_).stop(milliseconds(60'000));
  EXPECT_TRUE(eventually([&] { return !Client(port).is_open(); })) << "no new connections";
  EXPECT_TRUE(exchange->write("data: 2\n\n"));
  exchange->end();
  const auto answer = client.answer();
  EXPECT_EQ(answer.body, "data: 1\n\ndata: 2\n\n");
  EXPECT_TRUE(answer.has_ended);
  client.close();
  server_->join();
}

TEST_F(StopTest, LetsARequestArrive) {
  Client client((*server_)->port());
  const auto request = get("/get");
  client.send(request.substr(0, 10));
  EXPECT_TRUE(eventually([&] { return (*server_)->counters().bytes_in == 10; }));
  (**server_).stop(milliseconds(60'000));
  std::this_thread::sleep_for(milliseconds(50));
  client.send(request.substr(10));
  auto answer = client.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers["connection"], "close");
  client.close();
  server_->join();
}

TEST_F(StopTest, CutsOffWhatTakesLonger) {
  Client stream((*server_)->port());
  stream.send(post("/hold", "x"));
  auto streaming = held();
  streaming->start_events();
  streaming->write("data: 1\n\n");
  Client whole((*server_)->port());
  whole.send(post("/hold", "x"));
  auto waiting = held();
  Client half((*server_)->port());
  half.send("GET /get HT");
  EXPECT_TRUE(eventually([&] { return (*server_)->counters().streams == 1; }));
  std::atomic<int> gone = 0;
  streaming->on_gone([&] { ++gone; });
  waiting->on_gone([&] { ++gone; });

  const auto begin = std::chrono::steady_clock::now();
  (**server_).stop(milliseconds(100));
  auto answer = stream.answer();
  EXPECT_EQ(answer.body, "data: 1\n\ndata: {\"error\":\"stopping\"}\n\n");
  EXPECT_TRUE(answer.has_ended);
  answer = whole.answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("\"server_error\""), std::string::npos);
  EXPECT_EQ(gone, 2) << "their work is not wanted any more";
  EXPECT_FALSE(streaming->write("data: 2\n\n"));
  server_->join();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(100));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(5000));
}

TEST_F(StopTest, ASecondTimeIsNow) {
  Client client((*server_)->port());
  client.send(post("/hold", "x"));
  auto exchange = held();
  (**server_).stop(milliseconds(60'000));
  std::this_thread::sleep_for(milliseconds(50));
  const auto begin = std::chrono::steady_clock::now();
  (**server_).stop(milliseconds(0));
  EXPECT_EQ(client.answer().status, 503);
  client.close();
  server_->join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(2000));
}

TEST_F(StopTest, ClientsThatReadNothingDoNotHoldItUp) {
  Client client((*server_)->port(), 4096);
  client.send(post("/hold", "x"));
  auto exchange = held();
  exchange->start_events();
  exchange->write(std::string(8 << 20, 'x'));
  const auto begin = std::chrono::steady_clock::now();
  server_->stop(milliseconds(100));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(5000));
}

Server* signalled = nullptr;

TEST_F(StopTest, MayBeCalledInASignalHandler) {
  signalled = &**server_;
  const auto before = std::signal(SIGUSR1, [](int) { signalled->stop(milliseconds(1000)); });
  std::raise(SIGUSR1);
  server_->join();
  std::raise(SIGUSR1);  // after the end, too
  std::signal(SIGUSR1, before);
}

// Its path is free for the next one as soon as nobody answers there.
TEST(Stop, TakesAUnixSocketAway) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("onebit_stop_" + std::to_string(::getpid()) + ".sock");
  ServerOptions options;
  options.addresses = {{"", 0, path.string()}};
  Server server(options, {});
  EXPECT_TRUE(std::filesystem::exists(path));
  server.stop(milliseconds(0));
  server.run();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Stop, BeforeAndWithoutRun) {
  Server never({}, {});
  Server early({}, {});
  early.stop(milliseconds(1000));
  early.run();
}

}  // namespace
}  // namespace onebit::http
