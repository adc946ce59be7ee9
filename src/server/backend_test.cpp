// The backend with clients that have no sockets and an endpoint of its own.
#include "server/backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <future>
#include <utility>

#include "engine/scheduler_testing.h"
#include "server/routes.h"
#include "server/testing.h"

namespace onebit {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPath = "/v1/test";

// A backend, and waiting for what it does.
class Fixture {
 public:
  explicit Fixture(std::function<void(BackendOptions&)> edit = [](BackendOptions&) {}) {
    BackendOptions options;
    options.model.open = scheduler_test_file;
    options.model.engine.threads = 1;
    options.model.scheduler.kv_bytes = 1 << 20;
    options.model.name = "org/test";
    options.endpoints = {{kPath, fake_prepare}};
    options.on_change = [this] {
      const std::lock_guard lock(mutex_);
      changed_.notify_all();
    };
    edit(options);
    backend_.emplace(std::move(options));
    routes_ = backend_->routes();
    backend_->start();
  }
  ~Fixture() { backend_.reset(); }  // before the mutex that on_change takes

  Backend& operator*() { return *backend_; }
  Backend* operator->() { return &*backend_; }

  bool wait_until(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    for (int i = 0; i < 6000; ++i) {
      if (condition()) return true;
      changed_.wait_for(lock, 10ms);
    }
    return false;
  }
  bool wait_ready() {
    return wait_until([this] { return backend_->phase() == Backend::Phase::kReady; });
  }
  SchedulerStats stats() { return backend_->model()->scheduler().stats(); }

  void call(FakeClient& client, const std::string& path, const std::string& body = "",
            const std::string& tenant = "") {
    for (const http::Route& route : routes_) {
      if (route.path == path) return route.handler(client.ask(path, body, tenant));
    }
    FAIL() << "no route " << path;
  }
  std::string get(const std::string& path) {
    FakeClient client;
    call(client, path);
    EXPECT_TRUE(client.wait_for_end());
    return client.body();
  }
  // The value of a line of /metrics.
  // Those of the scheduler are of its last whole step.
  double metric(const std::string& name) {
    const std::string text = "\n" + get("/metrics");
    const auto at = text.find("\n" + name + " ");
    if (at == std::string::npos) return -1;
    return std::stod(text.substr(at + name.size() + 2));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Backend> backend_;
  std::vector<http::Route> routes_;
};

std::vector<std::string> answer_of(Fixture& backend, const std::string& body,
                                   const std::string& tenant = "") {
  FakeClient client;
  backend.call(client, kPath, body, tenant);
  EXPECT_TRUE(client.wait_for_end());
  return client.writes();
}

TEST(Backend, StreamsAnswers) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  const auto events = answer_of(backend, R"({"max_tokens": 5})");
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(events.back(), "length");
  EXPECT_TRUE(
      backend.wait_until([&] { return backend.metric("onebit_generated_tokens_total") == 5; }));
  EXPECT_EQ(backend.metric("onebit_time_to_first_token_seconds_count"), 1);
  EXPECT_EQ(backend.metric("onebit_inter_token_seconds_count"), 4);
  EXPECT_EQ(backend.metric("onebit_http_requests_total{path=\"/v1/test\",code=\"200\"}"), 1);
  EXPECT_TRUE(backend.wait_until([&] { return backend.metric("onebit_answers") == 0; }));
}

TEST(Backend, AnswersWithoutTheModel) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  FakeClient client;
  backend.call(client, kPath, R"({"answer": 1})");
  ASSERT_TRUE(client.wait_for_end());
  EXPECT_EQ(client.status(), 200);
  EXPECT_EQ(client.body(), "{}");
}

