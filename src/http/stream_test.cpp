// Streams of events: order, ends, clients that leave or do not read, a thousand at once.
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <mutex>

#include "base/sanitized.h"
#include "http/http_testing.h"

namespace onebit::http {
namespace {

std::string event(int64_t number) {
  return "data: " + std::to_string(number) + "\n\n";
}

std::string events(int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += event(i);
  return text;
}

// Keeps exchanges for the test, which answers them.
class Held {
 public:
  Handler handler() {
    return [this](const ExchangePtr& exchange) {
      const std::lock_guard lock(mutex_);
      exchanges_.push_back(exchange);
    };
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return exchanges_.size();
  }
  ExchangePtr take() {
    EXPECT_TRUE(eventually([&] { return count() > 0; }));
    const std::lock_guard lock(mutex_);
    ExchangePtr first = std::move(exchanges_.front());
    exchanges_.erase(exchanges_.begin());
    return first;
  }
  std::vector<ExchangePtr> take_all() {
    const std::lock_guard lock(mutex_);
    return std::move(exchanges_);
  }

 private:
  std::mutex mutex_;
  std::vector<ExchangePtr> exchanges_;
};

TEST(Stream, EventsArriveAsTheyAreWritten) {
  Held held;
  TestServer server({},
                    {make_route("POST", "/s", held.handler()), make_route("GET", "/get", echo)});
  Client client(server->port());
  client.send(post("/s", "x") + get("/get"));
  auto exchange = held.take();
  exchange->start_events({{"X-Extra", "1"}});
  EXPECT_TRUE(client.receive_until("\r\n\r\n"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(exchange->write(event(i)));
    EXPECT_TRUE(client.receive_until(event(i)));
  }
  EXPECT_EQ(client.received().find("GET /get"), std::string::npos) << "its turn comes later";
  exchange->end();
  EXPECT_FALSE(exchange->write(event(3)));
  auto answer = client.answer();
  EXPECT_EQ(answer.headers["content-type"], "text/event-stream");
  EXPECT_EQ(answer.headers["cache-control"], "no-store");
  EXPECT_EQ(answer.headers["x-extra"], "1");
  EXPECT_EQ(answer.body, events(3));
  EXPECT_TRUE(answer.has_ended);
  EXPECT_EQ(client.answer().body, "GET /get? ") << "the connection goes on";
}

TEST(Stream, EndsWithTheConnectionInHttp10) {
  Held held;
  TestServer server({}, {make_route("GET", "/s", held.handler())});
  Client client(server->port());
  client.send("GET /s HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
  auto exchange = held.take();
  exchange->start_events();
  exchange->write(events(3));
  exchange->end();
  auto answer = client.answer();
  EXPECT_EQ(answer.headers.count("transfer-encoding"), 0u);
  EXPECT_EQ(answer.headers["connection"], "close");
  EXPECT_EQ(answer.body, events(3));
}

TEST(Stream, HeadOfAStreamHasNoBody) {
  const Handler stream = [](const ExchangePtr& exchange) {
    exchange->start_events();
    exchange->write(events(3));
    exchange->end();
  };
  TestServer server({}, {make_route("GET", "/s", stream), make_route("GET", "/get", echo)});
  Client client(server->port());
  client.send("HEAD /s HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/get"));
  EXPECT_EQ(client.answer(true).headers["content-type"], "text/event-stream");
  EXPECT_EQ(client.answer().body, "GET /get? ");
}

TEST(Stream, SecondAnswersAreDropped) {
  const Handler twice = [](const ExchangePtr& exchange) {
    echo(exchange);
    echo(exchange);
    exchange->start_events();
    EXPECT_FALSE(exchange->write("data: 1\n\n"));
    exchange->end();
  };
  TestServer server({}, {make_route("GET", "/twice", twice), make_route("GET", "/get", echo)});
  Client client(server->port());
  client.send(get("/twice") + get("/get"));
  EXPECT_EQ(client.answer().body, "GET /twice? ");
  EXPECT_EQ(client.answer().body, "GET /get? ");
}

TEST(Gone, IsToldAtOnce) {
  Held held;
  TestServer server({}, {make_route("POST", "/s", held.handler())});
  for (const bool is_stream : {false, true}) {
    for (const bool is_reset : {false, true}) {
      Client client(server->port());
      client.send(post("/s", "x"));
      auto exchange = held.take();
      if (is_stream) {
        exchange->start_events();
        exchange->write(event(0));
        client.receive_until(event(0));
      }
      std::atomic<int> gone = 0;
      exchange->on_gone([&] { ++gone; });
      std::this_thread::sleep_for(milliseconds(20));
      EXPECT_EQ(gone, 0);
      if (is_reset) {
        const linger now = {1, 0};
        ::setsockopt(client.descriptor(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
      }
      const auto begin = std::chrono::steady_clock::now();
      client.close();
      EXPECT_TRUE(eventually([&] { return gone == 1; }));
      EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(1000));
      EXPECT_FALSE(exchange->write(event(1)));
      exchange->end();
      echo(exchange);
      EXPECT_EQ(gone, 1);
      // Asked late, it is told late.
      exchange->on_gone([&] { ++gone; });
      EXPECT_EQ(gone, 2);
    }
  }
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; }));
  EXPECT_EQ(server->counters().streams, 0);
}

TEST(Gone, IsToldOfAClientThatPipelines) {
  Held held;
  TestServer server({}, {make_route("POST", "/s", held.handler())});
  Client client(server->port());
  client.send(post("/s", "x") + post("/s", "y"));
  auto exchange = held.take();
  std::atomic<int> gone = 0;
  exchange->on_gone([&] { ++gone; });
  client.close();
  EXPECT_TRUE(eventually([&] { return gone == 1; }));
  EXPECT_EQ(held.count(), 0u) << "nobody waits for the second";
}

TEST(Gone, IsNotToldOfAnswersThatHaveEnded) {
  Held held;
  std::atomic<int> gone = 0;
  {
    TestServer server({}, {make_route("POST", "/s", held.handler())});
    Client client(server->port());
    client.send(post("/s", "x"));
    auto exchange = held.take();
    exchange->on_gone([&] { ++gone; });
    echo(exchange);
    EXPECT_EQ(client.answer().status, 200);
    client.close();
    EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; }));
    exchange->on_gone([&] { ++gone; });
  }
  EXPECT_EQ(gone, 0);
}

