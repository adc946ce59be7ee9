// The whole server on loopback sockets, with the default model.
#include "server/model_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "models/model_file.h"
#include "server/socket_client.h"

namespace onebit {
namespace {

using namespace std::chrono_literals;

constexpr const char* kCompletions = "/v1/completions";
constexpr const char* kChat = "/v1/chat/completions";

// Completions that go on to their limit, 2 ms a token: for what happens meanwhile.
constexpr const char* kSlow = "/slow";
api::Call prepare_slowly(const api::Service& service, const boost::json::object& body,
                         const std::string& tenant, std::shared_ptr<api::Sink> sink) {
  const auto& all = api::endpoints();
  const auto completions = std::ranges::find(all, kCompletions, &api::Endpoint::path);
  api::Call call = completions->prepare(service, body, tenant, std::move(sink));
  for (Request& request : call.requests) {
    request.ignore_eos = true;
    request.on_token = [inner = std::move(request.on_token)](const TokenEvent& event) {
      std::this_thread::sleep_for(2ms);
      return inner(event);
    };
  }
  return call;
}

class Running {
 public:
  explicit Running(const std::function<void(BackendOptions&, http::ServerOptions&)>& edit =
                       [](BackendOptions&, http::ServerOptions&) {}) {
    BackendOptions backend;
    backend.model.open = [] { return ModelFile::open(ONEBIT_SOURCE_DIR "/models/default.gguf"); };
    backend.model.engine.threads = 1;
    backend.model.scheduler.kv_bytes = int64_t{64} << 20;
    backend.model.name = "default";
    backend.endpoints.push_back({kSlow, prepare_slowly});
    backend.on_change = [this] {
      const std::lock_guard lock(mutex_);
      changed_.notify_all();
    };
    http::ServerOptions http;
    edit(backend, http);
    server_ = std::make_unique<ModelServer>(std::move(backend), std::move(http));
  }
  ~Running() { server_.reset(); }  // before the mutex that on_change takes

  ModelServer& operator*() { return *server_; }
  ModelServer* operator->() { return server_.get(); }
  int port() const { return server_->http().port(); }