TEST(Backend, RefusesInOpenAisWords) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  const struct {
    const char* body;
    int status;
    const char* part;
  } cases[] = {
      {R"({"refuse": 1})", 400, "\"param\":\"refuse\""},
      {"{", 400, "\"error\""},
      {"[]", 400, "\"error\""},
      {R"({"max_tokens": 0})", 400, "max_tokens"},
      {R"({"prompt": 0})", 400, "prompt"},
      {R"({"throw": 1})", 500, "\"error\""},
  };
  for (const auto& c : cases) {
    FakeClient client;
    backend.call(client, kPath, c.body);
    ASSERT_TRUE(client.wait_for_end());
    EXPECT_EQ(client.status(), c.status) << c.body;
    EXPECT_NE(client.body().find(c.part), std::string::npos) << client.body();
    EXPECT_EQ(client.body().find("inside"), std::string::npos) << client.body();
  }
}

TEST(Backend, SaysWhatItDoesWhileItLoads) {
  std::promise<void> loads;
  Fixture backend([&](BackendOptions& options) {
    options.model.open = [&] {
      loads.get_future().wait();
      return scheduler_test_file();
    };
  });
  FakeClient health, post, models;
  backend.call(health, "/health");
  backend.call(post, kPath, "{}");
  backend.call(models, "/v1/models");
  EXPECT_EQ(health.status(), 503);
  EXPECT_EQ(health.body(), R"({"status":"loading"})");
  EXPECT_EQ(post.status(), 503);
  EXPECT_NE(post.body().find("model_loading"), std::string::npos) << post.body();
  EXPECT_EQ(post.headers().at(0).first, "Retry-After");
  EXPECT_EQ(models.status(), 503);
  EXPECT_EQ(backend.metric("onebit_phase{phase=\"loading\"}"), 1);
  loads.set_value();
  ASSERT_TRUE(backend.wait_ready());
  FakeClient ok;
  backend.call(ok, "/health");
  EXPECT_EQ(ok.status(), 200);
  EXPECT_EQ(ok.body(), R"({"status":"ok"})");
}

TEST(Backend, TellsWhyLoadingFailed) {
  Fixture backend([](BackendOptions& options) {
    options.model.open = []() -> ModelFile { throw Error(ErrorCode::kInvalidFile, "broken"); };
  });
  ASSERT_TRUE(backend.wait_until([&] { return backend->phase() == Backend::Phase::kFailed; }));
  EXPECT_THROW(std::rethrow_exception(backend->failure()), Error);
}

TEST(Backend, RefusesMemoryThatIsNotThere) {
  Fixture backend(
      [](BackendOptions& options) { options.model.scheduler.kv_bytes = int64_t{1} << 55; });
  ASSERT_TRUE(backend.wait_until([&] { return backend->phase() == Backend::Phase::kFailed; }));
  try {
    std::rethrow_exception(backend->failure());
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("found 36028797018963968"), std::string::npos)
        << error.what();
  }
}

TEST(Backend, ShowsTheModel) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  const auto list = boost::json::parse(backend.get("/v1/models"));
  const auto& model = list.at("data").at(0);
  EXPECT_EQ(model.at("id"), "org/test");
  EXPECT_EQ(model.at("object"), "model");
  EXPECT_EQ(model.at("onebit").at("name"), "test");
  EXPECT_EQ(model.at("onebit").at("context"), kTestContext);
  EXPECT_GT(model.at("onebit").at("parameters").to_number<int64_t>(), 100000);
  EXPECT_EQ(boost::json::parse(backend.get("/v1/models/org/test")), model);
  EXPECT_EQ(boost::json::parse(backend.get("/v1/models/org%2Ftest")), model);
}

TEST(Backend, ClientsThatLeaveFreeTheirBlocks) {
  Fixture backend([](BackendOptions& o) { o.model.scheduler.prefix_cache = false; });
  ASSERT_TRUE(backend.wait_ready());
  std::deque<FakeClient> clients(8);
  for (FakeClient& c : clients) {
    backend.call(c, kPath, R"({"prompt": 100, "max_tokens": 300, "n": 2})");
  }
  ASSERT_TRUE(clients.front().wait_for_events(3));
  EXPECT_GT(backend.metric("onebit_kv_blocks_used"), 0);
  for (FakeClient& c : clients) c.leave();
  EXPECT_TRUE(backend.wait_until([&] { return backend.metric("onebit_answers") == 0; }));
  EXPECT_TRUE(backend.wait_until([&] { return backend.metric("onebit_kv_blocks_used") == 0; }));
  EXPECT_TRUE(backend.wait_until([&] {
    const SchedulerStats stats = backend.stats();
    return stats.running == 0 && stats.waiting == 0;
  }));
  EXPECT_LT(backend.metric("onebit_generated_tokens_total"), 8 * 2 * 300);
}

