// Memory runs out where an answer is prepared, and then for the words that would say so.
#include <gtest/gtest.h>

#include "engine/scheduler_testing.h"
#include "http/memory_testing.h"
#include "server/backend.h"
#include "server/testing.h"

namespace onebit {
namespace {

api::Call prepare_without_memory(const api::Service& service, const boost::json::object& body,
                                 const std::string& tenant, std::shared_ptr<api::Sink> sink) {
  if (!body.contains("without")) return fake_prepare(service, body, tenant, std::move(sink));
  g_may_fail = true;
  fail_allocations(body.at("without").as_int64(), 1000);
  throw std::bad_alloc();
}

TEST(Backend, GoesOnWithoutMemory) {
  BackendOptions options;
  options.model.open = scheduler_test_file;
  options.model.engine.threads = 1;
  options.model.scheduler.kv_bytes = 1 << 20;
  options.model.name = "test";
  options.preparation_threads = 1;
  options.endpoints = {{"/v1/test", prepare_without_memory}};
  Backend backend(std::move(options));
  const auto routes = backend.routes();
  backend.start();
  while (backend.phase() == Backend::Phase::kLoading) std::this_thread::yield();
  ASSERT_EQ(backend.phase(), Backend::Phase::kReady);
  const auto status_of = [&](const std::string& body) {
    FakeClient client;
    routes.front().handler(client.ask("/v1/test", body));
    EXPECT_TRUE(client.wait_for_end());
    spare_allocations();
    return client.status();
  };
  for (int64_t n = 0; n < 30; ++n) {
    EXPECT_NE(status_of("{\"without\": " + std::to_string(n) + "}"), 200) << n;
    EXPECT_EQ(status_of("{\"answer\": 1}"), 200) << n;
  }
}

}  // namespace
}  // namespace onebit