  bool wait_until(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    for (int i = 0; i < 6000; ++i) {
      if (condition()) return true;
      changed_.wait_for(lock, 10ms);
    }
    return false;
  }
  bool wait_ready() {
    return wait_until([this] { return server_->backend().phase() == Backend::Phase::kReady; });
  }
  SchedulerStats stats() { return server_->backend().model()->scheduler().stats(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<ModelServer> server_;
};

std::string text_of(const SocketClient::Answer& answer) {
  return std::string(answer.json().at("choices").at(0).at("text").as_string());
}

// The text of a streamed completion.
std::string streamed_text(const SocketClient::Answer& answer) {
  std::string text;
  for (const std::string& event : answer.events()) {
    if (event == "[DONE]") continue;
    const auto json = boost::json::parse(event);
    for (const auto& choice : json.at("choices").as_array()) text += choice.at("text").as_string();
  }
  return text;
}

TEST(ModelServer, AnswersWholeAndInStreams) {
  Running server;
  ASSERT_TRUE(server.wait_ready());
  const auto whole = post(server.port(), kCompletions,
                          R"({"prompt": "Once upon a time", "max_tokens": 40, "seed": 3})");
  ASSERT_EQ(whole.status, 200) << whole.body;
  EXPECT_EQ(whole.json().at("usage").at("completion_tokens"), 40);
  const auto stream =
      post(server.port(), kCompletions,
           R"({"prompt": "Once upon a time", "max_tokens": 40, "seed": 3, "stream": true})");
  ASSERT_EQ(stream.status, 200) << stream.body;
  EXPECT_NE(stream.head.find("text/event-stream"), std::string::npos) << stream.head;
  EXPECT_EQ(stream.events().back(), "[DONE]");
  EXPECT_EQ(streamed_text(stream), text_of(whole));

  const auto chat = post(server.port(), kChat,
                         R"({"messages": [{"role": "user", "content": "The king"}],
                             "max_completion_tokens": 10})");
  ASSERT_EQ(chat.status, 200) << chat.body;
  EXPECT_TRUE(chat.json().at("choices").at(0).at("message").at("content").is_string());
}

TEST(ModelServer, SpeaksOfErrorsAsOpenAiDoes) {
  Running server;
  ASSERT_TRUE(server.wait_ready());
  const struct {
    SocketClient::Answer answer;
    int status;
  } cases[] = {
      {post(server.port(), kCompletions, "{"), 400},
      {post(server.port(), kCompletions, R"({"prompt": "a", "max_tokens": -1})"), 400},
      {post(server.port(), kChat, R"({"messages": 5})"), 400},
      {post(server.port(), kCompletions, R"({"prompt": "a", "max_tokens": 9999999})"), 400},
      {get(server.port(), "/v1/nothing"), 404},
      {get(server.port(), kChat), 405},
      {post(server.port(), kChat, std::string((4 << 20) + 1, ' ')), 413},
  };
  for (const auto& [answer, status] : cases) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_TRUE(answer.json().at("error").at("message").is_string()) << answer.body;
  }
}

TEST(ModelServer, ShowsItself) {
  Running server;
  ASSERT_TRUE(server.wait_ready());
  EXPECT_EQ(get(server.port(), "/health").body, R"({"status":"ok"})");
  const auto models = get(server.port(), "/v1/models").json();
  EXPECT_EQ(models.at("data").at(0).at("id"), "default");
  EXPECT_EQ(get(server.port(), "/v1/models/default").json(), models.at("data").at(0));
  const auto metrics = get(server.port(), "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_NE(metrics.body.find("\nonebit_connections "), std::string::npos) << metrics.body;
}

TEST(ModelServer, SaysThatItLoads) {
  std::promise<void> loads;
  Running server([&](BackendOptions& backend, http::ServerOptions&) {
    backend.model.open = [&loads, open = backend.model.open] {
      loads.get_future().wait();
      return open();
    };
  });
  const auto health = get(server.port(), "/health");
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(health.body, R"({"status":"loading"})");
  const auto refused = post(server.port(), kCompletions, R"({"prompt": "a"})");
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.head.find("Retry-After: "), std::string::npos) << refused.head;
  loads.set_value();
  ASSERT_TRUE(server.wait_ready());
  EXPECT_EQ(get(server.port(), "/health").status, 200);
}

TEST(ModelServer, ClientsThatLeaveFreeTheirBlocks) {
  Running server(
      [](BackendOptions& b, http::ServerOptions&) { b.model.scheduler.prefix_cache = false; });
  ASSERT_TRUE(server.wait_ready());
  for (const char* stream : {"true", "false"}) {
    std::deque<SocketClient> clients;
    for (int i = 0; i < 12; ++i) {
      clients.emplace_back(server.port())
          .post(kSlow,
                std::string(R"({"prompt": "Once", "max_tokens": 200, "stream": )") + stream + "}");
    }
    ASSERT_TRUE(server.wait_until([&] { return server.stats().running > 4; }));
    EXPECT_GT(server.stats().kv_blocks_used, 0);
    clients.clear();
    EXPECT_TRUE(server.wait_until([&] {
      const SchedulerStats stats = server.stats();
      return stats.running == 0 && stats.waiting == 0 && stats.kv_blocks_used == 0;
    }));
  }
  EXPECT_LT(server.stats().generated_tokens, 2 * 12 * 200);
}

TEST(ModelServer, SaysWhenItIsBusy) {
  Running server([](BackendOptions& b, http::ServerOptions&) {
    b.model.scheduler.max_running = 1;
    b.model.scheduler.max_waiting = 1;
  });
  ASSERT_TRUE(server.wait_ready());
  std::deque<SocketClient> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back(server.port()).post(kSlow, R"({"prompt": "Once", "max_tokens": 50})");
  }
  int n_done = 0, n_refused = 0;
  for (SocketClient& client : clients) {
    const auto answer = client.answer();
    n_done += answer.status == 200;
    if (answer.status != 429) continue;
    ++n_refused;
    EXPECT_NE(answer.head.find("Retry-After: 1"), std::string::npos) << answer.head;
    EXPECT_TRUE(answer.json().at("error").at("code").is_string());
  }
  EXPECT_GT(n_done, 0);
  EXPECT_GT(n_refused, 0);
  EXPECT_EQ(n_done + n_refused, 12);
}

TEST(ModelServer, KeysAreAskedForAndKeepPrefixesApart) {
  Running server([](BackendOptions&, http::ServerOptions& http) {
    http.guard.keys = http::ApiKeys::from_text("key-number-1\nkey-number-2\n", "test");
  });
  ASSERT_TRUE(server.wait_ready());
  for (const char* path : {"/v1/models", "/metrics"}) {
    EXPECT_EQ(get(server.port(), path).status, 401) << path;
    EXPECT_EQ(get(server.port(), path, "Authorization: Bearer key-number-3\r\n").status, 401);
    EXPECT_EQ(get(server.port(), path, "Authorization: Bearer key-number-1\r\n").status, 200);
  }
  EXPECT_EQ(get(server.port(), "/health").status, 200);
  std::string prompt;
  for (int i = 0; i < 20; ++i) prompt += "The king said to the queen. ";
  const std::string body = R"({"max_tokens": 2, "prompt": ")" + prompt + "\"}";
  const auto cached = [&](int key) {
    const auto answer = post(server.port(), kCompletions, body,
                             "Authorization: Bearer key-number-" + std::to_string(key) + "\r\n");
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.json().at("timings").at("cached_n").to_number<int64_t>();
  };
  EXPECT_EQ(cached(1), 0);
  EXPECT_EQ(cached(2), 0);
  EXPECT_GE(cached(1), 64);
}

