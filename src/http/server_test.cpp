#include "http/server.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "http/http_testing.h"
#include "http/listener.h"

namespace onebit::http {
namespace {

std::vector<Route> echo_routes() {
  Route open = make_route("GET", "/health", echo);
  open.is_public = true;
  return {make_route("GET", "/get", echo), make_route("POST", "/post", echo, 1 << 20), open};
}

TEST(Server, AnswersAndKeepsTheConnection) {
  TestServer server({}, echo_routes());
  Client client(server->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send(post("/post?x=1", "hello")));
    const auto answer = client.answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "POST /post?x=1 hello");
    EXPECT_EQ(answer.headers.count("connection"), 0u);
  }
  const auto counters = server->counters();
  EXPECT_EQ(counters.connections, 1);
  EXPECT_EQ(counters.accepted, 1);
  EXPECT_EQ(counters.answers[2], 3);
  EXPECT_GT(counters.bytes_in, 0);
  EXPECT_GT(counters.bytes_out, 0);
}

TEST(Server, EveryAnswerHasSafeFields) {
  ServerOptions options;
  options.content_security_policy = "default-src 'self'";
  const Handler page = [](const ExchangePtr& exchange) {
    Response response{200, "text/html; charset=utf-8", "<p>", {}};
    response.headers = {{"Cache-Control", "max-age=60"}, {"X-Name", "a\r\nSet-Cookie: b"}};
    exchange->respond(std::move(response));
  };
  TestServer server(options, {make_route("GET", "/page", page), make_route("GET", "/get", echo)});
  Client client(server->port());
  for (const char* path : {"/get", "/none", "/page"}) {
    client.send(get(path));
    auto answer = client.answer();
    EXPECT_EQ(answer.headers["x-content-type-options"], "nosniff") << path;
    EXPECT_EQ(answer.headers["referrer-policy"], "no-referrer") << path;
    EXPECT_EQ(answer.headers.count("access-control-allow-origin"), 0u) << path;
    EXPECT_EQ(answer.headers["date"].size(), std::string("Sun, 22 Nov 2026 20:00:00 GMT").size());
    const bool is_page = std::string(path) == "/page";
    EXPECT_EQ(answer.headers["cache-control"], is_page ? "max-age=60" : "no-store") << path;
    EXPECT_EQ(answer.headers.count("content-security-policy"), is_page ? 1u : 0u) << path;
    EXPECT_EQ(answer.headers.count("set-cookie"), 0u) << path;
  }
}

TEST(Server, AnswersPipelinedRequestsInTheirOrder) {
  // The answers are made by threads, the first request's last.
  std::vector<std::thread> threads;
  const Handler slow = [&](const ExchangePtr& exchange) {
    threads.emplace_back([exchange] {
      const int i = std::stoi(exchange->request().body);
      std::this_thread::sleep_for(milliseconds(20 - i));
      echo(exchange);
    });
  };
  {
    TestServer server({}, {make_route("POST", "/slow", slow)});
    Client client(server->port());
    std::string requests;
    for (int i = 0; i < 20; ++i) requests += post("/slow", std::to_string(i));
    client.send(requests);
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(client.answer().body, "POST /slow? " + std::to_string(i));
    }
  }
  for (auto& thread : threads) thread.join();
}

TEST(Server, AnswersWhatWasSentBeforeTheClientsEnd) {
  TestServer server({}, echo_routes());
  Client client(server->port());
  client.send(get("/get?1") + get("/get?2") + get("/get?3"));
  ::shutdown(client.descriptor(), SHUT_WR);
  for (const char* number : {"1", "2", "3"}) {
    EXPECT_EQ(client.answer().body, "GET /get?" + std::string(number) + " ");
  }
  EXPECT_TRUE(client.is_closed_within(milliseconds(1000)));
}

TEST(Server, HeadHasFieldsOnly) {
  TestServer server({}, echo_routes());
  Client client(server->port());
  client.send("HEAD /get HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/get"));
  auto answer = client.answer(true);
  EXPECT_EQ(answer.headers["content-length"], std::to_string(std::string("HEAD /get? ").size()));
  EXPECT_EQ(client.answer().body, "GET /get? ");
}

