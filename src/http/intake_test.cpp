#include "http/intake.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace onebit::http {
namespace {

Policy make_policy() {
  return {Guard({}), Router({{"GET", "/get", nullptr, 0, false},
                             {"POST", "/post", nullptr, 100, false},
                             {"GET", "/both", nullptr, 0, false},
                             {"POST", "/both", nullptr, 10, false}})};
}

// What comes of bytes: the status that the intake answers, 1 for a request, 0 for one not whole.
struct Result {
  int status = 0;
  bool keep_alive = false;
  std::size_t taken = 0;
  Request request;
  Response answer;
};

Result take(const std::string& bytes, std::size_t step = SIZE_MAX) {
  const Policy policy = make_policy();
  Intake intake(policy, false);
  Result result;
  std::string in;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto count = std::min(step, bytes.size() - at);
    in.append(bytes, at, count);
    at += count;
    const auto taken = intake.feed(in);
    in.erase(0, taken);
    result.taken += taken;
    if (intake.state() == Intake::State::kRequest || intake.state() == Intake::State::kAnswer) {
      break;
    }
  }
  if (intake.state() == Intake::State::kRequest) {
    result.status = 1;
    result.request = intake.take_request();
  } else if (intake.state() == Intake::State::kAnswer) {
    result.answer = intake.take_answer();
    result.status = result.answer.status;
  }
  result.keep_alive = intake.keep_alive();
  return result;
}

std::string with(const std::string& fields, const std::string& body = "",
                 const std::string& line = "POST /post HTTP/1.1") {
  return line + "\r\nHost: localhost\r\n" + fields + "\r\n" + body;
}

TEST(Intake, TakesARequestAndNoByteMore) {
  const std::string first = with("Content-Length: 5\r\n", "hello", "POST /post?a=b?c HTTP/1.1");
  const auto result = take(first + "GET /next");
  ASSERT_EQ(result.status, 1);
  EXPECT_EQ(result.taken, first.size());
  EXPECT_TRUE(result.keep_alive);
  EXPECT_EQ(result.request.method, "POST");
  EXPECT_EQ(result.request.path, "/post");
  EXPECT_EQ(result.request.query, "a=b?c");
  EXPECT_EQ(result.request.body, "hello");
}

struct Case {
  const char* what;
  std::string bytes;
  int status;
};