// A callback that holds its own exchange is no reason to live for ever.
TEST(Gone, CallbacksAreLetGo) {
  Held held;
  auto token = std::make_shared<int>(0);
  {
    TestServer server({}, {make_route("POST", "/s", held.handler())});
    Client leaves(server->port());
    leaves.send(post("/s", "x"));
    Client stays(server->port());
    stays.send(post("/s", "x"));
    for (int i = 0; i < 2; ++i) {
      auto exchange = held.take();
      exchange->on_gone([exchange, token] { (void)exchange; });
      if (i == 1) echo(exchange);
    }
    leaves.close();
    EXPECT_TRUE(eventually([&] { return token.use_count() <= 2; }));
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Stream, ClientThatDoesNotReadIsGone) {
  Held held;
  ServerOptions options;
  options.limits.max_unread = 64 * 1024;
  options.limits.send_buffer = 16 * 1024;
  TestServer server(options, {make_route("GET", "/s", held.handler())});
  Client client(server->port(), 4096);
  client.send(get("/s"));
  auto exchange = held.take();
  std::atomic<bool> gone = false;
  exchange->on_gone([&] { gone = true; });
  exchange->start_events();
  const std::string bytes(1000, 'x');
  int64_t written = 0;
  while (exchange->write(bytes) && written < (64 << 20)) written += 1000;
  EXPECT_TRUE(eventually([&] { return gone.load(); }));
  EXPECT_LT(written, 4 << 20);  // what the sockets hold, and the limit
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; }));
}

TEST(Stream, LessMayBeUnreadWhenAllLeaveMuch) {
  Held held;
  ServerOptions options;
  options.limits.max_all_unread = 2 << 20;
  options.limits.send_buffer = 16 * 1024;
  TestServer server(options, {make_route("GET", "/s", held.handler())});
  const std::string bytes(64 * 1024, 'x');
  const auto fill = [&](Client& client) {  // to the limit of one
    client.send(get("/s"));
    const auto exchange = held.take();
    exchange->start_events();
    int64_t written = 0;
    while (written < (64 << 20) && exchange->write(bytes)) written += std::ssize(bytes);
    return std::pair(exchange, written);
  };
  // One that is still held, below its limit: more than all may leave.
  Client first(server->port(), 4096);
  first.send(get("/s"));
  const auto held_by_first = held.take();
  held_by_first->start_events();
  EXPECT_TRUE(held_by_first->write(std::string(3 << 20, 'x')));
  Client second(server->port(), 4096);
  EXPECT_LT(fill(second).second, 1 << 20);
  first.close();
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; }));
  Client third(server->port(), 4096);
  EXPECT_GT(fill(third).second, 3 << 19);  // its own bytes count among those of all
}

TEST(Stream, ClientThatStopsReadingIsGoneAfterAWhile) {
  Held held;
  ServerOptions options;
  options.limits.write_timeout = milliseconds(200);
  options.limits.send_buffer = 16 * 1024;
  TestServer server(options, {make_route("GET", "/s", held.handler())});
  Client client(server->port(), 4096);
  client.send(get("/s"));
  auto exchange = held.take();
  std::atomic<bool> gone = false;
  exchange->on_gone([&] { gone = true; });
  exchange->start_events();
  // Less than the limit, more than the sockets hold.
  EXPECT_TRUE(exchange->write(std::string(240 * 1024, 'x')));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(gone);
  EXPECT_TRUE(eventually([&] { return gone.load(); }));
}