TEST(Server, Http10ClosesUnlessAskedNotTo) {
  TestServer server({}, echo_routes());
  Client client(server->port());
  client.send("GET /get HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
  auto answer = client.answer();
  EXPECT_EQ(answer.headers["connection"], "keep-alive");
  client.send("GET /get HTTP/1.0\r\nHost: localhost\r\n\r\n");
  answer = client.answer();
  EXPECT_EQ(answer.headers["connection"], "close");
  EXPECT_EQ(answer.body, "GET /get? ");
  EXPECT_TRUE(client.is_closed_within(milliseconds(1000)));
}

TEST(Server, AsksForABodyThatWaits) {
  TestServer server({}, echo_routes());
  Client client(server->port());
  const std::string fields = "Expect: 100-continue\r\n";
  const auto whole = post("/post", "hello", fields);
  client.send(whole.substr(0, whole.size() - 5));
  EXPECT_EQ(client.answer().status, 100);
  client.send("hello");
  EXPECT_EQ(client.answer().body, "POST /post? hello");
  // It is refused before it is sent.
  client.send("POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n" + fields +
              "\r\n");
  EXPECT_EQ(client.answer().status, 413);
  EXPECT_TRUE(client.is_closed_within(milliseconds(1000)));
}

// The client sends on for a while: a close right behind the answer would be a reset, which takes
// the answer away from a client that has not read it.
TEST(Server, ClientSeesTheRefusalOfABodyThatItStillSends) {
  ServerOptions options;
  options.limits.linger_timeout = milliseconds(1000);
  TestServer server(options, echo_routes());
  Client client(server->port());
  client.send("POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n");
  const std::string part(100'000, 'x');
  for (int i = 0; i < 80; ++i) ASSERT_TRUE(client.send(part)) << i;
  auto answer = client.answer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.headers["connection"], "close");
  EXPECT_NE(answer.body.find("larger than 1048576 bytes"), std::string::npos);
}

TEST(Server, LargeBodiesBothWays) {
  TestServer server({}, echo_routes());
  Client client(server->port());
  std::string body(1 << 20, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  std::thread sender([&] { client.send(post("/post", body)); });
  sender.join();
  EXPECT_EQ(client.answer().body, "POST /post? " + body);
}

TEST(Server, HandlersThatFailAreAnswered) {
  ServerOptions options;
  std::vector<std::string> lines;
  options.on_error = [&](const char* line) { lines.emplace_back(line); };
  const Handler throws = [](const ExchangePtr&) { throw std::runtime_error("boom"); };
  const Handler forgets = [](const ExchangePtr&) {};
  const Handler stops = [](const ExchangePtr& exchange) {
    exchange->start_events();
    exchange->write("data: 1\n\n");
    throw std::runtime_error("boom");
  };
  {
    TestServer server(options,
                      {make_route("GET", "/throws", throws), make_route("GET", "/forgets", forgets),
                       make_route("GET", "/stops", stops)});
    Client client(server->port());
    for (const char* path : {"/throws", "/forgets"}) {
      client.send(get(path));
      const auto answer = client.answer();
      EXPECT_EQ(answer.status, 500);
      EXPECT_NE(answer.body.find("\"server_error\""), std::string::npos);
      EXPECT_EQ(answer.body.find("boom"), std::string::npos);
    }
    client.send(get("/stops"));
    EXPECT_FALSE(client.answer().has_ended) << "half a stream must not look whole";
  }
  EXPECT_EQ(lines.size(), 2u);
}

TEST(Server, AsksForAKey) {
  ServerOptions options;
  options.guard.keys = ApiKeys::from_text("sk-first-key", "KEYS");
  const Handler tenant = [](const ExchangePtr& exchange) {
    exchange->respond({200, "text/plain", exchange->request().tenant, {}});
  };
  Route open = make_route("GET", "/open", tenant);
  open.is_public = true;
  TestServer server(options, {make_route("GET", "/tenant", tenant), open});
  Client client(server->port());
  client.send(get("/tenant"));
  auto answer = client.answer();
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.headers["www-authenticate"], "Bearer");
  client.send(get("/none"));
  EXPECT_EQ(client.answer().status, 401) << "not even what there is";
  client.send(get("/open"));
  EXPECT_EQ(client.answer().status, 200);
  client.send(get("/tenant", "Authorization: Bearer sk-first-key\r\n"));
  EXPECT_EQ(client.answer().body, *options.guard.keys.tenant("sk-first-key"));
}

TEST(Server, HostsAndOrigins) {
  ServerOptions options;
  options.guard.origins = {"https://app.example"};
  TestServer server(options, echo_routes());
  Client client(server->port());
  client.send("GET /get HTTP/1.1\r\nHost: rebound.example\r\n\r\n");
  EXPECT_EQ(client.answer().status, 403);
  client.send("GET /get HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server->port()) +
              "\r\n\r\n");
  EXPECT_EQ(client.answer().status, 200);
  client.send(get("/get", "Origin: https://evil.example\r\n"));
  EXPECT_EQ(client.answer().status, 403);
  client.send(get("/get", "Origin: https://app.example\r\n"));
  auto answer = client.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers["access-control-allow-origin"], "https://app.example");
  client.send(
      "OPTIONS /post HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n");
  answer = client.answer();
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.headers["access-control-allow-headers"], "authorization, content-type, *");
  EXPECT_EQ(answer.headers["access-control-allow-origin"], "https://app.example");
}

