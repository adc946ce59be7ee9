// For tests: a client of HTTP over a loopback socket, one request a connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace onebit {

class SocketClient {
 public:
  explicit SocketClient(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval timeout{60, 0};  // a test that hangs should fail
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect");
    }
  }
  ~SocketClient() { leave(); }
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  void leave() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void get(const std::string& path, const std::string& fields = "") {
    send_all("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields +
             "\r\n");
  }
  void post(const std::string& path, const std::string& body, const std::string& fields = "") {
    send_all("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields +
             "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body);
  }
  // Until so many bytes have come, or the end.
  void read_some(std::size_t n) {
    while (text_.size() < n && receive()) {
    }
  }

  // All up to the end of the connection.
  struct Answer {
    int status = 0;
    std::string head;
    std::string body;

    boost::json::value json() const { return boost::json::parse(body); }
    // What follows "data: ", of each event.
    std::vector<std::string> events() const {
      std::vector<std::string> events;
      for (std::size_t at = 0; (at = body.find("data: ", at)) != std::string::npos;) {
        const std::size_t end = std::min(body.find("\n\n", at), body.size());
        events.push_back(body.substr(at + 6, end - at - 6));
        at = end;
      }
      return events;
    }
  };
  Answer answer() {
    while (receive()) {
    }
    Answer answer;
    const std::size_t end = text_.find("\r\n\r\n");
    if (end == std::string::npos || !text_.starts_with("HTTP/1.1 ")) return answer;
    answer.status = std::stoi(text_.substr(9, 3));
    answer.head = text_.substr(0, end + 2);
    answer.body = text_.substr(end + 4);
    if (answer.head.find("chunked") != std::string::npos) answer.body = joined(answer.body);
    return answer;
  }

 private:
  void send_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // what was answered before says why
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  bool receive() {
    char buffer[16384];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) text_.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }
  static std::string joined(std::string_view chunks) {
    std::string body;
    while (!chunks.empty()) {
      const std::size_t line = chunks.find("\r\n");
      if (line == std::string_view::npos) break;
      const auto size = std::stoul(std::string(chunks.substr(0, line)), nullptr, 16);
      if (size == 0) break;
      body += chunks.substr(line + 2, size);
      chunks.remove_prefix(std::min(chunks.size(), line + 2 + size + 2));
    }
    return body;
  }

  int fd_;
  std::string text_;
};

inline SocketClient::Answer get(int port, const std::string& path, const std::string& fields = "") {
  SocketClient client(port);
  client.get(path, fields);
  return client.answer();
}
inline SocketClient::Answer post(int port, const std::string& path, const std::string& body,
                                 const std::string& fields = "") {
  SocketClient client(port);
  client.post(path, body, fields);
  return client.answer();
}

}  // namespace onebit