TEST(Backend, ClientsThatLeftBeforeAreNotServed) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  FakeClient client;
  client.leave();
  backend.call(client, kPath, "{}");
  ASSERT_TRUE(client.wait_for_end());
  EXPECT_TRUE(client.writes().empty());
  EXPECT_EQ(backend.metric("onebit_http_requests_total{path=\"/v1/test\",code=\"499\"}"), 1);
}

TEST(Backend, SaysWhenItIsBusy) {
  Fixture backend([](BackendOptions& o) {
    o.model.scheduler.max_running = 1;
    o.model.scheduler.max_waiting = 2;
  });
  ASSERT_TRUE(backend.wait_ready());
  std::deque<FakeClient> clients(12);
  for (FakeClient& c : clients) backend.call(c, kPath, R"({"max_tokens": 200})");
  int n_refused = 0;
  for (FakeClient& c : clients) {
    ASSERT_TRUE(c.wait_for_end());
    if (c.status() == 200) {
      EXPECT_EQ(c.writes().size(), 201u);
      continue;
    }
    ++n_refused;
    EXPECT_EQ(c.status(), 429);
    EXPECT_NE(c.body().find("rate_limit"), std::string::npos) << c.body();
    EXPECT_EQ(c.headers().at(0).first, "Retry-After");
  }
  EXPECT_GT(n_refused, 0);
  EXPECT_LT(n_refused, 12);
  // All of a call or nothing. Three have a place, once the others have gone; four never will.
  ASSERT_TRUE(backend.wait_until([&] { return backend.stats().running == 0; }));
  for (const auto& [body, status] : {std::pair(R"({"n": 3})", 200), {R"({"n": 4})", 400}}) {
    FakeClient client;
    backend.call(client, kPath, body);
    ASSERT_TRUE(client.wait_for_end());
    EXPECT_EQ(client.status(), status) << client.body();
  }
}

// Preparations of {"wait": 1} do not end before release().
class Gate {
 public:
  api::Endpoint endpoint() {
    future() = released_.get_future().share();
    return {kPath, [](const api::Service& service, const boost::json::object& body,
                      const std::string& tenant, std::shared_ptr<api::Sink> sink) {
              if (body.contains("wait")) future().wait();
              return fake_prepare(service, body, tenant, std::move(sink));
            }};
  }
  void release() { released_.set_value(); }

 private:
  static std::shared_future<void>& future() {
    static std::shared_future<void> future;
    return future;
  }
  std::promise<void> released_;
};

TEST(Backend, ThePreparationQueueIsBounded) {
  std::deque<FakeClient> clients(6), others(3);
  Gate gate;
  Fixture backend([&](BackendOptions& o) {
    o.max_queued = 3;
    o.preparation_threads = 1;
    o.endpoints = {gate.endpoint()};
  });
  const auto n_refused = [](const std::deque<FakeClient>& all) {
    return std::ranges::count_if(
        all, [](const FakeClient& c) { return c.has_ended() && c.status() == 429; });
  };
  ASSERT_TRUE(backend.wait_ready());
  for (FakeClient& c : clients) backend.call(c, kPath, R"({"wait": 1})", "a");
  EXPECT_EQ(n_refused(clients), 2);  // one is being prepared, three wait
  for (FakeClient& c : others) backend.call(c, kPath, "{}", "b");
  EXPECT_EQ(n_refused(others), 1);  // two share four places
  gate.release();
  for (FakeClient& c : clients) EXPECT_TRUE(c.wait_for_end());
  for (FakeClient& c : others) EXPECT_TRUE(c.wait_for_end());
}

