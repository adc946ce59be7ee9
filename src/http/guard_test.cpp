#include "http/guard.h"

#include <gtest/gtest.h>

namespace onebit::http {
namespace {

Head head_of(std::optional<std::string> host, std::optional<std::string> origin = {}) {
  Head head;
  head.method = "POST";
  head.target = "/v1/models";
  head.host = std::move(host);
  head.origin = std::move(origin);
  return head;
}

int status(const Guard::Verdict& verdict) {
  return verdict.refusal ? verdict.refusal->status : 0;
}

TEST(Guard, AnswersToItsOwnNamesOnly) {
  GuardOptions options;
  options.hosts = {"Box.example", "10.0.0.7"};
  const Guard guard(options);
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]",
                           "[::1]:65535", "box.example:8080", "10.0.0.7"}) {
    EXPECT_EQ(status(guard.check(head_of(host), false, false)), 0) << host;
  }
  for (const char* host :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.localhost",
        "localhost:", "localhost:80a", "localhost:999999", "localhost@evil.example", ":80", "[::1",
        "::1", "[::2]", "127.0.0.2", "localhost,evil.example", "localhost:80:80", " localhost"}) {
    EXPECT_EQ(status(guard.check(head_of(host), false, true)), 403) << host;
    EXPECT_EQ(status(guard.check(head_of(host), true, true)), 0) << "a unix socket: " << host;
  }
  EXPECT_EQ(status(guard.check(head_of({}), false, true)), 403);
  EXPECT_EQ(status(guard.check(head_of({}), true, true)), 0);
}

TEST(Guard, AnyNameIfTheOwnerSaysSo) {
  GuardOptions options;
  options.hosts = {"*"};
  EXPECT_EQ(status(Guard(options).check(head_of("any.example:80"), false, false)), 0);
  EXPECT_EQ(status(Guard(options).check(head_of("any.example:x"), false, false)), 403);
}

TEST(Guard, PagesOfOtherSitesMayNotAsk) {
  const Guard guard({});
  for (const char* origin : {"http://localhost:8080", "https://localhost:8080"}) {
    const auto verdict = guard.check(head_of("localhost:8080", origin), false, false);
    EXPECT_EQ(status(verdict), 0) << origin;
    EXPECT_TRUE(verdict.cors.empty());
  }
  for (const char* origin :
       {"null", "", "http://evil.example", "http://localhost", "http://localhost:8081",
        "http://127.0.0.1:8080", "file://", "chrome-extension://localhost:8080",
        "http://localhost:8080.evil.example", "http://localhost:8080/", "localhost:8080"}) {
    EXPECT_EQ(status(guard.check(head_of("localhost:8080", origin), false, true)), 403) << origin;
  }
}

TEST(Guard, AllowedOriginsHearSo) {
  GuardOptions options;
  options.origins = {"https://app.example"};
  options.keys = ApiKeys::from_text("sk-first-key", "KEYS");
  const Guard guard(options);
  Head head = head_of("localhost", "https://app.example");
  head.authorization = "Bearer sk-first-key";
  auto verdict = guard.check(head, false, false);
  EXPECT_EQ(status(verdict), 0);
  ASSERT_EQ(verdict.cors.size(), 2u);
  EXPECT_EQ(verdict.cors[0].second, "https://app.example");

  // A preflight has no key.
  Head preflight = head_of("localhost", "https://app.example");
  preflight.method = "OPTIONS";
  preflight.asks_for_method = true;
  verdict = guard.check(preflight, false, false);
  EXPECT_EQ(status(verdict), 204);
  EXPECT_EQ(verdict.cors.size(), 2u);
  preflight.asks_for_method = false;
  EXPECT_EQ(status(guard.check(preflight, false, false)), 401);
  preflight.asks_for_method = true;
  preflight.origin = "https://other.example";
  EXPECT_EQ(status(guard.check(preflight, false, false)), 403);
}

TEST(Guard, KeyDecidesWhoAsks) {
  GuardOptions options;
  options.keys = ApiKeys::from_text("sk-first-key\nsk-second-key\n", "KEYS");
  const Guard guard(options);
  Head head = head_of("localhost");
  const auto check = [&](std::optional<std::string> authorization, bool is_public = false) {
    head.authorization = std::move(authorization);
    return guard.check(head, false, is_public);
  };
  for (const auto* good : {"Bearer sk-first-key", "bearer sk-first-key", "BEARER  sk-first-key"}) {
    EXPECT_EQ(status(check(good)), 0) << good;
    EXPECT_EQ(check(good).tenant, *options.keys.tenant("sk-first-key"));
  }
  EXPECT_NE(check("Bearer sk-second-key").tenant, check("Bearer sk-first-key").tenant);
  for (const auto* wrong : {"", "Bearer", "Bearer ", "sk-first-key", "Basic sk-first-key",
                            "Bearer sk-first-ke", "Bearersk-first-key", "Bearer sk-first-key,"}) {
    const auto verdict = check(wrong);
    EXPECT_EQ(status(verdict), 401) << wrong;
    EXPECT_NE(verdict.refusal->body.find("\"invalid_api_key\""), std::string::npos);
    EXPECT_EQ(verdict.refusal->headers.at(0).first, "WWW-Authenticate");
  }
  EXPECT_EQ(status(check({})), 401);
  EXPECT_EQ(status(check({}, true)), 0) << "public";
  EXPECT_EQ(check("Bearer sk-first-key", true).tenant, "");
  head.host = "evil.example";
  EXPECT_EQ(status(check("Bearer sk-first-key")), 403) << "the name comes first";
}

TEST(Guard, WithoutKeysEverybodyIsOneTenant) {
  Head head = head_of("localhost");
  head.authorization = "Bearer whatever-it-is";
  EXPECT_EQ(status(Guard({}).check(head, false, false)), 0);
  EXPECT_EQ(Guard({}).check(head, false, false).tenant, "");
}

}  // namespace
}  // namespace onebit::http