std::vector<Case> cases() {
  const std::string big(17 * 1024, 'a');
  return {
      {"bodies", with("Content-Length: 0\r\n"), 1},
      {"no body at all", with(""), 1},
      {"chunks",
       with("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"), 1},
      {"chunks, trailers", with("Transfer-Encoding: Chunked\r\n", "1\r\na\r\n0\r\nX: y\r\n\r\n"),
       1},
      {"empty lines before it", "\r\n\r\n" + with("Content-Length: 2\r\n", "ab"), 1},
      {"absolute form", with("", "", "GET http://LOCALHOST/get?q HTTP/1.1"), 1},
      {"absolute form of another host", with("", "", "GET http://evil.example/get HTTP/1.1"), 400},
      {"HTTP/1.0", "GET /get HTTP/1.0\r\nHost: localhost\r\n\r\n", 1},
      {"HTTP/1.0 without Host", "GET /get HTTP/1.0\r\n\r\n", 403},
      {"HTTP/1.1 without Host", "GET /get HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", with("Host: localhost\r\n"), 400},
      {"a foreign Host", "GET /get HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403},
      {"HTTP/2.0", with("", "", "GET /get HTTP/2.0"), 505},
      {"HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/0.9", "GET /get\r\n\r\n", 400},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", 10), 400},
      {"garbage", "\xff\xfe\xfd\r\n\r\n", 400},
      {"no target", with("", "", "GET  HTTP/1.1"), 400},
      {"a target that is no path", with("", "", "GET get HTTP/1.1"), 400},
      {"authority form", with("", "", "CONNECT evil.example:443 HTTP/1.1"), 400},
      {"a space in the target", with("", "", "GET /a b HTTP/1.1"), 400},
      {"a lone CR", with("X: a\rb\r\n"), 400},
      {"a lone LF", "GET /get HTTP/1.1\nHost: localhost\n\n", 400},
      {"a NUL", with(std::string("X: a\0b\r\n", 8)), 400},
      {"a folded line", with("X: a\r\n b\r\n"), 400},
      {"a space before the colon", with("Content-Length : 3\r\n", "abc"), 400},
      {"no colon", with("nonsense\r\n"), 400},
      {"an empty name", with(": value\r\n"), 400},
      {"CL and TE", with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"TE and CL", with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400},
      {"CL and identity", with("Transfer-Encoding: identity\r\nContent-Length: 3\r\n", "abc"), 400},
      {"two CL", with("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), 400},
      {"the same CL twice", with("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
      {"a list of CL", with("Content-Length: 3, 3\r\n", "abc"), 400},
      {"negative CL", with("Content-Length: -1\r\n", "abc"), 400},
      {"CL with a sign", with("Content-Length: +3\r\n", "abc"), 400},
      {"hexadecimal CL", with("Content-Length: 0x3\r\n", "abc"), 400},
      {"an empty CL", with("Content-Length: \r\n", "abc"), 400},
      {"CL over 64 bits", with("Content-Length: 18446744073709551616\r\n"), 400},
      {"CL of 64 bits", with("Content-Length: 18446744073709551615\r\n"), 413},
      {"TE gzip", with("Transfer-Encoding: gzip\r\n", "abc"), 501},
      {"TE gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
      {"TE chunked, identity", with("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 501},
      {"TE xchunked", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501},
      {"two TE", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       400},
      {"TE in HTTP/1.0", with("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "POST /post HTTP/1.0"),
       400},
      {"a chunk without size", with("Transfer-Encoding: chunked\r\n", "\r\nabc\r\n0\r\n\r\n"), 400},
      {"a negative chunk", with("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n"), 400},
      {"a chunk of 0x", with("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"), 400},
      {"a huge chunk",
       with("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nabc\r\n0\r\n\r\n"), 413},
      {"a chunk over 64 bits",
       with("Transfer-Encoding: chunked\r\n", "10000000000000000\r\nabc\r\n0\r\n\r\n"), 400},
      {"a chunk longer than it says",
       with("Transfer-Encoding: chunked\r\n", "2\r\nabc\r\n0\r\n\r\n"), 400},
      {"a lone LF after a chunk's size",
       with("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"), 400},
      {"a bad trailer", with("Transfer-Encoding: chunked\r\n", "0\r\nbad trailer\r\n\r\n"), 400},
      {"a body over the limit", with("Content-Length: 101\r\n"), 413},
      {"a body at the limit", with("Content-Length: 100\r\n", std::string(100, 'a')), 1},
      {"chunks over the limit",
       with("Transfer-Encoding: chunked\r\n", "50\r\n" + std::string(80, 'a') + "\r\n15\r\n" +
                                                  std::string(21, 'a') + "\r\n0\r\n\r\n"),
       413},
      {"a body where none is read", with("Content-Length: 1\r\n", "a", "GET /get HTTP/1.1"), 413},
      {"a chunk extension without end", with("Transfer-Encoding: chunked\r\n", "1;" + big), 400},
      {"trailers without end", with("Transfer-Encoding: chunked\r\n", "0\r\nX: " + big), 400},
      {"a long target", "GET /" + big + " HTTP/1.1\r\n\r\n", 431},
      {"a long field", with("X: " + big + "\r\n"), 431},
      {"a head without end", "GET /get HTTP/1.1\r\nX: " + big, 431},
      {"no end of empty lines",
       [] {
         std::string lines;
         for (int i = 0; i < 9000; ++i) lines += "\r\n";
         return lines;
       }(),
       431},
      {"an unknown path", with("", "", "GET /etc/passwd HTTP/1.1"), 404},
      {"an unknown path with a body", with("Content-Length: 3\r\n", "abc", "POST /x HTTP/1.1"),
       404},
      {"paths are not decoded", with("", "", "GET /%67et HTTP/1.1"), 404},
      {"paths are not cleaned", with("", "", "GET /x/../get HTTP/1.1"), 404},
      {"paths end where they end", with("", "", "GET /get/ HTTP/1.1"), 404},
      {"a wrong method", with("", "", "DELETE /get HTTP/1.1"), 405},
      {"methods have case", with("", "", "get /get HTTP/1.1"), 405},
      {"an unknown method", with("", "", "BREW /both HTTP/1.1"), 405},
      {"HEAD", with("", "", "HEAD /get HTTP/1.1"), 1},
      {"HEAD of POST", with("", "", "HEAD /post HTTP/1.1"), 405},
      {"OPTIONS", with("", "", "OPTIONS /both HTTP/1.1"), 204},
      {"OPTIONS *", with("", "", "OPTIONS * HTTP/1.1"), 204},
      {"GET *", with("", "", "GET * HTTP/1.1"), 400},
      {"Expect", with("Content-Length: 3\r\nExpect: 100-continue\r\n", "abc"), 1},
      {"an unknown Expect", with("Content-Length: 3\r\nExpect: more\r\n", "abc"), 417},
      {"no end of a chunk's data, nor enough to say so",
       with("Transfer-Encoding: chunked\r\n", "3\r\nabc1.1\r"), 0},
      {"half a head", "GET /get HTTP/1.1\r\nHost: localhost\r\n", 0},
      {"half a body", with("Content-Length: 3\r\n", "ab"), 0},
      {"half of the chunks", with("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"), 0},
      {"a foreign Origin", with("Origin: http://evil.example\r\n"), 403},
      {"two Origins", with("Origin: http://localhost\r\nOrigin: http://evil.example\r\n"), 400},
      {"two keys", with("Authorization: a\r\nAuthorization: b\r\n"), 400},
  };
}

TEST(Intake, DecidesEachRequestWithOneAnswer) {
  for (const Case& c : cases()) {
    const auto result = take(c.bytes);
    EXPECT_EQ(result.status, c.status) << c.what << ": " << result.answer.body;
    if (result.status >= 400) {
      EXPECT_TRUE(result.answer.body.starts_with("{\"error\":{\"message\":\"")) << c.what;
      EXPECT_NE(result.answer.body.find("\"type\":\""), std::string::npos) << c.what;
      EXPECT_EQ(result.answer.content_type, "application/json");
    }
    // Nothing is read behind a request whose end is in doubt.
    if (result.status == 400 || result.status == 413 || result.status == 431 ||
        result.status >= 500) {
      EXPECT_FALSE(result.keep_alive) << c.what;
    }
  }
}

TEST(Intake, DecidesTheSameHoweverTheBytesArrive) {
  for (const Case& c : cases()) {
    const auto whole = take(c.bytes);
    for (const std::size_t step :
         {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}}) {
      const auto split = take(c.bytes, step);
      EXPECT_EQ(split.status, whole.status) << c.what << ", " << step << " bytes a time";
      EXPECT_EQ(split.request.body, whole.request.body) << c.what;
      EXPECT_EQ(split.answer.body, whole.answer.body) << c.what;
      EXPECT_EQ(split.keep_alive, whole.keep_alive) << c.what;
    }
  }
}

TEST(Intake, KeepsTheConnectionAsAsked) {
  EXPECT_TRUE(take(with("")).keep_alive);
  EXPECT_FALSE(take(with("Connection: close\r\n")).keep_alive);
  EXPECT_FALSE(take(with("", "", "GET /get HTTP/1.0")).keep_alive);
  EXPECT_TRUE(take(with("Connection: keep-alive\r\n", "", "GET /get HTTP/1.0")).keep_alive);
  EXPECT_TRUE(take(with("", "", "GET /none HTTP/1.1")).keep_alive) << "nothing is left unread";
  EXPECT_FALSE(take(with("Content-Length: 3\r\n", "", "POST /none HTTP/1.1")).keep_alive);
}

TEST(Intake, SaysWhichMethodsThereAre) {
  const auto wrong = take(with("", "", "PUT /both HTTP/1.1"));
  ASSERT_EQ(wrong.answer.headers.size(), 1u);
  EXPECT_EQ(wrong.answer.headers[0].first, "Allow");
  EXPECT_EQ(wrong.answer.headers[0].second, "GET, HEAD, POST, OPTIONS");
}

TEST(Intake, AsksForTheBodyOnlyIfItIsWelcome) {
  const Policy policy = make_policy();
  const auto head = [&](const std::string& path, const std::string& length) {
    Intake intake(policy, false);
    intake.feed("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n" +
                "Content-Length: " + length + "\r\n\r\n");
    const bool asks = intake.take_continue();
    EXPECT_FALSE(intake.take_continue()) << "once";
    EXPECT_EQ(asks, intake.state() == Intake::State::kBody);
    return asks;
  };
  EXPECT_TRUE(head("/post", "100"));
  EXPECT_FALSE(head("/post", "101"));
  EXPECT_FALSE(head("/none", "100"));
  EXPECT_FALSE(head("/post", "0"));
}

TEST(Router, RefusesRoutesThatHideOthers) {
  EXPECT_THROW(Router({{"GET", "/a", nullptr, 0, false}, {"GET", "/a", nullptr, 0, false}}), Error);
  EXPECT_THROW(Router({{"GET", "a", nullptr, 0, false}}), Error);
}

}  // namespace
}  // namespace onebit::http