TEST(Backend, NobodyWaitsForThePreparationsOfAnother) {
  std::deque<FakeClient> slow(8);
  FakeClient quick;
  Gate gate;
  Fixture backend([&](BackendOptions& o) { o.endpoints = {gate.endpoint()}; });
  ASSERT_TRUE(backend.wait_ready());
  for (FakeClient& c : slow) backend.call(c, kPath, R"({"wait": 1})", "a");
  backend.call(quick, kPath, "{}", "b");
  EXPECT_TRUE(quick.wait_for_end());
  for (const FakeClient& c : slow) EXPECT_FALSE(c.has_ended());
  gate.release();
  for (FakeClient& c : slow) EXPECT_TRUE(c.wait_for_end());
}

TEST(Backend, DrainsAndThenEnds) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  FakeClient quick, slow, late;
  backend.call(quick, kPath, R"({"max_tokens": 100})");
  ASSERT_TRUE(quick.wait_for_events(1));
  backend->drain();
  backend.call(late, kPath, "{}");
  EXPECT_EQ(late.status(), 503);
  EXPECT_NE(late.body().find("shutting_down"), std::string::npos);
  EXPECT_EQ(backend.get("/health"), R"({"status":"draining"})");
  ASSERT_TRUE(quick.wait_for_end());
  EXPECT_EQ(quick.writes().size(), 101u);
  EXPECT_EQ(quick.writes().back(), "length");
}

TEST(Backend, TheSameTokensAloneAndInCompany) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  const std::string body = R"({"seed": 7, "max_tokens": 60, "prompt": 70})";
  const auto alone = answer_of(backend, body);
  std::deque<FakeClient> clients(16);
  for (FakeClient& c : clients) backend.call(c, kPath, body);
  for (FakeClient& c : clients) {
    ASSERT_TRUE(c.wait_for_end());
    EXPECT_EQ(c.writes(), alone);
  }
}

TEST(Backend, TenantsDoNotShareTheirPrefixes) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  const std::string body = R"({"prompt": 200})";
  answer_of(backend, body, "one");
  answer_of(backend, body, "two");
  EXPECT_TRUE(
      backend.wait_until([&] { return backend.metric("onebit_generated_tokens_total") == 16; }));
  EXPECT_EQ(backend.metric("onebit_cached_tokens_total"), 0);
  answer_of(backend, body, "two");
  EXPECT_TRUE(
      backend.wait_until([&] { return backend.metric("onebit_cached_tokens_total") == 192; }));
}

TEST(Backend, AnswersThatAreDroppedAreCounted) {
  Fixture backend;
  ASSERT_TRUE(backend.wait_ready());
  FakeClient client;
  backend.call(client, kPath, R"({"n": 0})");  // no requests and no answer: a bug of an endpoint
  ASSERT_TRUE(client.wait_for_end());
  EXPECT_EQ(client.status(), 500);
  EXPECT_TRUE(backend.wait_until([&] { return backend.metric("onebit_answers") == 0; }));
  EXPECT_EQ(backend.metric("onebit_http_requests_total{path=\"/v1/test\",code=\"500\"}"), 1);
}

TEST(Backend, EndsWithAnswersOnTheirWay) {
  std::deque<FakeClient> clients(20);
  {
    Fixture backend;
    ASSERT_TRUE(backend.wait_ready());
    for (FakeClient& c : clients) backend.call(c, kPath, R"({"max_tokens": 300})");
    ASSERT_TRUE(clients.front().wait_for_events(2));
  }
  for (FakeClient& c : clients) EXPECT_TRUE(c.wait_for_end());  // or the death of the exchange
}

TEST(PercentEncoded, IsEncodeUriComponent) {
  EXPECT_EQ(percent_encoded("a-Z_0.~"), "a-Z_0.~");
  EXPECT_EQ(percent_encoded("org/name:1 é"), "org%2Fname%3A1%20%C3%A9");
}

}  // namespace
}  // namespace onebit
