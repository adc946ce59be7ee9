// Clients that take too long or too much.
#include <mutex>

#include "http/http_testing.h"

namespace onebit::http {
namespace {

std::vector<Route> routes() {
  return {make_route("GET", "/get", echo), make_route("POST", "/post", echo, 1 << 20)};
}

ServerOptions impatient() {
  ServerOptions options;
  options.limits.head_timeout = milliseconds(200);
  options.limits.body_timeout = milliseconds(200);
  options.limits.idle_timeout = milliseconds(200);
  options.limits.write_timeout = milliseconds(200);
  options.limits.linger_timeout = milliseconds(200);
  return options;
}

TEST(Limits, SlowHead) {
  TestServer server(impatient(), routes());
  Client client(server->port());
  // However it drips in: one byte is no reason to wait on.
  const auto begin = std::chrono::steady_clock::now();
  const std::string head = get("/get", "X: " + std::string(1000, 'x') + "\r\n");
  for (const char c : head) {
    if (!client.send({&c, 1}) || client.receive(milliseconds(10))) break;
  }
  EXPECT_EQ(client.answer().status, 408);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, milliseconds(190));
  EXPECT_LT(took, milliseconds(2000));
}

TEST(Limits, SilentClientsAreLeftWithoutAWord) {
  TestServer server(impatient(), routes());
  Client silent(server->port());
  Client kept(server->port());
  kept.send(get("/get"));
  EXPECT_EQ(kept.answer().status, 200);
  EXPECT_TRUE(silent.is_closed_within(milliseconds(2000)));
  EXPECT_TRUE(kept.is_closed_within(milliseconds(2000)));
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; }));
}