TEST(Server, RefusesToBeOpenToAllByAccident) {
  ServerOptions options;
  options.addresses = {{"0.0.0.0", 0, ""}};
  try {
    Server server(options, {});
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("listen on http://0.0.0.0:"), std::string::npos);
  }
  options.allow_public = true;
  EXPECT_GT(Server(options, {}).port(), 0);
  options.allow_public = false;
  options.guard.keys = ApiKeys::from_text("sk-first-key", "KEYS");
  EXPECT_GT(Server(options, {}).port(), 0);
}

TEST(Server, NamesTheAddressThatItCannotHave) {
  const auto message = [](Address address) -> std::string {
    ServerOptions options;
    options.addresses = {std::move(address)};
    try {
      Server server(options, {});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  Server first({}, {});
  EXPECT_EQ(
      message({"127.0.0.1", first.port(), ""}),
      "listen on http://127.0.0.1:" + std::to_string(first.port()) + ": Address already in use");
  EXPECT_EQ(message({"127.0.0.1", 65536, ""}),
            "listen on http://127.0.0.1:65536: Invalid argument");
  EXPECT_NE(message({"no such host", 0, ""}).find("listen on 'no such host': "), std::string::npos);
  EXPECT_NE(message({"", 0, ""}), "");
  EXPECT_NE(message({"", 0, "/tmp/" + std::string(200, 'x')}).find("at most 107 bytes"),
            std::string::npos);
  EXPECT_EQ(message({"", 0, "/dev/null"}), "listen on unix:/dev/null: File exists");
}

TEST(Server, UnixSocketIsItsOwnersOnly) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("onebit_http_" + std::to_string(::getpid()) + ".sock");
  ServerOptions options;
  options.addresses = {{"", 0, path.string()}};
  {
    TestServer server(options, echo_routes());
    struct stat status;
    ASSERT_EQ(::lstat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(server->names().at(0), "unix:" + path.string());
    Client client(path.string());
    client.send("GET /get HTTP/1.1\r\nHost: whatever\r\n\r\n");
    EXPECT_EQ(client.answer().body, "GET /get? ");
    EXPECT_THROW(Server(options, {}), Error) << "in use";
  }
  EXPECT_FALSE(std::filesystem::exists(path));

  // Left by a server that was killed.
  const int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(left);
  ASSERT_TRUE(std::filesystem::exists(path));
  {
    TestServer server(options, echo_routes());
    Client client(path.string());
    client.send("GET /get HTTP/1.1\r\nHost: whatever\r\n\r\n");
    EXPECT_EQ(client.answer().status, 200);
  }
}

// Of several that find a stale socket at once, one gets it and stays reachable.
TEST(Server, OneServerOfAUnixSocket) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("onebit_race_" + std::to_string(::getpid()) + ".sock");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  for (int round = 0; round < 50; ++round) {
    const int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(left, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::close(left);
    std::array<std::optional<Listener>, 4> listeners;
    std::vector<std::thread> threads;
    for (auto& listener : listeners) {
      threads.emplace_back([&] {
        try {
          listener.emplace(Address{"", 0, path.string()});
        } catch (const Error&) {
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(std::ranges::count_if(listeners, [](const auto& one) { return one.has_value(); }), 1);
    EXPECT_TRUE(Client(path.string()).is_open());
  }
}

TEST(Server, SeveralAddresses) {
  ServerOptions options;
  options.addresses = {{"127.0.0.1", 0, ""}, {"localhost", 0, ""}};
  TestServer server(options, echo_routes());
  for (const auto& name : server->names()) {
    Client client(std::stoi(name.substr(name.rfind(':') + 1)));
    client.send(get("/get"));
    EXPECT_EQ(client.answer().status, 200) << name;
  }
}

}  // namespace
}  // namespace onebit::http
