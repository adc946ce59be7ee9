#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

namespace onebit::http {

namespace beast = boost::beast::http;

struct RequestParser::Parser : beast::request_parser<beast::string_body> {};

namespace {

// A request line that is well-formed, but of another version.
bool names_version(std::string_view head) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto last = line.substr(line.rfind(' ') + 1);
  return std::count(line.begin(), line.end(), ' ') == 2 && last.size() == 8 &&
         last.starts_with("HTTP/") && last[6] == '.';
}

}  // namespace

RequestParser::RequestParser(std::size_t max_head) : max_head_(max_head) {}
RequestParser::~RequestParser() = default;

bool RequestParser::has_begun() const {
  return scanned_ > 0 || parser_;
}

void RequestParser::fail(int status, std::string message) {
  state_ = State::kFailed;
  error_ = {status, std::move(message)};
}

std::size_t RequestParser::parse(std::string_view bytes) {
  switch (state_) {
    case State::kHead:
      return parse_head(bytes);
    case State::kHeadDone:
    case State::kBody:
      return parse_body(bytes);
    case State::kDone:
    case State::kFailed:
      break;
  }
  return 0;
}

// Beast sees a head once it is whole: it is then read in one way, however it arrived, and what is
// not a text of CRLF lines (TLS, say) is refused at its first wrong byte.
std::size_t RequestParser::parse_head(std::string_view bytes) {
  std::size_t begin = 0;
  if (scanned_ == 0) {  // RFC 9112, 2.2: empty lines before a request are to be ignored
    while (bytes.substr(begin, 2) == "\r\n") begin += 2;
    skipped_ += begin;
    if (skipped_ > max_head_) return fail(431, "the head of the request is too large"), begin;
    bytes.remove_prefix(begin);
    if (bytes == "\r") return begin;  // another one, perhaps
  }
  for (std::size_t i = scanned_; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (i >= max_head_) {
      fail(431, "the head of the request is larger than " + std::to_string(max_head_) + " bytes");
      return begin;
    }
    const bool after_return = i > 0 && bytes[i - 1] == '\r';
    const bool starts_line = i > 1 && bytes[i - 1] == '\n';
    if (after_return != (byte == '\n')) {
      fail(400, "the head of the request has a line that does not end in CR LF");
    } else if ((byte < ' ' && byte != '\r' && byte != '\n' && byte != '\t') || byte == 0x7f) {
      fail(400, "the head of the request has a control character");
    } else if (starts_line && (byte == ' ' || byte == '\t')) {
      fail(400, "the head of the request has a folded line");
    }
    if (state_ == State::kFailed) return begin;
    if (byte == '\n' && i >= 3 && bytes[i - 2] == '\n') {
      parser_ = std::make_unique<Parser>();
      parser_->header_limit(static_cast<std::uint32_t>(max_head_) + 4);
      parser_->body_limit(boost::none);  // as the route says, which is not known yet
      boost::system::error_code error;
      const auto head = bytes.substr(0, i + 1);
      const auto taken = parser_->put(boost::asio::buffer(head), error);
      if (error == beast::error::bad_version && names_version(head)) {
        fail(505, "expected HTTP/1.1 or HTTP/1.0");
      } else if (error || !parser_->is_header_done() || taken != head.size()) {
        fail(400, "the head of the request is malformed" +
                      (error ? ": " + error.message() : std::string()));
      } else {
        read_head();
      }
      return begin + head.size();
    }
    scanned_ = i + 1;
  }
  return begin;
}

void RequestParser::read_head() {
  const auto& message = parser_->get();
  head_.method = std::string(message.method_string());
  head_.target = std::string(message.target());
  head_.is_http10 = message.version() == 10;
  head_.keep_alive = parser_->keep_alive();

  using beast::field;
  const auto once = [&](field name) -> std::optional<std::string> {
    if (message.count(name) == 0) return std::nullopt;
    if (message.count(name) > 1) {
      fail(400, "expected one field " + std::string(to_string(name)) + ", found several");
    }
    return std::string(message[name]);
  };
  head_.host = once(field::host);
  head_.origin = once(field::origin);
  head_.authorization = once(field::authorization);
  head_.expect = once(field::expect);
  head_.asks_for_method = once(field::access_control_request_method).has_value();
  const auto length = once(field::content_length);
  const auto coding = once(field::transfer_encoding);
  if (state_ == State::kFailed) return;
  if (length && length->find_first_not_of("0123456789") != std::string::npos) {
    return fail(400, "expected a number as Content-Length");
  }
  if (coding) {
    if (length) return fail(400, "expected Content-Length or Transfer-Encoding, found both");
    if (head_.is_http10) return fail(400, "HTTP/1.0 has no Transfer-Encoding");
    if (!beast::token_list{*coding}.exists("chunked") || !parser_->chunked() ||
        coding->size() != std::string_view("chunked").size()) {
      return fail(501, "expected no Transfer-Encoding but chunked");
    }
    head_.is_chunked = true;
  }
  if (length) {
    const auto bytes = parser_->content_length().value_or(0);
    if (bytes > static_cast<std::uint64_t>(INT64_MAX)) {
      return fail(413, "the body of the request is too large");
    }
    head_.content_length = static_cast<int64_t>(bytes);
  }
  state_ = parser_->is_done() ? State::kDone : State::kHeadDone;
}

void RequestParser::limit_body(int64_t max_bytes) {
  if (state_ == State::kDone || state_ == State::kFailed) return;
  parser_->body_limit(static_cast<std::uint64_t>(max_bytes));
  if (head_.content_length > max_bytes) {
    fail(413, "the body of the request is larger than " + std::to_string(max_bytes) + " bytes");
  }
}

std::size_t RequestParser::parse_body(std::string_view bytes) {
  state_ = State::kBody;
  // No chunked body ends in less than "0\r\n\r\n", and Beast 1.81 asserts that it gets so much of a
  // last chunk.
  const std::size_t least = head_.is_chunked ? 5 : 1;
  std::size_t taken = 0;
  while (state_ == State::kBody && bytes.size() - taken >= least) {
    boost::system::error_code error;
    const std::size_t n = parser_->put(boost::asio::buffer(bytes.substr(taken)), error);
    taken += n;
    if (error == beast::error::need_more) break;
    if (error == beast::error::body_limit) {
      fail(413, "the body of the request is too large");
    } else if (error) {
      fail(400, "the body of the request is malformed: " + error.message());
    } else if (parser_->is_done()) {
      state_ = State::kDone;
    } else if (n == 0) {
      break;
    }
  }
  if (state_ == State::kBody && bytes.size() - taken > max_head_) {  // extensions, trailers
    fail(400, "a chunk of the body has too much besides data");
  }
  return taken;
}

int64_t RequestParser::body_size() const {
  return parser_ ? static_cast<int64_t>(parser_->get().body().size()) : 0;
}

std::string RequestParser::take_body() {
  return std::move(parser_->get().body());
}

}  // namespace onebit::http
