// Bytes to requests, by Boost.Beast. Without sockets, so that tests and fuzzers can feed it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/head.h"

namespace onebit::http {

// One request. Stricter than Beast where a lenient reading lets two programs disagree about where
// a request ends (RFC 9112, 11.2): lines end in CRLF, nothing is folded, one Content-Length,
// "chunked" is the only transfer coding, and each field that decides is there once.
class RequestParser {
 public:
  // kHead: the head is not whole. kHeadDone: it was just read; the parser stops there once, so that
  // limit_body() can be called. kBody: more is needed. kDone. kFailed: see error().
  enum class State { kHead, kHeadDone, kBody, kDone, kFailed };

  // `max_head`: bytes of request line and fields, and of what a chunk has besides data.
  explicit RequestParser(std::size_t max_head);
  ~RequestParser();

  // Takes bytes from the front of `bytes` and returns how many; what is left must be passed again,
  // with more behind it. How the bytes are cut into calls never changes the result.
  std::size_t parse(std::string_view bytes);

  State state() const { return state_; }
  const Head& head() const { return head_; }
  bool has_begun() const;  // some byte of the request line was seen

  void limit_body(int64_t max_bytes);
  int64_t body_size() const;
  std::string take_body();

  struct Failure {
    int status = 400;  // 400, 413, 431, 501 or 505
    std::string message;
  };
  const Failure& error() const { return error_; }

 private:
  struct Parser;

  std::size_t parse_head(std::string_view bytes);
  std::size_t parse_body(std::string_view bytes);
  void read_head();
  void fail(int status, std::string message);

  std::size_t max_head_;
  std::size_t scanned_ = 0;  // bytes of the head known to be well-formed lines
  std::size_t skipped_ = 0;  // bytes of empty lines before it
  std::unique_ptr<Parser> parser_;
  Head head_;
  State state_ = State::kHead;
  Failure error_;
};

}  // namespace onebit::http