TEST(Stream, SlowReaderGetsAllIfItKeepsUp) {
  Held held;
  ServerOptions options;
  options.limits.send_buffer = 16 * 1024;
  TestServer server(options, {make_route("GET", "/s", held.handler())});
  Client client(server->port(), 4096);
  client.send(get("/s"));
  auto exchange = held.take();
  exchange->start_events();
  std::thread writer([&] {
    for (int64_t i = 0; i < 20'000; ++i) {
      EXPECT_TRUE(exchange->write(event(i)));
      if (i % 100 == 0) std::this_thread::sleep_for(milliseconds(1));
    }
    exchange->end();
  });
  const auto answer = client.answer();
  writer.join();
  EXPECT_EQ(answer.body, events(20'000));
  EXPECT_TRUE(answer.has_ended);
}

// Several threads answer, clients come and go: for TSan.
TEST(Stream, ManyThreadsAnswer) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 40;
  Held held;
  std::atomic<bool> is_done = false;
  std::atomic<int> gone = 0;
  TestServer server({}, {make_route("POST", "/s", held.handler())});
  std::vector<std::thread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&] {
      while (!is_done) {
        auto mine = held.take_all();
        for (auto& exchange : mine) {
          exchange->on_gone([&] { ++gone; });
          if (exchange->request().body == "whole") {
            echo(exchange);
            continue;
          }
          exchange->start_events();
          for (int64_t i = 0; i < 50; ++i) exchange->write(event(i));
          exchange->end();
        }
        std::this_thread::sleep_for(milliseconds(1));
      }
    });
  }
  std::vector<std::thread> readers;
  for (int t = 0; t < kThreads; ++t) {
    readers.emplace_back([&, t] {
      for (int i = 0; i < kRequests; ++i) {
        Client client(server->port());
        const bool is_whole = (i + t) % 3 == 0;
        client.send(post("/s", is_whole ? "whole" : "stream"));
        if (i % 4 == 3) continue;  // leaves
        const auto answer = client.answer();
        EXPECT_EQ(answer.body, is_whole ? "POST /s? whole" : events(50));
        EXPECT_TRUE(answer.has_ended);
      }
    });
  }
  for (auto& reader : readers) reader.join();
  is_done = true;
  for (auto& writer : writers) writer.join();
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; }));
  EXPECT_EQ(server->counters().streams, 0);
}

// Exchanges outlive the server that they came from.
TEST(Stream, LateAnswersAreDropped) {
  Held held;
  std::vector<std::shared_ptr<Client>> clients;
  {
    TestServer server({}, {make_route("POST", "/s", held.handler())});
    for (int i = 0; i < 4; ++i) {
      clients.push_back(std::make_shared<Client>(server->port()));
      clients.back()->send(post("/s", "x"));
    }
    EXPECT_TRUE(eventually([&] { return held.count() == 4; }));
  }
  for (auto& exchange : held.take_all()) {
    exchange->start_events();
    EXPECT_FALSE(exchange->write(event(0)));
    exchange->end();
  }
}

int64_t resident_bytes() {
  int64_t pages = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(Stream, AThousandAtOnce) {
  constexpr int kClients = 1000;
  constexpr int64_t kEvents = 40;
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2 * kClients + 100) GTEST_SKIP() << "too few files may be open";

  Held held;
  TestServer server({}, {make_route("POST", "/s", held.handler())});
  std::vector<Client> clients;
  clients.reserve(kClients);
  const std::string request = post("/s", "{\"stream\": true}");
  const auto before = resident_bytes();
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(server->port());
    ASSERT_TRUE(clients.back().is_open()) << i;
    ASSERT_TRUE(clients.back().send(request));
  }
  ASSERT_TRUE(eventually([&] { return held.count() == kClients; }));
  auto exchanges = held.take_all();
  for (auto& exchange : exchanges) exchange->start_events();
  // As a scheduler does: an event for each, step after step.
  for (int64_t i = 0; i < kEvents; ++i) {
    for (auto& exchange : exchanges) ASSERT_TRUE(exchange->write(event(i)));
    if (i % 10 == 0) std::this_thread::sleep_for(milliseconds(5));
  }
  ASSERT_TRUE(eventually([&] { return server->counters().streams == kClients; }));
  const auto each = (resident_bytes() - before) / kClients;
  for (auto& exchange : exchanges) exchange->end();
  int whole = 0;
  for (Client& client : clients) {
    const auto answer = client.answer();
    whole += answer.has_ended && answer.body == events(kEvents);
  }
  EXPECT_EQ(whole, kClients);
  std::printf("%lld bytes of memory a stream (with its client)\n", static_cast<long long>(each));
  if (!kIsSanitized) {
    EXPECT_LT(each, 64 * 1024);
  }
}

}  // namespace
}  // namespace onebit::http