TEST(Limits, SlowBody) {
  ServerOptions options = impatient();
  options.limits.min_body_rate = 10'000;
  TestServer server(options, routes());
  Client client(server->port());
  const auto whole = post("/post", std::string(100'000, 'x'));
  client.send(whole.substr(0, 200));
  EXPECT_EQ(client.answer().status, 408);

  // 20 KB/s is fast enough, though it takes longer than the timeout.
  Client steady(server->port());
  const auto body = post("/post", std::string(10'000, 'x'));
  for (std::size_t at = 0; at < body.size(); at += 400) {
    ASSERT_TRUE(steady.send(std::string_view(body).substr(at, 400)));
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_EQ(steady.answer().status, 200);
}

TEST(Limits, HandlersMayTakeTheirTime) {
  std::thread thread;
  const Handler slow = [&](const ExchangePtr& exchange) {
    thread = std::thread([exchange] {
      std::this_thread::sleep_for(milliseconds(600));
      echo(exchange);
    });
  };
  TestServer server(impatient(), {make_route("GET", "/slow", slow)});
  Client client(server->port());
  client.send(get("/slow"));
  EXPECT_EQ(client.answer().status, 200);
  thread.join();
}

TEST(Limits, BodiesTogether) {
  ServerOptions options;
  options.limits.max_bodies = 150'000;
  options.limits.small_body = 1000;
  TestServer server(options, routes());
  Client first(server->port());
  const auto whole = post("/post", std::string(100'000, 'x'));
  first.send(whole.substr(0, 90'000));
  EXPECT_TRUE(eventually([&] { return server->counters().bytes_in == 90'000; }));
  Client second(server->port());
  second.send(whole);
  auto answer = second.answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers["retry-after"], "1");
  first.send(whole.substr(90'000));
  EXPECT_EQ(first.answer().status, 200);
  Client third(server->port());
  third.send(whole);
  EXPECT_EQ(third.answer().status, 200) << "what ended was given back";
}

// A body counts until its handler has let it go.
TEST(Limits, BodiesThatWaitInHandlers) {
  ServerOptions options;
  options.limits.max_bodies = 250'000;
  options.limits.small_body = 1000;
  std::mutex mutex;
  std::vector<Body> bodies;
  const Handler keep = [&](const ExchangePtr& exchange) {
    const std::lock_guard lock(mutex);
    bodies.push_back(exchange->take_body());
    EXPECT_EQ(exchange->request().body, "");
    exchange->respond({200, "text/plain", bodies.back().text, {}});
  };
  TestServer server(options, {make_route("POST", "/keep", keep)});
  Client client(server->port());
  const auto whole = post("/keep", std::string(100'000, 'x'));
  for (int i = 0; i < 2; ++i) {
    client.send(whole);
    EXPECT_EQ(client.answer().body.size(), 100'000u);
  }
  Client third(server->port());
  third.send(whole);
  EXPECT_EQ(third.answer().status, 503);
  {
    const std::lock_guard lock(mutex);
    bodies.clear();
  }
  client.send(whole);
  EXPECT_EQ(client.answer().status, 200);
}

TEST(Limits, Connections) {
  ServerOptions options = impatient();
  options.limits.max_connections = 2;
  options.limits.idle_timeout = options.limits.head_timeout = milliseconds(60'000);
  TestServer server(options, routes());
  std::vector<Client> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back(server->port());
    clients.back().send(get("/get"));
    EXPECT_EQ(clients.back().answer().status, 200);
  }
  Client third(server->port());
  third.send(get("/get"));
  EXPECT_EQ(third.answer().status, 503);
  EXPECT_TRUE(third.is_closed_within(milliseconds(2000)));
  EXPECT_EQ(server->counters().refused, 1);
  clients.pop_back();
  EXPECT_TRUE(eventually([&] {
    Client next(server->port());
    next.send(get("/get"));
    return next.answer().status == 200;
  }));
}

TEST(Limits, ManyMoreConnectionsThanAllowedAreAnsweredInTheEnd) {
  ServerOptions options = impatient();
  options.limits.max_connections = 1;
  TestServer server(options, routes());
  std::vector<Client> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(server->port());
  int answered = 0;
  for (Client& client : clients) {
    client.send(get("/get"));
    const int status = client.answer().status;
    answered += status == 200 || status == 503;
  }
  // The first is told nothing: it came in, and was silent for too long.
  EXPECT_GE(answered, 199);
}

TEST(Limits, SlowLorisesAreForgotten) {
  TestServer server(impatient(), routes());
  std::vector<Client> clients;
  for (int i = 0; i < 300; ++i) {
    clients.emplace_back(server->port());
    clients.back().send("GET /get HTTP/1.1\r\nX-");
  }
  Client other(server->port());
  other.send(get("/get"));
  EXPECT_EQ(other.answer().status, 200);
  EXPECT_TRUE(eventually([&] { return server->counters().answers[4] == 300; }));
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; }));
}

// A client that reads nothing of a large answer.
TEST(Limits, UnreadAnswer) {
  std::string body(8 << 20, 'x');
  const Handler large = [&](const ExchangePtr& exchange) {
    exchange->respond({200, "text/plain", body, {}});
  };
  TestServer server(impatient(), {make_route("GET", "/large", large)});
  Client client(server->port(), 4096);
  client.send(get("/large"));
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 1; }));
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; }));
  EXPECT_LT(server->counters().bytes_out, 1 << 20);
  // One that reads gets it all.
  Client reader(server->port());
  reader.send(get("/large"));
  EXPECT_EQ(reader.answer().body.size(), body.size());
}

// A byte now and then does not keep an answer in memory.
TEST(Limits, AnswersAreTakenAtALeastRate) {
  ServerOptions options = impatient();
  options.limits.min_answer_rate = 10 << 20;
  const std::string body(32 << 20, 'x');
  const Handler large = [&](const ExchangePtr& exchange) {
    exchange->respond({200, "text/plain", body, {}});
  };
  const Handler stream = [&](const ExchangePtr& exchange) {
    exchange->start_events();
    exchange->write(body);
    exchange->end();
  };
  TestServer server(options, {make_route("GET", "/large", large), make_route("GET", "/s", stream)});
  for (const char* path : {"/large", "/s"}) {
    Client client(server->port(), 4096);
    client.send(get(path));
    std::size_t taken = 0;
    while (client.receive()) {
      taken += client.take_received().size();
      std::this_thread::sleep_for(milliseconds(3));  // at most 16 KB each: never 6 MB/s
    }
    EXPECT_LT(taken, body.size()) << path;
    EXPECT_TRUE(eventually([&] { return server->counters().connections == 0; })) << path;
  }
}

// Nor is a stream slow for which there is nothing to read.
TEST(Limits, StreamsMayTakeTheirTime) {
  ServerOptions options = impatient();
  options.limits.min_answer_rate = 10 << 20;
  std::thread thread;
  const Handler slow = [&](const ExchangePtr& exchange) {
    thread = std::thread([exchange] {
      exchange->start_events();
      for (int i = 0; i < 30; ++i) {
        EXPECT_TRUE(exchange->write("data: 1\n\n"));
        std::this_thread::sleep_for(milliseconds(20));
      }
      exchange->end();
    });
  };
  TestServer server(options, {make_route("GET", "/slow", slow)});
  Client client(server->port());
  client.send(get("/slow"));
  EXPECT_TRUE(client.answer().has_ended);
  thread.join();
}

TEST(Limits, UnreadAnswersTogether) {
  ServerOptions options;
  options.limits.max_all_unread = 40 << 20;
  options.limits.send_buffer = 16 * 1024;
  const Handler sized = [](const ExchangePtr& exchange) {
    const auto size = std::stoul(exchange->request().query) << 10;
    const int status = exchange->respond({200, "text/plain", std::string(size, 'x'), {}});
    EXPECT_EQ(status, size == 30 << 20 && exchange->request().method == "POST" ? 503 : 200);
  };
  TestServer server(options, {make_route("GET", "/x", sized), make_route("POST", "/x", sized)});
  Client first(server->port(), 4096);
  first.send(get("/x?30720"));
  EXPECT_TRUE(first.receive_until("xxx"));  // and no more: it is held
  Client second(server->port());
  second.send(post("/x?30720", "") + get("/x?200"));
  auto answer = second.answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers["retry-after"], "1");
  EXPECT_EQ(second.answer().body.size(), 200u << 10) << "small ones always find room";
  first.close();
  EXPECT_TRUE(eventually([&] { return server->counters().connections == 1; }));
  second.send(get("/x?30720"));
  EXPECT_EQ(second.answer().body.size(), 30u << 20) << "what ended was given back";
}

// While an answer is made, only so much of what follows is read.
TEST(Limits, PipelinedBytesWaitForTheAnswer) {
  std::mutex mutex;
  ExchangePtr held;
  const Handler hold = [&](const ExchangePtr& exchange) {
    const std::lock_guard lock(mutex);
    held = exchange;
  };
  TestServer server({}, {make_route("GET", "/hold", hold), make_route("GET", "/get", echo)});
  Client client(server->port());
  client.send(get("/hold"));
  const std::string request = get("/get");
  std::string requests;
  for (int i = 0; i < 10'000; ++i) requests += request;
  std::thread sender([&] { client.send(requests); });
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_LT(server->counters().bytes_in, 32 * 1024);
  {
    const std::lock_guard lock(mutex);
    echo(held);
  }
  EXPECT_EQ(client.answer().body, "GET /hold? ");
  int answers = 0;
  while (answers < 10'000 && client.answer().body == "GET /get? ") ++answers;
  sender.join();
  EXPECT_EQ(answers, 10'000);
}

}  // namespace
}  // namespace onebit::http