TEST(ModelServer, TheSameTokensAloneAndInCompany) {
  Running server;
  ASSERT_TRUE(server.wait_ready());
  const std::string body =
      R"({"prompt": "Once upon a time", "max_tokens": 80, "seed": 11, "temperature": 1})";
  const std::string alone = text_of(post(server.port(), kCompletions, body));
  EXPECT_GT(alone.size(), 40u);
  std::deque<SocketClient> clients;
  for (int i = 0; i < 16; ++i) clients.emplace_back(server.port()).post(kCompletions, body);
  for (SocketClient& client : clients) EXPECT_EQ(text_of(client.answer()), alone);
}

TEST(ModelServer, ManyStreamsAtOnce) {
  Running server;
  ASSERT_TRUE(server.wait_ready());
  const auto body = [](int i, bool stream) {
    return R"({"prompt": "Once upon a time", "max_tokens": 30, "seed": )" + std::to_string(i) +
           R"(, "stream": )" + (stream ? "true}" : "false}");
  };
  std::deque<SocketClient> clients;
  for (int i = 0; i < 64; ++i) {
    clients.emplace_back(server.port()).post(kCompletions, body(i % 8, true));
  }
  std::vector<std::string> texts;
  for (SocketClient& client : clients) {
    const auto answer = client.answer();
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.events().back(), "[DONE]");
    texts.push_back(streamed_text(answer));
  }
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(texts[static_cast<std::size_t>(i)], texts[static_cast<std::size_t>(i % 8)]);
  }
  EXPECT_EQ(texts[5], text_of(post(server.port(), kCompletions, body(5, false))));
  EXPECT_TRUE(server.wait_until([&] { return server->http().counters().streams == 0; }));
}

constexpr const char* kLong = R"({"prompt": "Once", "max_tokens": 200, "stream": true, "n": 8})";

TEST(ModelServer, DrainsAndStops) {
  Running server;
  ASSERT_TRUE(server.wait_ready());
  SocketClient client(server.port());
  client.post(kSlow, R"({"prompt": "Once", "max_tokens": 100, "stream": true})");
  client.read_some(600);  // it has begun
  server->stop(30s);
  const auto answer = client.answer();
  EXPECT_EQ(answer.events().back(), "[DONE]");
  EXPECT_TRUE(server.wait_until([&] { return server->has_stopped(); }));
  EXPECT_THROW(SocketClient(server.port()), std::runtime_error);
}

TEST(ModelServer, WhatIsLeftAtTheEndGetsALastEvent) {
  Running server;
  ASSERT_TRUE(server.wait_ready());
  SocketClient client(server.port());
  client.post(kSlow, kLong);
  client.read_some(600);
  server->stop(0s);
  const auto answer = client.answer();
  ASSERT_EQ(answer.status, 200);
  const auto last = boost::json::parse(answer.events().back());
  EXPECT_EQ(last.at("error").at("code"), "shutting_down");
  EXPECT_TRUE(server.wait_until([&] { return server->has_stopped(); }));
}

TEST(ModelServer, EndsAtOnceWithAnswersOnTheirWay) {
  std::deque<SocketClient> clients;
  {
    Running server;
    ASSERT_TRUE(server.wait_ready());
    for (int i = 0; i < 10; ++i) clients.emplace_back(server.port()).post(kSlow, kLong);
    clients.front().read_some(600);
  }
  for (SocketClient& client : clients) client.answer();  // they all end
}

TEST(ModelServer, AnAddressInUseIsRefused) {
  Running server;
  try {
    Running second([&](BackendOptions&, http::ServerOptions& http) {
      http.addresses.front().port = server.port();
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(std::to_string(server.port())), std::string::npos)
        << error.what();
  }
}

TEST(ModelServer, OtherMachinesNeedAKey) {
  try {
    Running server([](BackendOptions&, http::ServerOptions& http) {
      http.addresses.front().host = "0.0.0.0";
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
  }
}

}  // namespace
}  // namespace onebit
